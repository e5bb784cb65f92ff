//! What events say of single processes.

use std::collections::HashMap;

use schema::search::{Answer, Bucket, Named, Query, Search};
use schema::{Event, Timestamp, Value, field};
use serde_json::json;
use store::SearchError;

use super::super::aggregate::{
    self, buckets, count_in, date, filter, newest, newest_in, single, text_key, time_in, top,
};
use super::super::look::Look;

/// Longest command line in an answer, in characters.
const MAX_LINE: usize = 1024;
/// Entries of an ancestry that are looked at; agents write 16.
const MAX_ANCESTRY: usize = 64;
/// Processes that one search asks for; beyond it there are more searches.
const AT_ONCE: usize = 500;

/// Who says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum KnownBy {
    /// Events of its own.
    #[default]
    Events,
    /// Only what events of its children say of their parent or ancestors.
    Children,
}

impl KnownBy {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Children => "children",
        }
    }
}

/// An entry of `auditng.process.ancestry`.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
pub(super) struct Ancestor {
    pub(super) entity_id: String,
    pub(super) pid: Option<i64>,
    pub(super) name: Option<String>,
}

/// One process.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Facts {
    pub(super) pid: Option<i64>,
    pub(super) name: Option<String>,
    pub(super) executable: Option<String>,
    pub(super) command_line: Option<String>,
    /// The command line is longer than what is here.
    pub(super) cut: bool,
    pub(super) user: Option<serde_json::Value>,
    pub(super) login_user: Option<String>,
    pub(super) host: Option<String>,
    pub(super) container: Option<serde_json::Value>,
    /// Scope and container id: where it ran. `None`: nobody said.
    place: Option<(String, String)>,
    pub(super) start: Option<Timestamp>,
    /// The kernel said when it started; else `start` is the time of its first event.
    pub(super) start_known: bool,
    pub(super) end: Option<Timestamp>,
    pub(super) exit_code: Option<i64>,
    /// The signal that ended it.
    pub(super) exit_signal: Option<i64>,
    /// It ran before anybody watched.
    pub(super) existing: bool,
    /// What an interpreter was given to run.
    pub(super) script: Option<String>,
    pub(super) sha256: Option<String>,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) events: u64,
    pub(super) execs: u64,
    pub(super) failed_execs: u64,
    /// The event that shows best what it is: its last exec, else its newest.
    pub(super) event: Option<String>,
    pub(super) known_by: KnownBy,
    pub(super) parent: Option<String>,
    pub(super) creator: Option<String>,
    pub(super) ancestry: Vec<Ancestor>,
}

impl Facts {
    /// Whether the two ran in different containers, or one in a container and the other on the host.
    pub(super) fn crosses(&self, parent: &Self) -> bool {
        matches!((&self.place, &parent.place), (Some(here), Some(there)) if here != there)
    }

    /// A process that only the ancestry of another names.
    pub(super) fn of_ancestor(ancestor: &Ancestor) -> Self {
        Self { pid: ancestor.pid, name: ancestor.name.clone(), known_by: KnownBy::Children, ..Self::default() }
    }

    fn of_bucket(bucket: &Bucket) -> Self {
        let exec = single(bucket.inner("execs"));
        let best = exec.and_then(newest_in).or_else(|| newest_in(bucket));
        let mut facts = best.map(|hit| Self::of_event(&hit.event)).unwrap_or_default();
        facts.event = best.map(|hit| hit.id.clone());
        (facts.first, facts.last) = (time_in(bucket, "first"), time_in(bucket, "last"));
        facts.start = facts.start.or(facts.first);
        facts.events = bucket.count;
        facts.execs = exec.map_or(0, |exec| exec.count);
        facts.failed_execs = count_in(bucket, "failed");
        if let Some(hit) = single(bucket.inner("end")).and_then(newest_in) {
            facts.end = date(&hit.event, field::PROCESS_END).or_else(|| hit.event.time());
            facts.exit_code = hit.event.long(field::PROCESS_EXIT_CODE);
            facts.exit_signal = hit.event.long(field::AUDITNG_PROCESS_EXIT_SIGNAL);
        }
        // The creator is named from the moment on at which somebody else became the parent.
        if let Some(hit) = single(bucket.inner("handed")).and_then(newest_in) {
            facts.creator = text(&hit.event, field::AUDITNG_PROCESS_CREATOR_ENTITY_ID);
            facts.parent = text(&hit.event, field::PROCESS_PARENT_ENTITY_ID);
        }
        facts
    }

    fn of_event(event: &Event) -> Self {
        let start = date(event, field::PROCESS_START);
        let (command_line, cut) = command_line(event, field::PROCESS_COMMAND_LINE, field::PROCESS_ARGS);
        Self {
            pid: event.long(field::PROCESS_PID),
            name: text(event, field::PROCESS_NAME),
            executable: text(event, field::PROCESS_EXECUTABLE),
            command_line,
            cut,
            user: user(event),
            login_user: text(event, field::AUDITD_USER_AUDIT_NAME).or_else(|| text(event, field::AUDITD_USER_AUDIT_ID)),
            host: text(event, field::HOST_NAME).or_else(|| text(event, field::AGENT_NAME)),
            container: container(event),
            place: text(event, field::AUDITNG_CONTAINER_SCOPE)
                .filter(|scope| scope != "unknown")
                .map(|scope| (scope, text(event, field::CONTAINER_ID).unwrap_or_default())),
            start,
            start_known: start.is_some(),
            existing: event.get(field::AUDITNG_PROCESS_EXISTING) == Some(Value::Bool(true)),
            script: text(event, field::AUDITNG_PROCESS_SCRIPT),
            sha256: text(event, field::PROCESS_HASH_SHA256),
            parent: text(event, field::PROCESS_PARENT_ENTITY_ID),
            ancestry: ancestry(event),
            ..Self::default()
        }
    }

    /// A process by what an event of a child says of it.
    fn of_child(event: &Event) -> Self {
        let (command_line, cut) = command_line(event, field::PROCESS_PARENT_COMMAND_LINE, field::PROCESS_PARENT_ARGS);
        let start = date(event, field::PROCESS_PARENT_START);
        let mut ancestry = ancestry(event);
        let itself = text(event, field::PROCESS_PARENT_ENTITY_ID);
        if ancestry.first().map(|first| &first.entity_id) == itself.as_ref() && !ancestry.is_empty() {
            ancestry.remove(0);
        } else {
            ancestry.clear();
        }
        Self {
            pid: event.long(field::PROCESS_PARENT_PID),
            name: text(event, field::PROCESS_PARENT_NAME),
            executable: text(event, field::PROCESS_PARENT_EXECUTABLE),
            command_line,
            cut,
            user: text(event, field::PROCESS_PARENT_USER_ID)
                .map(|id| json!({"id": id, "name": null, "effective": null})),
            host: text(event, field::HOST_NAME).or_else(|| text(event, field::AGENT_NAME)),
            start,
            start_known: start.is_some(),
            known_by: KnownBy::Children,
            parent: ancestry.first().map(|above| above.entity_id.clone()),
            ancestry,
            ..Self::default()
        }
    }
}

/// Facts of those processes of which an event of their own or of a child is there.
pub(super) fn of<'a>(
    look: &Look<'_>,
    within: &Search,
    ids: impl IntoIterator<Item = &'a String>,
) -> Result<HashMap<String, Facts>, SearchError> {
    let ids: Vec<&String> = ids.into_iter().collect();
    let mut found = HashMap::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        let answer = look.search(&own_events(within, some))?;
        take(&answer, &mut found, Facts::of_bucket);
        let missing: Vec<&String> = some.iter().copied().filter(|id| !found.contains_key(*id)).collect();
        if missing.is_empty() {
            continue;
        }
        let answer = look.search(&events_of_children(within, &missing))?;
        let by_child = |bucket: &Bucket| {
            let hit = single(bucket.inner("execs")).and_then(newest_in).or_else(|| newest_in(bucket));
            hit.map(|hit| Facts::of_child(&hit.event)).unwrap_or_default()
        };
        take(&answer, &mut found, by_child);
    }
    Ok(found)
}

fn take(answer: &Answer, found: &mut HashMap<String, Facts>, read: impl Fn(&Bucket) -> Facts) {
    for bucket in buckets(answer.aggregation("process")) {
        if let Some(id) = text_key(bucket) {
            found.entry(id.to_owned()).or_insert_with(|| read(bucket));
        }
    }
}

fn own_events(within: &Search, ids: &[&String]) -> Search {
    let succeeded = Query::all(vec![aggregate::execs(), aggregate::failed().negate()]);
    let ended = Query::any(vec![
        aggregate::has(field::PROCESS_END),
        aggregate::has(field::PROCESS_EXIT_CODE),
        aggregate::is(field::EVENT_ACTION, "end"),
    ]);
    let [first, last] = aggregate::times();
    let inner = vec![
        first,
        last,
        newest(),
        filter("execs", succeeded, vec![newest()]),
        filter("failed", Query::all(vec![aggregate::execs(), aggregate::failed()]), Vec::new()),
        filter("end", ended, vec![newest()]),
        filter("handed", aggregate::has(field::AUDITNG_PROCESS_CREATOR_ENTITY_ID), vec![newest()]),
    ];
    search(within, field::PROCESS_ENTITY_ID, ids, inner)
}

fn events_of_children(within: &Search, ids: &[&String]) -> Search {
    // An exec says more of the parent than other events do.
    let inner = vec![newest(), filter("execs", aggregate::execs(), vec![newest()])];
    search(within, field::PROCESS_PARENT_ENTITY_ID, ids, inner)
}

fn search(within: &Search, by: schema::Field, ids: &[&String], inner: Vec<Named>) -> Search {
    Search {
        query: aggregate::one_of(by, ids.iter().map(|id| id.as_str())),
        size: 0,
        track_total: 0,
        aggregations: vec![top("process", by, ids.len(), inner)],
        ..within.clone()
    }
}

fn text(event: &Event, field: schema::Field) -> Option<String> {
    event.str(field).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The command line, or the arguments joined, cut at [`MAX_LINE`].
fn command_line(event: &Event, line: schema::Field, args: schema::Field) -> (Option<String>, bool) {
    let mut out = String::new();
    if let Some(line) = event.str(line) {
        out.push_str(line);
    } else {
        for arg in event.all(args) {
            let Value::Text(arg) = arg else { continue };
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(arg);
            if out.len() > MAX_LINE * 4 {
                break;
            }
        }
    }
    if out.is_empty() {
        return (None, false);
    }
    let end = out.char_indices().nth(MAX_LINE).map(|(at, _)| at);
    if let Some(end) = end {
        out.truncate(end);
    }
    let name = args.name();
    let cut = event.all(field::AUDITNG_TRUNCATED).any(|value| value == Value::Text(name));
    (Some(out), end.is_some() || cut)
}

fn user(event: &Event) -> Option<serde_json::Value> {
    let (id, name) = (event.str(field::USER_ID), event.str(field::USER_NAME));
    let effective = event.str(field::USER_EFFECTIVE_NAME).or_else(|| event.str(field::USER_EFFECTIVE_ID));
    (id.is_some() || name.is_some()).then(|| json!({"id": id, "name": name, "effective": effective}))
}

fn container(event: &Event) -> Option<serde_json::Value> {
    let scope = event.str(field::AUDITNG_CONTAINER_SCOPE);
    let id = event.str(field::CONTAINER_ID);
    (scope.is_some() || id.is_some()).then(|| {
        json!({
            "scope": scope, "id": id, "name": event.str(field::CONTAINER_NAME),
            "image": event.str(field::CONTAINER_IMAGE_NAME), "tag": event.str(field::CONTAINER_IMAGE_TAG),
            "reason": event.str(field::AUDITNG_CONTAINER_REASON),
        })
    })
}

/// Nearest first; what is no list of that form is none.
fn ancestry(event: &Event) -> Vec<Ancestor> {
    match event.get(field::AUDITNG_PROCESS_ANCESTRY) {
        Some(Value::Json(json)) => {
            let mut list: Vec<Ancestor> = serde_json::from_str(json).unwrap_or_default();
            list.truncate(MAX_ANCESTRY);
            list
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_joined_and_cut() {
        let mut event = Event::new(Timestamp::from_millis(0));
        let line = |event: &Event| command_line(event, field::PROCESS_COMMAND_LINE, field::PROCESS_ARGS);
        assert_eq!(line(&event), (None, false));
        event.push_str(field::PROCESS_ARGS, "echo");
        event.push_str(field::PROCESS_ARGS, "ä b");
        assert_eq!(line(&event), (Some("echo ä b".to_owned()), false));
        event.push_str(field::AUDITNG_TRUNCATED, "process.args");
        assert!(line(&event).1);
        event.push_str(field::PROCESS_COMMAND_LINE, &"ä".repeat(2000));
        assert_eq!(line(&event).0.unwrap().chars().count(), MAX_LINE);
    }

    #[test]
    fn ancestry_that_is_none() {
        let mut event = Event::new(Timestamp::from_millis(0));
        assert!(ancestry(&event).is_empty());
        event.push_json(field::AUDITNG_PROCESS_ANCESTRY, "{\"a\":1}");
        assert!(ancestry(&event).is_empty());
        event.remove(field::AUDITNG_PROCESS_ANCESTRY);
        event.push_json(field::AUDITNG_PROCESS_ANCESTRY, r#"[{"pid":1,"name":"init","entity_id":"x"}]"#);
        assert_eq!(ancestry(&event)[0].pid, Some(1));
    }
}
