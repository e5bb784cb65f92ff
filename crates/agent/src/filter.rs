//! What happens to a finished event before the spool: filters may take it away, then it gets its lane.
//!
//! A filter is a query in the language of the search bar, an [`Action`] and a name under which it counts. An event goes
//! through the filters in their order; one that takes it away ends its way, one that lets it pass hands it to the next. All
//! of them see the event as it would be stored, names and container included, so what can be searched can be filtered.
//!
//! Promises: a filter that would hide changes of audit's own configuration, losses or the agent's end is refused, and such
//! events pass whatever a filter says. What is taken away on purpose counts as `filtered`, what a rate limit takes away is a
//! loss with its reason; `taken = passed + filtered + lost` holds with each event. Without filters an event costs one look
//! at an empty list.
//!
//! The agent knows no verdicts (rules run on the server), so priority comes from the kind of fact alone. When the spool is
//! full it gives up the low lane first.
//!
//! ```
//! use agent::filter::lane;
//! use schema::{Event, Lane, Stream, Timestamp, field};
//!
//! let mut event = Event::new(Timestamp::default());
//! event.push_str(field::EVENT_DATASET, Stream::Audit.dataset());
//! event.push_str(field::EVENT_CATEGORY, "authentication");
//! assert_eq!(lane(&event), Lane::High);
//! ```

mod action;
mod aggregate;
mod chain;
mod guard;
mod outlet;
mod raw;

pub use action::{Action, BadAction};
pub use chain::{Chain, Filter, Verdict, problems};
pub(crate) use outlet::Outlet;
pub use raw::Raw;

use schema::{Event, Lane, Stream, Value, field};

/// Logins, sessions, accounts, and the configuration of the host and of audit itself.
const HIGH_CATEGORIES: [&str; 4] = ["authentication", "session", "iam", "configuration"];
/// Changes of identity and privilege that are process events by category.
const HIGH_ACTIONS: [&str; 5] =
    ["uid_change", "gid_change", "changed-identity-of", "changed-login-id-to", "changed-audit-configuration"];

/// File events by category that are rare and change what the whole host sees.
const NORMAL_ACTIONS: [&str; 2] = ["mounted", "unmounted"];

/// The lane of an event. `high`: health, losses, logins, identity and privilege changes, audit configuration. `low`: file
/// activity that is neither a process event nor a mount. `normal`: all else.
#[must_use]
pub fn lane(event: &Event) -> Lane {
    if event.stream() == Stream::Health {
        return Lane::High;
    }
    let (mut file, mut more) = (false, false);
    for entry in event.entries() {
        let Value::Text(word) = entry.value else { continue };
        match entry.field {
            field::EVENT_CATEGORY if HIGH_CATEGORIES.contains(&word) => return Lane::High,
            field::EVENT_ACTION if HIGH_ACTIONS.contains(&word) => return Lane::High,
            field::EVENT_CATEGORY if word == "file" => file = true,
            field::EVENT_CATEGORY if word == "process" => more = true,
            field::EVENT_ACTION if NORMAL_ACTIONS.contains(&word) => more = true,
            _ => {}
        }
    }
    if file && !more && event.stream() == Stream::Audit { Lane::Low } else { Lane::Normal }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Timestamp;

    #[test]
    fn by_kind() {
        let check = |stream: Stream, category: &str, action: &str, expect: Lane| {
            let mut event = Event::new(Timestamp::default());
            event.push_str(field::EVENT_DATASET, stream.dataset());
            event.push_str(field::EVENT_CATEGORY, category);
            event.push_str(field::EVENT_ACTION, action);
            assert_eq!(lane(&event), expect, "{stream} {category} {action}");
        };
        check(Stream::Health, "host", "source-loss", Lane::High);
        check(Stream::Audit, "iam", "added-user-account", Lane::High);
        check(Stream::Audit, "process", "uid_change", Lane::High);
        check(Stream::Audit, "configuration", "changed-audit-configuration", Lane::High);
        check(Stream::Audit, "process", "exec", Lane::Normal);
        check(Stream::Audit, "network", "connection_attempted", Lane::Normal);
        check(Stream::Audit, "file", "open", Lane::Low);
        check(Stream::Audit, "file", "mounted", Lane::Normal);
        check(Stream::Fim, "file", "creation", Lane::Normal);
    }
}
