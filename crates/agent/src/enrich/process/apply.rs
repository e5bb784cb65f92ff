//! What the table adds to an event.

use schema::{Event, Field, Timestamp, field};

use super::happen::code_and_signal;
use super::life::{Image, Start};
use super::{Life, Sight, Table, Text};

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
    /// The event starts a process, or ends one.
    pub starts: bool,
    /// See [`Self::starts`].
    pub ends: bool,
}

pub(super) fn apply(table: &Table, sight: Sight, present: Present, event: &mut Event) {
    let Some(life) = table.lives.get(sight.key) else { return };
    let earlier = life.earlier.as_ref().filter(|_| sight.before_exec);
    let (image, place) = earlier.map_or((&life.image, &life.place), |(image, place)| (image, place));
    own(table, life, image, present, event);
    let parent = sight.parent.and_then(|parent| table.lives.get(parent));
    if !present.parent
        && let Some(parent) = parent
    {
        self::parent(table, parent, present, event);
    }
    if let Some(creator) = life.creator.as_ref().filter(|creator| sight.parent != creator.key || creator.key.is_none())
    {
        event.push_long(field::AUDITNG_PROCESS_CREATOR_PID, i64::from(creator.pid));
        event.push_str(field::AUDITNG_PROCESS_CREATOR_ENTITY_ID, &super::entity::text(&creator.entity));
    }
    if present.starts || present.ends {
        ancestry(table, parent, event);
        leaders(table, life, event);
    }
    if !present.container {
        place.place.apply(event, place.inherited);
    }
}

fn own(table: &Table, life: &Life, image: &Image, present: Present, event: &mut Event) {
    if !present.entity {
        event.push_str(field::PROCESS_ENTITY_ID, &life.entity_id());
    }
    match life.start {
        Start::Unknown => event.push_bool(field::AUDITNG_PROCESS_START_KNOWN, false),
        Start::Tick | Start::Told if present.start => {}
        Start::Tick | Start::Told => event.push_date(field::PROCESS_START, date(table, life.start_ns)),
    }
    if life.existing && present.starts {
        event.push_bool(field::AUDITNG_PROCESS_EXISTING, true);
    }
    if !present.name && !image.comm.as_str().is_empty() {
        image.comm.push(field::PROCESS_NAME, event);
    }
    let optional = [
        (present.executable, field::PROCESS_EXECUTABLE, image.exe.as_ref()),
        (present.cwd, field::PROCESS_WORKING_DIRECTORY, life.cwd.as_deref()),
    ];
    for (_, field, text) in optional.into_iter().filter(|(present, ..)| !present) {
        text.iter().for_each(|text| text.push(field, event));
    }
    if !present.args {
        image.args.iter().for_each(|arg| arg.push(field::PROCESS_ARGS, event));
        cut(image, field::PROCESS_ARGS, event);
    }
    if let Some(script) = image.script.as_ref().filter(|_| present.starts) {
        script.push(field::AUDITNG_PROCESS_SCRIPT, event);
        image.exe.iter().for_each(|exe| exe.push(field::AUDITNG_PROCESS_INTERPRETER, event));
    }
    if !life.lives() && !life.end_inferred {
        end(table, life, event);
    }
}

/// Of a process whose end was told before the event was taken.
fn end(table: &Table, life: &Life, event: &mut Event) {
    event.push_date(field::PROCESS_END, date(table, life.ended_ns));
    let Some(status) = life.status.filter(|_| event.get(field::PROCESS_EXIT_CODE).is_none()) else { return };
    match code_and_signal(status) {
        (code, None) => event.push_long(field::PROCESS_EXIT_CODE, code),
        (_, Some(signal)) => event.push_long(field::AUDITNG_PROCESS_EXIT_SIGNAL, i64::from(signal)),
    }
}

fn parent(table: &Table, parent: &Life, present: Present, event: &mut Event) {
    let image = &parent.image;
    if !present.ppid {
        event.push_long(field::PROCESS_PARENT_PID, i64::from(parent.pid));
    }
    event.push_str(field::PROCESS_PARENT_ENTITY_ID, &parent.entity_id());
    if !image.comm.as_str().is_empty() {
        image.comm.push(field::PROCESS_PARENT_NAME, event);
    }
    image.exe.iter().for_each(|exe| exe.push(field::PROCESS_PARENT_EXECUTABLE, event));
    if !present.starts {
        return;
    }
    if parent.start != Start::Unknown {
        event.push_date(field::PROCESS_PARENT_START, date(table, parent.start_ns));
    }
    if let Some([real, _]) = parent.uids {
        event.push_str(field::PROCESS_PARENT_USER_ID, &real.to_string());
    }
    if image.args.is_empty() {
        return;
    }
    image.args.iter().for_each(|arg| arg.push(field::PROCESS_PARENT_ARGS, event));
    cut(image, field::PROCESS_PARENT_ARGS, event);
    event.push_long(field::PROCESS_PARENT_ARGS_COUNT, i64::from(image.args_count));
    let line: Vec<&str> = image.args.iter().map(Text::as_str).collect();
    event.push_str(field::PROCESS_PARENT_COMMAND_LINE, &line.join(" "));
}

/// The table keeps only the first arguments of a long list.
fn cut(image: &Image, field: Field, event: &mut Event) {
    if image.args.len() < image.args_count as usize {
        event.push_str(field::AUDITNG_TRUNCATED, field.name());
    }
}

fn date(table: &Table, at_ns: i64) -> Timestamp {
    Timestamp::from_millis(table.timeline.wall_ms(at_ns))
}

/// Nearest first: `[{"pid":1,"name":"init","entity_id":".."}]`.
fn ancestry(table: &Table, parent: Option<&Life>, event: &mut Event) {
    let chain = std::iter::successors(parent, |life| life.parent.and_then(|parent| table.lives.get(parent)));
    let mut json = String::from("[");
    for ancestor in chain.take(ANCESTRY) {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str("{\"pid\":");
        json.push_str(&ancestor.pid.to_string());
        json.push_str(",\"name\":");
        schema::event::push_json_string(ancestor.image.comm.as_str(), &mut json);
        json.push_str(",\"entity_id\":\"");
        json.push_str(&ancestor.entity_id());
        json.push_str("\"}");
    }
    if json.len() > 1 {
        json.push(']');
        event.push_json(field::AUDITNG_PROCESS_ANCESTRY, &json);
    }
}

/// A leader's pid, entity, name and executable.
type LeaderFields = [Field; 4];

const SESSION: LeaderFields = [
    field::PROCESS_SESSION_LEADER_PID,
    field::PROCESS_SESSION_LEADER_ENTITY_ID,
    field::PROCESS_SESSION_LEADER_NAME,
    field::PROCESS_SESSION_LEADER_EXECUTABLE,
];
const GROUP: LeaderFields = [
    field::PROCESS_GROUP_LEADER_PID,
    field::PROCESS_GROUP_LEADER_ENTITY_ID,
    field::PROCESS_GROUP_LEADER_NAME,
    field::PROCESS_GROUP_LEADER_EXECUTABLE,
];
const ENTRY: LeaderFields = [
    field::PROCESS_ENTRY_LEADER_PID,
    field::PROCESS_ENTRY_LEADER_ENTITY_ID,
    field::PROCESS_ENTRY_LEADER_NAME,
    field::PROCESS_ENTRY_LEADER_EXECUTABLE,
];

fn leaders(table: &Table, life: &Life, event: &mut Event) {
    // While anybody is in a session or group, its number is not given to another process.
    for (id, fields) in [(life.session, SESSION), (life.group, GROUP)].into_iter().filter(|(id, _)| *id != 0) {
        event.push_long(fields[0], i64::from(id));
        let leader = if id == life.pid {
            Some(life)
        } else {
            table.at_time(id, life.start_ns, None).and_then(|key| table.lives.get(key))
        };
        if let Some(leader) = leader {
            names(leader, fields, event);
        }
    }
    if let Some(leader) = life.entry.and_then(|entry| table.lives.get(entry)) {
        event.push_long(ENTRY[0], i64::from(leader.pid));
        names(leader, ENTRY, event);
    }
    event.push_str(field::PROCESS_ENTRY_LEADER_ENTRY_META_TYPE, life.entry_type.name());
}

fn names(leader: &Life, [_, entity, name, executable]: LeaderFields, event: &mut Event) {
    event.push_str(entity, &leader.entity_id());
    if !leader.image.comm.as_str().is_empty() {
        leader.image.comm.push(name, event);
    }
    leader.image.exe.iter().for_each(|exe| exe.push(executable, event));
}
