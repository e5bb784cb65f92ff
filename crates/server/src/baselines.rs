//! Follows what agents tell of their baselines (`event.action: fim-baseline`) and raises an alert where one does not follow
//! the one before.
//!
//! Reads accepted events while they are hot; what came while the server did not follow (before its start, or faster than
//! this thread) is read from the store, from the mark in `state.db` on. Generations and mark are written in one
//! transaction, so each event counts once. An alert is stored at least once: where the server dies between storing it and
//! noting that, it stands there twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use schema::search::{Bound, FieldRef, Query, Range, Scalar, Search, Sort};
use schema::{AgentId, Event, IngestSeq, Stream, Timestamp, Value, field};
use store::{Context, Store};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::clock;
use crate::ingest::Ingest;
use crate::ingest::hot::Next;
use crate::state::{Generation, Standing, State, StateError};

/// What the thread needs.
pub(crate) struct Follower {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) state: Arc<State>,
    pub(crate) runtime: Handle,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Between two looks at a store that does not have all yet.
const PAUSE: Duration = Duration::from_millis(250);
/// Events that are read from the store at once.
const PAGE: usize = 1000;
/// Longest text that is kept of an event: keys and roots have 64 characters, signatures 128.
const LONGEST: usize = 1024;

impl Follower {
    /// Follows until the log closes. Runs on a thread of its own.
    pub(crate) fn follow(&self) {
        let hot = self.ingest.hot();
        let mut cursor = hot.durable();
        if !self.catch_up(cursor) {
            return;
        }
        loop {
            match hot.next(cursor, Duration::from_secs(1)) {
                Next::Batch(batch) => {
                    let fresh = batch.events.partition_point(|event| event.seq <= cursor);
                    let events = batch.events[fresh..].iter();
                    let told = events.filter_map(|event| told(&event.event, event.seq, event.received)).collect();
                    self.take(told, batch.last());
                    cursor = batch.last();
                }
                Next::Behind(until) => {
                    if !self.catch_up(until) {
                        return;
                    }
                    cursor = until;
                }
                Next::Idle => {}
                Next::Closed => return,
            }
        }
    }

    /// Reads from the store what was told since the mark, up to `until`; false: the server stops.
    fn catch_up(&self, until: IngestSeq) -> bool {
        loop {
            if *self.stopping.borrow() {
                return false;
            }
            let done = self.runtime.block_on(self.state.baselines_mark()).map_err(|error| error.to_string());
            match done.and_then(|mark| self.page(mark, until)) {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => tracing::warn!(error, "baselines could not be followed; tried again"),
            }
            let pause = async { tokio::time::sleep(PAUSE).await };
            self.runtime.block_on(pause);
        }
    }

    /// One page after the mark; true: that was all up to `until`.
    fn page(&self, mark: u64, until: IngestSeq) -> Result<bool, String> {
        let lower = Bound::Excluded(Scalar::Long(i64::try_from(mark).unwrap_or(i64::MAX)));
        let upper = Bound::Included(Scalar::Long(i64::try_from(until.0).unwrap_or(i64::MAX)));
        let seq = || FieldRef::Known(field::AUDITNG_INGEST_SEQ);
        let search = Search {
            streams: vec![Stream::Health, Stream::Fim],
            query: Query::all(vec![
                Query::Term {
                    field: FieldRef::Known(field::EVENT_ACTION),
                    value: Scalar::Text("fim-baseline".to_owned()),
                    case_insensitive: false,
                },
                Query::Range(Range { field: seq(), lower, upper }),
            ]),
            sort: vec![Sort { field: seq(), descending: false, missing_first: false }],
            size: PAGE,
            track_total: 0,
            ..Search::default()
        };
        let context = Context { allow_partial: true, ..Context::until(Instant::now() + Duration::from_secs(30)) };
        let answer = self.store.search(&search, &context).map_err(|error| error.to_string())?;
        let whole = answer.hits.len() < PAGE;
        if whole && answer.searchable_through < until {
            return Ok(false);
        }
        let seq_of =
            |event: &Event| IngestSeq(u64::try_from(event.long(field::AUDITNG_INGEST_SEQ).unwrap_or(0)).unwrap_or(0));
        let last = answer.hits.last().map_or(until, |hit| seq_of(&hit.event));
        let received = |event: &Event| match event.get(field::EVENT_INGESTED) {
            Some(Value::Date(time)) => time,
            _ => event.time().unwrap_or_default(),
        };
        let told = answer.hits.iter().filter_map(|hit| told(&hit.event, seq_of(&hit.event), received(&hit.event)));
        let mark = if whole { until } else { last };
        self.keep(told.collect(), mark).map_err(|error| error.to_string())?;
        Ok(whole)
    }

    /// Of a batch; nothing is written where nobody told anything.
    fn take(&self, told: Vec<Generation>, mark: IngestSeq) {
        if told.is_empty() {
            return;
        }
        let seqs: Vec<u64> = told.iter().map(|told| told.seq).collect();
        if let Err(error) = self.keep(told, mark) {
            // The mark stays, so the next start reads them from the store.
            tracing::error!(%error, ?seqs, "generations of baselines could not be kept; the next start tries again");
        }
    }

    fn keep(&self, told: Vec<Generation>, mark: IngestSeq) -> Result<(), StateError> {
        let alerts = self.runtime.block_on(self.state.follow_baselines(told, mark.0))?.alerts;
        if alerts.is_empty() {
            return Ok(());
        }
        let now = clock::now();
        let events: Vec<Event> = alerts.iter().map(|alert| event(alert, now)).collect();
        let submitted = self.ingest.store_own(&events, now);
        let many = submitted.len();
        let durable = submitted.into_iter().map(|taken| taken.durable.blocking_recv());
        if durable.filter(|durable| matches!(durable, Ok(Ok(())))).count() == many && many > 0 {
            self.runtime.block_on(self.state.told_of_baselines(alerts))?;
        }
        Ok(())
    }
}

/// What an event tells of a baseline, if it does. Our own alerts speak of baselines too.
fn told(event: &Event, seq: IngestSeq, received: Timestamp) -> Option<Generation> {
    if event.str(field::EVENT_ACTION) != Some("fim-baseline") || event.stream() == Stream::Alert {
        return None;
    }
    let text = |field| event.str(field).unwrap_or_default().chars().take(LONGEST).collect::<String>();
    let agent: AgentId = event.str(field::AGENT_ID)?.parse().ok()?;
    let host = Some(text(field::HOST_NAME)).filter(|name| !name.is_empty());
    Some(Generation {
        agent,
        seq: seq.0,
        generation: event.long(field::AUDITNG_FIM_GENERATION)?,
        root: text(field::AUDITNG_FIM_BASELINE_ROOT),
        previous: text(field::AUDITNG_FIM_BASELINE_PREVIOUS),
        key: text(field::AUDITNG_FIM_BASELINE_KEY),
        signature: text(field::AUDITNG_FIM_BASELINE_SIGNATURE),
        policies: text(field::AUDITNG_FIM_BASELINE_POLICIES),
        reason: text(field::AUDITNG_FIM_REASON),
        host: host.unwrap_or_else(|| text(field::AGENT_NAME)),
        event: text(field::EVENT_ID),
        time: event.time().unwrap_or(received),
        seen: received,
        standing: Standing::Ok,
    })
}

/// The alert.
fn event(about: &Generation, now: Timestamp) -> Event {
    let what = match about.standing {
        Standing::RolledBack => "went back to an earlier generation",
        Standing::Forked => "does not follow the generation that was told before",
        Standing::KeyChanged => "is signed with another key",
        Standing::Ok | Standing::Gap | Standing::Accepted => "is in order",
    };
    let mut event = Event::new(now);
    let agent = about.agent.to_string();
    let message = format!("the baseline of {} {what}: generation {}", about.host, about.generation);
    for (field, value) in [
        (field::AGENT_ID, agent.as_str()),
        (field::AUDITNG_FIM_BASELINE_KEY, about.key.as_str()),
        (field::AUDITNG_FIM_BASELINE_PREVIOUS, about.previous.as_str()),
        (field::AUDITNG_FIM_BASELINE_ROOT, about.root.as_str()),
        (field::AUDITNG_FIM_BASELINE_STATE, about.standing.name()),
        (field::AUDITNG_FIM_SEVERITY, "critical"),
        (field::EVENT_ACTION, "fim-baseline"),
        (field::EVENT_CATEGORY, "file"),
        (field::EVENT_DATASET, Stream::Alert.dataset()),
        (field::EVENT_KIND, "alert"),
        (field::EVENT_REASON, about.event.as_str()),
        (field::HOST_NAME, about.host.as_str()),
        (field::MESSAGE, message.as_str()),
        (field::RULE_NAME, "baseline out of order"),
    ] {
        event.push_str(field, value);
    }
    event.push_long(field::AUDITNG_FIM_GENERATION, about.generation);
    event.push_long(field::EVENT_SEVERITY, 99);
    event
}
