//! Events of file integrity monitoring: what a fleet of web shops sends, in the form that agents send it.
//!
//! 40 hosts with 120 containers, 12 policies and 30 packages; 60,000 distinct files on each host's side of a skewed draw, so
//! that some files change often and most change once. One change in 500 has a hostile name. The same seed gives the same
//! events.

use schema::field::{self, Field};
use schema::{AgentId, Event, EventId, Lane, Stream, Timestamp, Value};

use crate::generate::Random;

/// Hosts of the fleet.
pub const HOSTS: u64 = 40;
/// Containers in all.
pub const CONTAINERS: u64 = 120;
/// Packages that upgrades name.
pub const PACKAGES: u64 = 30;
/// Distinct paths.
pub const PATHS: u64 = 60_000;

/// Policy, its severity, its number, and the folder that it watches.
pub const POLICIES: [(&str, &str, i64, &str); 12] = [
    ("system-binaries", "high", 73, "/usr/bin"),
    ("libraries", "high", 73, "/usr/lib"),
    ("boot", "high", 73, "/boot"),
    ("etc", "medium", 47, "/etc"),
    ("identity", "critical", 99, "/etc/pam.d"),
    ("sudo", "critical", 99, "/etc/sudoers.d"),
    ("ssh", "high", 73, "/etc/ssh"),
    ("cron", "high", 73, "/etc/cron.d"),
    ("units", "medium", 47, "/etc/systemd/system"),
    ("web", "low", 21, "/srv/www"),
    ("application", "medium", 47, "/opt/app"),
    ("system-logs", "high", 73, "/var/log"),
];

/// Names that want to be more than names: a line of their own, colours, a formula, markup, an image that is none.
pub const HOSTILE: [&str; 7] = [
    "two\nlines.conf",
    "\u{1b}[31mred\u{1b}[0m.conf",
    "=cmd|' calc'!A0.csv",
    "<img src=x onerror=alert(1)>.html",
    "gpj.\u{202e}exe",
    "\u{7}bell\ttab.txt",
    "\",\"second\",\"cell.csv",
];

/// An endless source of changes.
#[derive(Clone, Debug)]
pub struct Changes {
    random: Random,
    start_ms: i64,
    step_ms: i64,
    made: u64,
}

impl Changes {
    /// Changes from `start` on, `step_ms` apart.
    #[must_use]
    pub const fn new(seed: u64, start: Timestamp, step_ms: i64) -> Self {
        Self { random: Random(seed), start_ms: start.millis(), step_ms, made: 0 }
    }
}

impl Iterator for Changes {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let host = self.random.skewed(HOSTS);
        let time = Timestamp::from_millis(self.start_ms + i64::try_from(self.made).unwrap_or(0) * self.step_ms);
        let id = EventId::new(agent(host), 1, Lane::Normal, self.made);
        self.made += 1;
        Some(change(&mut self.random, host, time, &id.to_string()))
    }
}

/// The agent of a host.
#[must_use]
pub fn agent(host: u64) -> AgentId {
    let [_, _, _, _, _, _, high, low] = host.to_be_bytes();
    AgentId::from_bytes([0xf1, 0x3a, 0, 0, high, low])
}

/// The name of a host.
#[must_use]
pub fn host_name(host: u64) -> String {
    format!("shop-{host:02}.example")
}

fn change(r: &mut Random, host: u64, time: Timestamp, id: &str) -> Event {
    let (policy, severity, number, folder) = POLICIES[usize::try_from(r.skewed(12)).unwrap_or(0)];
    let action = ["updated", "updated", "replaced", "created", "deleted", "attributes_modified", "moved", "opened"]
        [usize::try_from(r.below(8)).unwrap_or(0)];
    let file = r.skewed(PATHS);
    let name = if r.below(500) == 0 {
        HOSTILE[usize::try_from(r.below(7)).unwrap_or(0)].to_owned()
    } else {
        format!("file-{file:05}.conf")
    };
    let packaged = action == "replaced" && r.below(3) > 0;
    let (severity, number) = if packaged { ("informational", 0) } else { (severity, number) };
    let mut event = Event::new(time);
    about(&mut event, host, Stream::Fim, action, id);
    event.push_str(field::EVENT_KIND, "event");
    event.push_str(field::EVENT_CATEGORY, "file");
    event.push_str(field::EVENT_TYPE, type_of(action));
    event.push_str(field::EVENT_OUTCOME, "success");
    event.push_long(field::EVENT_SEVERITY, number);
    event.push_str(field::FILE_PATH, &format!("{folder}/{:02x}/{name}", file % 97));
    event.push_str(field::FILE_DIRECTORY, &format!("{folder}/{:02x}", file % 97));
    event.push_str(field::FILE_NAME, &name);
    event.push_str(field::FILE_TYPE, "file");
    event.push_str(field::AUDITNG_FIM_POLICY, policy);
    event.push_str(field::AUDITNG_FIM_SEVERITY, severity);
    event.push_str(field::AUDITNG_FIM_SOURCE, "fanotify");
    event.push_str(field::AUDITNG_FIM_CAUSE, if r.below(40) == 0 { "meta" } else { "event" });
    event.push_bool(field::AUDITNG_FIM_VERIFIED, true);
    event.push_long(field::AUDITNG_FIM_COUNT, 1);
    event.push_str(field::TAGS, "pci-dss-4.0:11.5.2");
    differences(&mut event, r, action);
    if packaged {
        provenance(&mut event, r);
    }
    who(&mut event, r, host);
    event
}

/// What every event of an agent says.
fn about(event: &mut Event, host: u64, stream: Stream, action: &str, id: &str) {
    event.push_str(field::AGENT_ID, &agent(host).to_string());
    event.push_str(field::AGENT_NAME, &host_name(host));
    event.push_str(field::EVENT_ACTION, action);
    event.push_str(field::EVENT_DATASET, stream.dataset());
    event.push_str(field::EVENT_ID, id);
    event.push_str(field::HOST_NAME, &host_name(host));
}

fn type_of(action: &str) -> &'static str {
    match action {
        "created" => "creation",
        "deleted" => "deletion",
        "opened" => "access",
        _ => "change",
    }
}

fn differences(event: &mut Event, r: &mut Random, action: &str) {
    let mut differs = |name: &str, before: Option<&str>, after: Option<&str>| {
        event.push_str(field::AUDITNG_FIM_CHANGED, name);
        for (field, value) in [(field::AUDITNG_FIM_BEFORE, before), (field::AUDITNG_FIM_AFTER, after)] {
            if let Some(value) = value {
                event.push_keyed(field, name, Value::Text(value));
            }
        }
    };
    match action {
        "attributes_modified" => {
            differs("mode", Some("0644"), Some("0666"));
            differs("uid", Some("0"), Some("1000"));
        }
        "updated" | "replaced" => {
            let (old, new) = (r.next_u64(), r.next_u64());
            differs("sha256", Some(&digest(old)), Some(&digest(new)));
            differs("size", Some(&(old % 9000).to_string()), Some(&(new % 9000).to_string()));
        }
        _ => {}
    }
    if action == "updated" {
        let diff = "--- before\n+++ after\n@@ -3,4 +3,4 @@\n Port 22\n-PermitRootLogin no\n+PermitRootLogin yes\n password = <redacted 1>\n";
        event.push_str(field::AUDITNG_FIM_DIFF, diff);
    } else if action == "replaced" {
        event.push_str(field::AUDITNG_FIM_DIFF_REASON, "binary");
    } else if action == "moved" {
        event.push_str(field::AUDITNG_FIM_OLD_PATH, &format!("/srv/old/file-{}", r.below(PATHS)));
    }
}

fn digest(seed: u64) -> String {
    let mut random = Random(seed);
    (0..4).map(|_| format!("{:016x}", random.next_u64())).collect()
}

fn provenance(event: &mut Event, r: &mut Random) {
    event.push_str(field::AUDITNG_FIM_PROVENANCE_BY, "dpkg");
    event.push_str(field::AUDITNG_FIM_PROVENANCE_PACKAGES, &format!("package-{}", r.skewed(PACKAGES)));
    event.push_str(field::AUDITNG_FIM_PROVENANCE_VERSIONS, &format!("1.{}-1", r.below(20)));
}

fn who(event: &mut Event, r: &mut Random, host: u64) {
    let confidence =
        ["certain", "certain", "certain", "strong", "merged", "unknown"][usize::try_from(r.below(6)).unwrap_or(0)];
    event.push_str(field::AUDITNG_FIM_WHO_CONFIDENCE, confidence);
    event.push_str(field::AUDITNG_FIM_WHO_SOURCE, if confidence == "unknown" { "none" } else { "pidfd" });
    if confidence == "unknown" {
        event.push_str(field::AUDITNG_FIM_WHO_REASON, "reader_late");
        return;
    }
    let pid = 400 + r.below(30_000);
    event.push_long(field::PROCESS_PID, i64::try_from(pid).unwrap_or(0));
    event.push_str(field::PROCESS_ENTITY_ID, &format!("{host}-{pid}"));
    event.push_str(
        field::PROCESS_EXECUTABLE,
        ["/usr/bin/vim", "/usr/bin/dpkg", "/usr/sbin/nginx"][usize::try_from(r.below(3)).unwrap_or(0)],
    );
    event.push_str(field::USER_ID, "1000");
    event.push_str(field::USER_NAME, "ada");
    if r.below(3) == 0 {
        let container = r.skewed(CONTAINERS);
        event.push_str(field::CONTAINER_ID, &format!("{container:064x}"));
        event.push_str(field::CONTAINER_NAME, &format!("app-{container}"));
        event.push_str(field::CONTAINER_IMAGE_NAME, &format!("registry.example/app-{}", container % 12));
    }
}

/// A notice of one host: `fim-scan`, `fim-baseline`, `fim-coverage` and the like, with texts and numbers.
#[must_use]
pub fn notice(
    host: u64,
    time: Timestamp,
    action: &str,
    id: &str,
    texts: &[(Field, &str)],
    numbers: &[(Field, i64)],
) -> Event {
    let mut event = Event::new(time);
    about(&mut event, host, Stream::Health, action, id);
    event.push_str(field::EVENT_KIND, "state");
    texts.iter().for_each(|(field, value)| event.push_str(*field, value));
    numbers.iter().for_each(|(field, value)| event.push_long(*field, *value));
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_changes() {
        let make = || Changes::new(7, Timestamp::from_millis(1_795_507_200_000), 10).take(2000).collect::<Vec<_>>();
        let events = make();
        assert_eq!(events, make());
        assert!(events.iter().all(|event| event.stream() == Stream::Fim));
        let hostile =
            events.iter().filter(|event| HOSTILE.contains(&event.str(field::FILE_NAME).unwrap_or(""))).count();
        assert!(hostile > 0 && hostile < 40, "{hostile}");
        let read: Event = Event::from_json(&events[0].to_json()).unwrap();
        assert_eq!(read.to_json(), events[0].to_json());
    }
}
