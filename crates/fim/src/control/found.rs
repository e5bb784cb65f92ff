//! A deviation as people and programs read it.

use std::os::unix::ffi::OsStrExt as _;

use serde::{Deserialize, Serialize};

use crate::baseline::Deviation;
use crate::change::{Change, Difference};
use crate::entry::{Content, Entry};
use crate::judge::{asks, counts, verdict};
use crate::name;
use crate::policy::Policies;

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
    /// The deviation as those policies see it; `None`: none of them asks for it. A log's policy does not: that it grows and moves away is
    /// no deviation, and what is one only a scan or the judge can say ([`Found::of_log`]).
    #[must_use]
    pub fn of(deviation: &Deviation, policies: &Policies) -> Option<Self> {
        let (before, after) = (deviation.approved.as_ref(), deviation.seen.as_ref());
        let action = verdict(before, after)?;
        let asking = policies.of(&deviation.path);
        let asking = asking.iter().filter(|policy| !policy.append_only && asks(policy, action, before, after));
        let asking: Vec<_> = asking.collect();
        let severity = asking.iter().map(|policy| policy.severity).max()?;
        let lost = |entry: Option<&Entry>| entry.is_some_and(|entry| entry.content == Content::Unreadable);
        let unreadable = lost(after) && !lost(before);
        let mut changed = differences(before, after);
        if let Some(after) = after {
            changed.retain(|one| asking.iter().any(|policy| counts(policy.attributes, after.kind, one)));
        }
        Some(Self {
            path: name::text(deviation.path.as_os_str().as_bytes()),
            action: if unreadable { "unreadable" } else { action.name() }.to_owned(),
            policies: asking.iter().map(|policy| policy.id.to_string()).collect(),
            severity: severity.name().to_owned(),
            changed: changed.into_iter().map(Part::from).collect(),
            error: unreadable.then(|| "it cannot be read any more".to_owned()),
        })
    }

    /// What a scan tells of a log: `None` where it is no log, or what happened to it is what happens to logs.
    #[must_use]
    pub fn of_log(change: &Change) -> Option<Self> {
        if change.provenance.is_some() || !change.policies.iter().any(|policy| policy.append_only) {
            return None;
        }
        let asking: Vec<_> = change.policies.iter().filter(|policy| policy.append_only).collect();
        let mut changed: Vec<Part> =
            differences(change.before.as_ref(), change.after.as_ref()).into_iter().map(Part::from).collect();
        if let Some(offset) = change.offset {
            let at = Some(offset.to_string());
            changed.insert(0, Part { attribute: "offset".to_owned(), before: None, after: at });
        }
        Some(Self {
            path: name::text(change.path.as_os_str().as_bytes()),
            action: change.action.name().to_owned(),
            severity: asking.iter().map(|policy| policy.severity).max().unwrap_or_default().name().to_owned(),
            policies: asking.into_iter().map(|policy| policy.id.to_string()).collect(),
            changed,
            error: None,
        })
    }
}

fn differences(before: Option<&Entry>, after: Option<&Entry>) -> Vec<Difference> {
    match (before, after) {
        (Some(before), Some(after)) => before.differences(after),
        _ => Vec::new(),
    }
}

impl From<Difference> for Part {
    fn from(Difference { attribute, before, after }: Difference) -> Self {
        Self { attribute, before, after }
    }
}
