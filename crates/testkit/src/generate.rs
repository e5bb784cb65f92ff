//! Synthetic events for load, sizes and latencies: 26 flat fields, about 720 bytes of JSON, in the proportions of a fleet
//! of 500 hosts with 4,000 containers, 312 executables and 100,000 file paths.
//!
//! The same seed gives the same events, so figures can be compared between runs and machines.

use schema::{AgentId, Event, EventId, Lane, Stream, Timestamp, field};

/// Distinct values in the generated population.
pub const HOSTS: u64 = 500;
/// Distinct containers; the first 1,000 draws of ten are on the host itself.
pub const CONTAINERS: u64 = 4_000;
/// Distinct executables, the first ones far more frequent than the last.
pub const EXECUTABLES: u64 = 312;
/// Distinct file paths.
pub const PATHS: u64 = 100_000;

/// An endless source of events.
#[derive(Clone, Debug)]
pub struct Generator {
    random: Random,
    start_ms: i64,
    events_per_second: u64,
    made: u64,
    counters: Vec<u64>,
}

impl Generator {
    /// Events from `start` on, `events_per_second` of them in each second of event time.
    #[must_use]
    pub fn new(seed: u64, start: Timestamp, events_per_second: u64) -> Self {
        let counters = vec![0; usize::try_from(HOSTS).unwrap_or(0)];
        Self { random: Random(seed), start_ms: start.millis(), events_per_second, made: 0, counters }
    }

    /// Writes the next event into `event`, whose memory is used again, and returns its id.
    pub fn fill(&mut self, event: &mut Event) -> EventId {
        let host = self.random.below(HOSTS);
        self.fill_for(host, event)
    }

    /// As [`Self::fill`], from one host (below [`HOSTS`]): what an agent's body holds.
    pub fn fill_for(&mut self, host: u64, event: &mut Event) -> EventId {
        let r = &mut self.random;
        let ms = self.made * 1000 / self.events_per_second;
        let counter = &mut self.counters[usize::try_from(host).unwrap_or(0)];
        let id = EventId::new(agent(host), 1, Lane::Normal, *counter);
        *counter += 1;
        self.made += 1;

        let kind = r.below(100);
        let executable = r.skewed(EXECUTABLES);
        let path = r.below(PATHS);
        let user = r.skewed(40);
        let pid = 300 + r.below(32_000);
        event.clear();
        event.push_date(field::TIMESTAMP, Timestamp::from_millis(self.start_ms + i64::try_from(ms).unwrap_or(0)));
        event.push_str(field::AGENT_ID, &id.agent.to_string());
        if r.below(4) > 0 {
            let container = r.skewed(CONTAINERS);
            event.push_str(
                field::CONTAINER_ID,
                &format!(
                    "{:016x}{:016x}{:016x}{:016x}",
                    mix(container),
                    mix(!container),
                    mix(container ^ 7),
                    mix(container ^ 9)
                ),
            );
            event.push_str(
                field::CONTAINER_IMAGE_NAME,
                &format!("registry.example/team-{}/app-{}", container % 40, container % 160),
            );
        }
        let (action, category, kind_type) = match kind {
            0..41 => ("exec", "process", "start"),
            41..80 => ("open", "file", "info"),
            80..90 => ("connection_attempted", "network", "connection"),
            90..97 => ("creation", "file", "creation"),
            _ => ("uid_change", "process", "change"),
        };
        event.push_str(field::EVENT_ACTION, action);
        event.push_str(field::EVENT_CATEGORY, category);
        event.push_str(field::EVENT_DATASET, Stream::Audit.dataset());
        event.push_str(field::EVENT_ID, &id.to_string());
        event.push_str(field::EVENT_KIND, "event");
        event.push_str(field::EVENT_OUTCOME, if r.below(20) == 0 { "failure" } else { "success" });
        event.push_long(field::EVENT_SEQUENCE, i64::try_from(self.made).unwrap_or(0));
        event.push_str(field::EVENT_TYPE, kind_type);
        event.push_str(
            field::FILE_PATH,
            &format!("/srv/data/{:02x}/{:03x}/file-{path:05}.dat", path % 251, path % 4001),
        );
        event.push_str(field::HOST_NAME, &format!("node-{host:03}.example"));
        for arg in ["--config", "/etc/service.conf"] {
            event.push_str(field::PROCESS_ARGS, arg);
        }
        event.push_str(
            field::PROCESS_COMMAND_LINE,
            &format!("tool-{executable} --config /etc/service.conf --job {}", r.below(5000)),
        );
        event.push_str(field::PROCESS_EXECUTABLE, &format!("/usr/bin/tool-{executable}"));
        event.push_str(field::PROCESS_NAME, &format!("tool-{executable}"));
        event.push_str(field::PROCESS_PARENT_EXECUTABLE, &format!("/usr/bin/tool-{}", executable % 17));
        event.push_long(field::PROCESS_PARENT_PID, i64::try_from(200 + pid / 7).unwrap_or(0));
        event.push_long(field::PROCESS_PID, i64::try_from(pid).unwrap_or(0));
        event.push_str(field::TAGS, ["exec", "files", "net", "priv"][usize::try_from(kind % 4).unwrap_or(0)]);
        event.push_str(field::USER_EFFECTIVE_NAME, if r.below(30) == 0 { "root" } else { "service" });
        event.push_str(field::USER_ID, &(1000 + user).to_string());
        event.push_str(field::USER_NAME, &format!("user-{user}"));
        id
    }
}

impl Iterator for Generator {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        self.fill(&mut event);
        Some(event)
    }
}

fn agent(host: u64) -> AgentId {
    let [_, _, bytes @ ..] = mix(host).to_be_bytes();
    AgentId::from_bytes(bytes)
}

/// SplitMix64: small, seeded, the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Evenly from `0..bound`.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound
    }

    /// From `0..bound`, small numbers far more often (the product of two even draws).
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn skewed(&mut self, bound: u64) -> u64 {
        self.below(bound) * self.below(bound) / bound
    }
}

fn mix(value: u64) -> u64 {
    let z = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_events_of_the_stated_size() {
        let make = || Generator::new(7, Timestamp::from_millis(1_795_507_200_000), 1000).take(1000).collect::<Vec<_>>();
        let events = make();
        assert_eq!(events, make());
        let bytes: usize = events.iter().map(|event| event.to_json().len()).sum();
        assert!((600..900).contains(&(bytes / events.len())), "{} bytes an event", bytes / events.len());
        let ids: std::collections::HashSet<_> =
            events.iter().map(|event| event.str(field::EVENT_ID).map(str::to_owned)).collect();
        assert_eq!(ids.len(), events.len());
    }
}
