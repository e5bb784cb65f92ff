//! What go-audit and go-audit-container wrote: one JSON object an event, its records' texts without their headers.
//!
//! ```text
//! {"sequence":7,"timestamp":"1700000000.123","messages":[{"type":1300,"data":"arch=.."}],"uid_map":{"0":"root"}}
//! ```
//! go-audit-container added `container_id`: the pid of a `docker-containerd` process, 0 on the host, -1 if it was not found.
//! It is no container's id and is kept as `auditng.import.container_pid`. Newer versions of go-audit have `containers` with the
//! id of the outermost container and what the runtime said about it.

use schema::{Event, Field, field};
use serde_json::{Map, Value};

use crate::normalize::Names;
use crate::table::RecordType;

/// One object.
pub(super) struct Group {
    /// The records as lines of a log.
    pub(super) lines: Vec<Vec<u8>>,
    pub(super) users: Users,
    container_pid: Option<i64>,
    container: Map<String, Value>,
}

/// Names of users as the host that wrote the log knew them.
#[derive(Default)]
pub(super) struct Users(Vec<(u32, String)>);

impl Names for Users {
    fn user(&self, id: u32) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == id).map(|(_, name)| name.as_str())
    }

    fn group(&self, _: u32) -> Option<&str> {
        None
    }
}

/// Why a line is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("no JSON object of go-audit: {0}")]
    Json(#[from] serde_json::Error),
    #[error("no JSON object of go-audit: it has no {0}")]
    Lacks(&'static str),
}

/// Reads one line; whatever stands before the first bracket (a syslog prefix) is passed over.
pub(super) fn read(line: &[u8]) -> Result<Group, Unreadable> {
    let start = memchr::memchr(b'{', line).ok_or(Unreadable::Lacks("bracket"))?;
    let object: Map<String, Value> = serde_json::from_slice(&line[start..])?;
    let serial = object.get("sequence").and_then(Value::as_u64).ok_or(Unreadable::Lacks("sequence"))?;
    let stamp = object.get("timestamp").and_then(Value::as_str).ok_or(Unreadable::Lacks("timestamp"))?;
    let messages = object.get("messages").and_then(Value::as_array).ok_or(Unreadable::Lacks("messages"))?;
    let mut lines = Vec::with_capacity(messages.len());
    let mut container = Map::new();
    for message in messages {
        let kind = message.get("type").and_then(Value::as_u64).and_then(|kind| u16::try_from(kind).ok());
        let kind = RecordType(kind.ok_or(Unreadable::Lacks("type in a message"))?);
        let data = message.get("data").and_then(Value::as_str).unwrap_or_default();
        lines.push(format!("type={kind} msg=audit({stamp}:{serial}): {}", data.replace('\n', " ")).into_bytes());
        if let Some(Value::Object(said)) = message.get("containers")
            && container.is_empty()
        {
            container.clone_from(said);
        }
    }
    let users = object.get("uid_map").and_then(Value::as_object);
    let users =
        users.into_iter().flatten().filter_map(|(id, name)| Some((id.parse().ok()?, name.as_str()?.to_owned())));
    Ok(Group {
        lines,
        users: Users(users.filter(|(_, name)| name != "UNKNOWN_USER" && !name.is_empty()).collect()),
        container_pid: object.get("container_id").and_then(Value::as_i64),
        container,
    })
}

impl Group {
    /// Adds what the object says beside its records.
    pub(super) fn add_to(&self, event: &mut Event) {
        if let Some(pid) = self.container_pid {
            event.push_long(field::AUDITNG_IMPORT_CONTAINER_PID, pid);
        }
        let said = |key: &str| self.container.get(key).and_then(Value::as_str).filter(|value| !value.is_empty());
        let mut push = |key: &str, field: Field| {
            if let Some(value) = said(key) {
                event.push_str(field, value);
            }
        };
        push("id", field::CONTAINER_ID);
        push("image", field::CONTAINER_IMAGE_NAME);
        push("name", field::CONTAINER_NAME);
        push("pod_uid", field::ORCHESTRATOR_RESOURCE_ID);
        push("pod_name", field::ORCHESTRATOR_RESOURCE_NAME);
        push("pod_namespace", field::ORCHESTRATOR_NAMESPACE);
        if said("pod_name").is_some() {
            event.push_str(field::ORCHESTRATOR_TYPE, "kubernetes");
            event.push_str(field::ORCHESTRATOR_RESOURCE_TYPE, "pod");
        }
        if said("id").is_some() {
            event.push_str(field::AUDITNG_CONTAINER_SCOPE, "container");
            event.push_str(field::AUDITNG_CONTAINER_SOURCE, "go-audit");
        }
    }
}
