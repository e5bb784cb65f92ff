//! What go-audit and go-audit-container wrote: one JSON object an event, its records' texts without their headers.
//!
//! ```text
//! {"sequence":7,"timestamp":"1700000000.123","messages":[{"type":1300,"data":"arch=.."}],"uid_map":{"0":"root"}}
//! ```
//! go-audit-container added `container_id`: the pid of a `docker-containerd` process, 0 on the host, -1 if it was not found.
//! It is no container's id and is kept as `auditng.import.container_pid`. Newer versions of go-audit have `containers` with the
//! id of the outermost container and what the runtime said about it.

use schema::{Event, field};

use super::json::{self, Json};
use crate::normalize::Names;
use crate::table::RecordType;

/// One object.
pub(super) struct Group {
    /// The records as lines of a log.
    pub(super) lines: Vec<Vec<u8>>,
    pub(super) users: Users,
    container_pid: Option<i64>,
    container: Json,
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
    #[error("no JSON object")]
    Json,
    #[error("no JSON object of go-audit: it has no {0}")]
    Lacks(&'static str),
}

/// Reads one line; whatever stands before the first bracket (a syslog prefix) is passed over.
pub(super) fn read(line: &[u8]) -> Result<Group, Unreadable> {
    let start = memchr::memchr(b'{', line).ok_or(Unreadable::Json)?;
    let object = json::read(&line[start..]).ok_or(Unreadable::Json)?;
    let serial: u64 = object.get("sequence").and_then(Json::number).ok_or(Unreadable::Lacks("sequence"))?;
    let stamp = object.get("timestamp").and_then(Json::text).ok_or(Unreadable::Lacks("timestamp"))?;
    let messages = object.get("messages").and_then(Json::list).ok_or(Unreadable::Lacks("messages"))?;
    let mut lines = Vec::with_capacity(messages.len());
    let mut container = Json::Null;
    for message in messages {
        let kind = message.get("type").and_then(Json::number).ok_or(Unreadable::Lacks("type in a message"))?;
        let data = message.get("data").and_then(Json::text).unwrap_or_default();
        let mut line = format!("type={} msg=audit(", RecordType(kind)).into_bytes();
        line.extend_from_slice(stamp);
        line.extend_from_slice(format!(":{serial}): ").as_bytes());
        line.extend(data.iter().map(|&byte| if byte == b'\n' { b' ' } else { byte }));
        lines.push(line);
        if let (Json::Null, Some(said)) = (&container, message.get("containers")) {
            container = said.clone();
        }
    }
    let users = object.get("uid_map").map_or(&[][..], Json::object).iter().filter_map(|(id, name)| {
        let name = str::from_utf8(name.text()?).ok().filter(|name| !matches!(*name, "UNKNOWN_USER" | ""))?;
        Some((str::from_utf8(id).ok()?.parse().ok()?, name.to_owned()))
    });
    let users = Users(users.collect());
    Ok(Group { lines, users, container_pid: object.get("container_id").and_then(Json::number), container })
}

impl Group {
    /// Adds what the object says beside its records.
    pub(super) fn add_to(&self, event: &mut Event) {
        if let Some(pid) = self.container_pid {
            event.push_long(field::AUDITNG_IMPORT_CONTAINER_PID, pid);
        }
        let said = |key: &str| self.container.get(key).and_then(Json::text).filter(|value| !value.is_empty());
        for (key, field) in [
            ("id", field::CONTAINER_ID),
            ("image", field::CONTAINER_IMAGE_NAME),
            ("name", field::CONTAINER_NAME),
            ("pod_uid", field::ORCHESTRATOR_RESOURCE_ID),
            ("pod_name", field::ORCHESTRATOR_RESOURCE_NAME),
            ("pod_namespace", field::ORCHESTRATOR_NAMESPACE),
        ] {
            if let Some(value) = said(key) {
                event.push_bytes(field, value);
            }
        }
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
