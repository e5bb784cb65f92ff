//! What the table adds to an event.

use schema::{Event, Timestamp, field};

use super::{Key, Life, Table, Text};

/// Ancestors named at most.
const ANCESTRY: usize = 16;

/// Which fields an event already has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Present {
    /// `process.entity_id`.
    pub entity: bool,
    /// `process.start`.
    pub start: bool,
    /// `process.name`.
    pub name: bool,
    /// `process.executable`.
    pub executable: bool,
    /// `process.args`.
    pub args: bool,
    /// `process.working_directory`.
    pub cwd: bool,
    /// `process.parent.pid`.
    pub ppid: bool,
    /// `process.parent.name` or `.executable`.
    pub parent: bool,
    /// `container.id` or a scope.
    pub container: bool,
}

pub(super) fn apply(table: &Table, key: Key, present: Present, event: &mut Event) {
    let Some(life) = table.lives.get(key) else { return };
    let starts = event.all(field::EVENT_TYPE).any(|value| value == schema::Value::Text("start"));
    own(life, present, event);
    if !present.parent
        && let Some(parent) = life.parent.and_then(|parent| table.lives.get(parent))
    {
        self::parent(parent, present, starts, event);
    }
    if let Some(creator) = life.creator.and_then(|creator| table.lives.get(creator)) {
        event.push_long(field::AUDITNG_PROCESS_CREATOR_PID, i64::from(creator.pid));
        event.push_str(field::AUDITNG_PROCESS_CREATOR_ENTITY_ID, creator.entity_id());
    }
    if starts {
        ancestry(table, life, event);
    }
    if !present.container {
        life.place.apply(event, life.inherited);
    }
}

fn own(life: &Life, present: Present, event: &mut Event) {
    if !present.entity {
        event.push_str(field::PROCESS_ENTITY_ID, life.entity_id());
    }
    match life.start_ms {
        Some(start) if !present.start => event.push_date(field::PROCESS_START, Timestamp::from_millis(start)),
        Some(_) => {}
        None => event.push_bool(field::AUDITNG_PROCESS_START_KNOWN, false),
    }
    if !present.name && !life.comm.as_str().is_empty() {
        life.comm.push(field::PROCESS_NAME, event);
    }
    let optional = [
        (present.executable, field::PROCESS_EXECUTABLE, &life.exe),
        (present.cwd, field::PROCESS_WORKING_DIRECTORY, &life.cwd),
    ];
    for (_, field, text) in optional.into_iter().filter(|(present, ..)| !present) {
        text.iter().for_each(|text| text.push(field, event));
    }
    if !present.args {
        life.args.iter().for_each(|arg| arg.push(field::PROCESS_ARGS, event));
        cut(life, field::PROCESS_ARGS, event);
    }
}

fn parent(parent: &Life, present: Present, starts: bool, event: &mut Event) {
    if !present.ppid {
        event.push_long(field::PROCESS_PARENT_PID, i64::from(parent.pid));
    }
    event.push_str(field::PROCESS_PARENT_ENTITY_ID, parent.entity_id());
    parent.comm.push(field::PROCESS_PARENT_NAME, event);
    parent.exe.iter().for_each(|exe| exe.push(field::PROCESS_PARENT_EXECUTABLE, event));
    if !starts {
        return;
    }
    if let Some(start) = parent.start_ms {
        event.push_date(field::PROCESS_PARENT_START, Timestamp::from_millis(start));
    }
    if parent.args.is_empty() {
        return;
    }
    parent.args.iter().for_each(|arg| arg.push(field::PROCESS_PARENT_ARGS, event));
    cut(parent, field::PROCESS_PARENT_ARGS, event);
    let count = i64::try_from(parent.args_count).unwrap_or(i64::MAX);
    event.push_long(field::PROCESS_PARENT_ARGS_COUNT, count);
    let line: Vec<&str> = parent.args.iter().map(Text::as_str).collect();
    event.push_str(field::PROCESS_PARENT_COMMAND_LINE, &line.join(" "));
}

/// The table keeps only the first arguments of a long list.
fn cut(life: &Life, field: schema::Field, event: &mut Event) {
    if life.args.len() < life.args_count {
        event.push_str(field::AUDITNG_TRUNCATED, field.name());
    }
}

/// Nearest first: `[{"pid":1,"name":"init","entity_id":".."}]`.
fn ancestry(table: &Table, life: &Life, event: &mut Event) {
    let next = |life: &Life| life.parent.and_then(|parent| table.lives.get(parent));
    let chain = std::iter::successors(next(life), |life| next(life));
    let mut json = String::from("[");
    for ancestor in chain.take(ANCESTRY) {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str("{\"pid\":");
        json.push_str(&ancestor.pid.to_string());
        json.push_str(",\"name\":");
        schema::event::push_json_string(ancestor.comm.as_str(), &mut json);
        json.push_str(",\"entity_id\":\"");
        json.push_str(ancestor.entity_id());
        json.push_str("\"}");
    }
    if json.len() > 1 {
        json.push(']');
        event.push_json(field::AUDITNG_PROCESS_ANCESTRY, &json);
    }
}
