//! What agents say of themselves, and what the server notices about them: silence, clocks that differ.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State as Shared;
use axum::{Extension, Json};
use schema::{AgentId, Event, Lane, Stream, Timestamp, field};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::App;
use super::error::ApiError;
use super::input::Input;
use crate::access::Caller;
use crate::clock;
use crate::state::State;

/// A clock that differs by more is reported.
const SKEW_MS: i64 = 5 * 60_000;
/// Heartbeats missed before an agent is silent.
const MISSED: u32 = 3;
/// Agents that are remembered; beyond it the ones unheard for longest go.
const MAX_AGENTS: usize = 200_000;

/// `POST /agent/heartbeat`. The parts that only the page reads stay as they came.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Heartbeat {
    agent: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    epoch: u32,
    #[serde(default)]
    time: Option<Value>,
    #[serde(default)]
    spool: HashMap<String, Spool>,
    #[serde(default)]
    sources: Vec<Source>,
    #[serde(default)]
    counters: Vec<Value>,
    #[serde(default)]
    figures: BTreeMap<String, u64>,
    #[serde(default)]
    config_hash: Option<Value>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(super) struct Spool {
    #[serde(default)]
    first: u64,
    #[serde(default)]
    next: u64,
    #[serde(default)]
    bytes: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Source {
    name: String,
    state: String,
    #[serde(default)]
    reason: Option<String>,
}

/// Everything known of agents, in memory; kept in the state once a minute.
#[derive(Debug, Default)]
pub(crate) struct Agents {
    known: Mutex<HashMap<AgentId, Agent>>,
}

#[derive(Debug)]
struct Agent {
    said: Heartbeat,
    last_seen: Timestamp,
    /// `None`: not heard since the server started.
    heard: Option<Instant>,
    skew_ms: i64,
    /// Oldest event time that the agent has not sent yet, and when it said so.
    watermark: Option<Timestamp>,
    silent: bool,
    skewed: bool,
    dirty: bool,
}

impl Agents {
    fn lock(&self) -> MutexGuard<'_, HashMap<AgentId, Agent>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what was known when the server stopped.
    pub(crate) async fn load(&self, state: &State) -> Result<(), ApiError> {
        for (id, last_seen, said) in state.agents().await? {
            if let Ok(said) = serde_json::from_str(&said) {
                let agent = Agent {
                    said,
                    last_seen,
                    heard: None,
                    skew_ms: 0,
                    watermark: None,
                    silent: false,
                    skewed: false,
                    dirty: false,
                };
                self.lock().insert(id, agent);
            }
        }
        Ok(())
    }

    /// Keeps what has changed.
    pub(crate) async fn keep(&self, state: &State) -> Result<(), ApiError> {
        let changed: Vec<_> = {
            let mut known = self.lock();
            let dirty =
                known.iter_mut().filter_map(|(id, agent)| std::mem::take(&mut agent.dirty).then_some((id, agent)));
            dirty.map(|(id, agent)| (*id, agent.last_seen, json!(agent.said).to_string())).collect()
        };
        if !changed.is_empty() {
            state.keep_agents(changed).await?;
        }
        Ok(())
    }

    /// An agent sent a body: what it has not sent yet is at most this old.
    pub(super) fn sent(&self, id: AgentId, watermark: Option<Timestamp>) {
        if let Some(agent) = self.lock().get_mut(&id) {
            agent.watermark = watermark;
        }
    }

    /// How many agents are there, and how many of them are silent.
    pub(crate) fn count(&self, interval: Duration, now: Instant) -> (usize, usize) {
        let known = self.lock();
        let silent = known.values().filter(|agent| agent.is_silent(interval, now)).count();
        (known.len(), silent)
    }

    /// Events about agents that fell silent or whose clocks differ, each once.
    pub(crate) fn notice(&self, interval: Duration, now: Instant, time: Timestamp) -> Vec<Event> {
        let mut events = Vec::new();
        for (id, agent) in self.lock().iter_mut() {
            let silent = agent.heard.is_some() && agent.is_silent(interval, now);
            if silent && !std::mem::replace(&mut agent.silent, silent) {
                let text = format!("no heartbeat since {}", agent.last_seen);
                events.push(about(*id, &agent.said.name, "agent-silent", &text, time));
            }
            agent.silent = silent;
            let skewed = agent.skew_ms.abs() > SKEW_MS;
            if skewed && !agent.skewed {
                let text = format!("the clock of the host differs by {} s from the server's", agent.skew_ms / 1000);
                events.push(about(*id, &agent.said.name, "clock-skew", &text, time));
            }
            agent.skewed = skewed;
        }
        events
    }

    fn hear(&self, id: AgentId, said: Heartbeat, now: Timestamp) {
        let skew_ms = said.time.as_ref().and_then(sent_at).map_or(0, |time| time.millis().saturating_sub(now.millis()));
        let mut known = self.lock();
        if known.len() >= MAX_AGENTS
            && !known.contains_key(&id)
            && let Some(oldest) = known.iter().min_by_key(|(_, agent)| agent.last_seen).map(|(id, _)| *id)
        {
            known.remove(&oldest);
        }
        let before = known.remove(&id);
        let (watermark, silent, skewed) =
            before.map_or((None, false, false), |agent| (agent.watermark, agent.silent, agent.skewed));
        let heard = Some(Instant::now());
        known.insert(id, Agent { said, last_seen: now, heard, skew_ms, watermark, silent, skewed, dirty: true });
    }
}

/// The agent's clock: epoch milliseconds or RFC 3339.
fn sent_at(time: &Value) -> Option<Timestamp> {
    match time {
        Value::Number(ms) => ms.as_i64().map(Timestamp::from_millis),
        Value::String(text) => Timestamp::parse_canonical(text)
            .or_else(|| Some(Timestamp::from_millis(text.parse::<jiff::Timestamp>().ok()?.as_millisecond()))),
        _ => None,
    }
}

/// An event of the server's own about an agent.
pub(super) fn about(id: AgentId, name: &str, action: &str, text: &str, time: Timestamp) -> Event {
    let mut event = Event::new(time);
    event.push_str(field::AGENT_ID, &id.to_string());
    if !name.is_empty() {
        event.push_str(field::AGENT_NAME, name);
    }
    event.push_str(field::EVENT_ACTION, action);
    event.push_str(field::EVENT_DATASET, Stream::Health.dataset());
    event.push_str(field::EVENT_KIND, "event");
    event.push_str(field::MESSAGE, text);
    event
}

impl Agent {
    fn is_silent(&self, interval: Duration, now: Instant) -> bool {
        self.heard.is_none_or(|heard| now.saturating_duration_since(heard) > interval * MISSED)
    }

    fn state(&self, interval: Duration, now: Instant) -> &'static str {
        let degraded = self.said.sources.iter().any(|source| source.state == "degraded");
        if self.is_silent(interval, now) {
            "silent"
        } else if degraded || self.skew_ms.abs() > SKEW_MS {
            "warn"
        } else {
            "ok"
        }
    }

    fn lag_ms(&self, now: Timestamp) -> i64 {
        let waiting = self.said.spool.values().any(|lane| lane.next > lane.first);
        let oldest = self.watermark.filter(|_| waiting);
        oldest.map_or(0, |oldest| (now.millis() - oldest.millis()).max(0))
    }
}

pub(super) async fn heartbeat(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Input(said): Input<Heartbeat>,
) -> Result<Json<Value>, ApiError> {
    let id: AgentId = said.agent.parse().map_err(|error: schema::id::BadId| ApiError::bad(error.to_string()))?;
    if id == app.ingest.node() {
        return Err(ApiError::bad("this id belongs to the server"));
    }
    let now = clock::now();
    for lane in Lane::ALL {
        if let Some(spool) = said.spool.get(lane.name()) {
            app.ingest.spool_begins(id, said.epoch, lane, spool.first);
        }
    }
    tracing::trace!(agent = %id, caller = caller.name, "heartbeat");
    app.agents.hear(id, said, now);
    let (count, _) = app.agents.count(app.config.agents.heartbeat, Instant::now());
    // What comes back after a restart is spread so that at most 333 come in a second.
    let spread = (count / 333).max(5);
    Ok(Json(json!({"time": now.to_string(), "spread_s": spread})))
}

pub(super) async fn list(Shared(app): Shared<Arc<App>>) -> Json<Value> {
    let (time, now, interval) = (clock::now(), Instant::now(), app.config.agents.heartbeat);
    let known = app.agents.lock();
    let mut agents: Vec<(&AgentId, &Agent)> = known.iter().collect();
    agents.sort_by(|a, b| (&a.1.said.name, a.0).cmp(&(&b.1.said.name, b.0)));
    let list = agents.into_iter().map(|(id, agent)| {
        let mut counters = agent.said.counters.clone();
        counters.push(received(&app, *id));
        json!({
            "id": id.to_string(), "name": agent.said.name, "version": agent.said.version,
            "last_seen": agent.last_seen.to_string(), "state": agent.state(interval, now),
            "sources": agent.said.sources, "spool": agent.said.spool, "lag_ms": agent.lag_ms(time),
            "clock_skew_ms": agent.skew_ms, "counters": counters, "figures": agent.said.figures,
        })
    });
    Json(list.collect())
}

/// The server's own line in the counters: what it took from an agent since start. Duplicates are filtered on purpose.
fn received(app: &App, id: AgentId) -> Value {
    let count = app.ingest.counts().agent(id);
    json!({
        "stage": "ingest", "taken": count.taken, "passed": count.accepted, "filtered": count.duplicates + count.later,
        "lost": {"rejected": count.rejected},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: AgentId = AgentId::from_bytes([1; 6]);
    const EVERY: Duration = Duration::from_secs(30);

    fn said(time: i64) -> Heartbeat {
        serde_json::from_value(json!({"agent": ID.to_string(), "name": "web-1", "time": time})).unwrap()
    }

    #[test]
    fn silence_is_noticed_once() {
        let agents = Agents::default();
        let time = Timestamp::from_millis(1_000_000);
        agents.hear(ID, said(1_000_000), time);
        let now = Instant::now();
        assert!(agents.notice(EVERY, now, time).is_empty());
        let later = now + EVERY * 4;
        let events = agents.notice(EVERY, later, time);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].str(field::EVENT_ACTION), Some("agent-silent"));
        assert!(agents.notice(EVERY, later, time).is_empty());
        agents.hear(ID, said(1_000_000), time);
        assert!(agents.notice(EVERY, now, time).is_empty());
        assert_eq!(agents.notice(EVERY, later + EVERY, time).len(), 1, "silent again");
    }

    #[test]
    fn clocks_that_differ_are_noticed() {
        let agents = Agents::default();
        let time = Timestamp::from_millis(1_000_000);
        agents.hear(ID, said(1_000_000 - 400_000), time);
        let events = agents.notice(EVERY, Instant::now(), time);
        assert_eq!(events[0].str(field::EVENT_ACTION), Some("clock-skew"));
        assert!(events[0].str(field::MESSAGE).unwrap().contains("-400 s"));
    }

    #[test]
    fn times_of_agents() {
        assert_eq!(sent_at(&json!(5)), Some(Timestamp::from_millis(5)));
        assert_eq!(sent_at(&json!("1970-01-01T00:00:00.005Z")), Some(Timestamp::from_millis(5)));
        assert_eq!(sent_at(&json!("1970-01-01T01:00:00+01:00")), Some(Timestamp::from_millis(0)));
        assert_eq!(sent_at(&json!("soon")), None);
    }
}
