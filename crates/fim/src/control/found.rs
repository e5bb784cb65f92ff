//! A deviation as people and programs read it.

use std::os::unix::ffi::OsStrExt as _;

use serde::{Deserialize, Serialize};

use crate::baseline::Deviation;
use crate::change::{Action, Difference};
use crate::entry::{Content, Entry};
use crate::name;
use crate::policy::{Policies, Policy};

/// One attribute, before and after.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Its name, as in [`Difference::attribute`].
    pub attribute: String,
    /// What is approved.
    pub before: Option<String>,
    /// What is there.
    pub after: Option<String>,
}

/// One path that is not as it was approved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Found {
    /// Where; spelled by [`name::text`].
    pub path: String,
    /// `created updated replaced deleted attributes_modified unreadable`.
    pub action: String,
    /// The policies that ask for it, the severest first.
    pub policies: Vec<String>,
    /// The highest of theirs.
    pub severity: String,
    /// What differs; empty where one side is missing.
    pub changed: Vec<Part>,
    /// Why it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Found {
    /// The deviation as those policies see it; `None`: none of them asks for it.
    #[must_use]
    pub fn of(deviation: &Deviation, policies: &Policies) -> Option<Self> {
        let (before, after) = (deviation.approved.as_ref(), deviation.seen.as_ref());
        let action = verdict(before, after)?;
        let asking = policies.of(&deviation.path);
        let asking: Vec<_> = asking.iter().filter(|policy| asks(policy, action, before, after)).collect();
        let severity = asking.iter().map(|policy| policy.severity).max()?;
        let changed = match (before, after) {
            (Some(before), Some(after)) => before.differences(after),
            _ => Vec::new(),
        };
        let lost = |entry: Option<&Entry>| entry.is_some_and(|entry| entry.content == Content::Unreadable);
        let unreadable = lost(after) && !lost(before);
        Some(Self {
            path: name::text(deviation.path.as_os_str().as_bytes()),
            action: if unreadable { "unreadable" } else { action.name() }.to_owned(),
            policies: asking.iter().map(|policy| policy.id.to_string()).collect(),
            severity: severity.name().to_owned(),
            changed: changed.into_iter().map(Part::from).collect(),
            error: unreadable.then(|| "it cannot be read any more".to_owned()),
        })
    }
}

impl From<Difference> for Part {
    fn from(Difference { attribute, before, after }: Difference) -> Self {
        Self { attribute, before, after }
    }
}

fn verdict(before: Option<&Entry>, after: Option<&Entry>) -> Option<Action> {
    match (before, after) {
        (None, None) => None,
        (None, Some(_)) => Some(Action::Created),
        (Some(_), None) => Some(Action::Deleted),
        (Some(before), Some(after)) if before.id.inode != after.id.inode => Some(Action::Replaced),
        (Some(before), Some(after)) if before.hashes != after.hashes || before.target != after.target => {
            Some(Action::Updated)
        }
        (Some(before), Some(after)) => {
            before.differences(after).iter().any(|one| telling(after, one)).then_some(Action::AttributesModified)
        }
    }
}

fn telling(after: &Entry, difference: &Difference) -> bool {
    match &*difference.attribute {
        "ctime" | "btime" | "device" => false,
        "size" | "mtime" | "nlink" => after.kind != crate::entry::Kind::Directory,
        _ => true,
    }
}

fn asks(policy: &Policy, action: Action, _before: Option<&Entry>, _after: Option<&Entry>) -> bool {
    use crate::policy::Classes;
    policy.classes.has(match action {
        Action::Created => Classes::CREATE.with(Classes::MOVE),
        Action::Deleted => Classes::DELETE.with(Classes::MOVE),
        Action::AttributesModified => Classes::ATTRIB,
        _ => Classes::MODIFY,
    })
}
