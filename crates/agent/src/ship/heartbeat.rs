//! What the agent says of itself every half minute, beside the spool and so never behind it.

use std::collections::BTreeMap;

use schema::{Lane, Timestamp};
use serde::{Deserialize, Serialize};

use crate::health::Snapshot;
use crate::spool::{LaneStats, Stats};

/// `POST /agent/heartbeat`.
#[derive(Serialize)]
pub(super) struct Heartbeat<'a> {
    agent: String,
    name: &'a str,
    version: &'static str,
    epoch: u32,
    time: String,
    spool: BTreeMap<&'static str, LaneStats>,
    #[serde(flatten)]
    health: Snapshot,
    config_hash: &'a str,
}

/// Its answer, as far as we use it.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(super) struct Reply {
    /// After losing the connection, the fleet comes back over so many seconds.
    #[serde(default)]
    pub(super) spread_s: f64,
}

impl<'a> Heartbeat<'a> {
    pub(super) fn new(name: &'a str, config_hash: &'a str, stats: &Stats, health: Snapshot, now: Timestamp) -> Self {
        Self {
            agent: stats.origin.agent.to_string(),
            name,
            version: env!("CARGO_PKG_VERSION"),
            epoch: stats.origin.epoch,
            time: now.to_string(),
            spool: Lane::ALL.into_iter().map(|lane| (lane.name(), stats.lanes[lane as usize])).collect(),
            health,
            config_hash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Health, State};
    use crate::spool::segment::Origin;
    use schema::AgentId;

    #[test]
    fn it_has_the_fields_of_the_interface() {
        let origin = Origin { agent: AgentId::from_bytes([1; 6]), epoch: 7, nonce: [0; 16] };
        let lane = LaneStats { first: 1, next: 2, bytes: 3 };
        let stats = Stats { origin, lanes: [lane; 3], bytes: 9, waiting_bytes: 0 };
        let health = Health::default();
        health.source("audit").set(State::On, "");
        let heartbeat = Heartbeat::new("host", "abc", &stats, health.snapshot(), Timestamp::default());
        let json = serde_json::to_value(&heartbeat).unwrap();
        let mut keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        let expected =
            ["agent", "config_hash", "counters", "epoch", "figures", "name", "sources", "spool", "time", "version"];
        assert_eq!(keys, expected);
        assert_eq!(json["spool"]["high"], serde_json::json!({"first": 1, "next": 2, "bytes": 3}));
    }

    #[test]
    fn an_answer_may_say_less_or_more() {
        let read = |text| serde_json::from_str::<Reply>(text).unwrap().spread_s;
        assert_eq!(read(r#"{"time":"x","spread_s":5}"#), 5.0);
        assert_eq!(read(r#"{"later":true}"#), 0.0);
    }
}
