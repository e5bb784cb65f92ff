//! The last steps of a finished event, the same for every source: filters, lane, sink, and a count at each.
//!
//! A sink without room is waited for, until whoever owns the outlet gives up; what is not taken then is counted as lost with its
//! reason. Does not know where events come from, or add to them.

use std::sync::Arc;
use std::time::Duration;

use schema::loss::Unit;
use schema::{Event, Field, Timestamp};

use super::{Chain, Verdict, lane};
use crate::health::{Counters, Health};
use crate::intake::{Refused, Sink};

/// How long the sink may take before it is asked whether to give up.
const PATIENCE: Duration = Duration::from_millis(250);

/// See the [module](self).
pub(crate) struct Outlet {
    filters: Chain,
    sink: Arc<dyn Sink>,
    counters: Arc<Counters>,
    gives_up: Box<dyn Fn() -> bool + Send>,
    stripped: Option<Field>,
}

impl Outlet {
    /// `gives_up`: whether an event for which the sink has no room is lost now.
    pub(crate) fn new(
        filters: Chain,
        sink: Arc<dyn Sink>,
        health: &Health,
        gives_up: impl Fn() -> bool + Send + 'static,
    ) -> Self {
        Self { filters, sink, counters: health.stage("filter"), gives_up: Box::new(gives_up), stripped: None }
    }

    /// Without this field, which events carry for the filters' sake only.
    pub(crate) fn without(self, field: Option<Field>) -> Self {
        Self { stripped: field, ..self }
    }

    /// An event that has everything.
    pub(crate) fn deliver(&mut self, event: &mut Event, now: Timestamp) {
        self.counters.taken(1);
        let mut early = Vec::new();
        match self.filters.judge(event, now, &mut |event| early.push(event)) {
            Verdict::Pass => self.hand_over(event),
            Verdict::Filtered => self.counters.filtered(1),
            Verdict::RateLimited => {
                self.counters.lost("rate-limit", Unit::Events, 1, event.time().unwrap_or(now));
            }
        }
        self.add(early);
    }

    /// What filters held back and is due by now; to be called a few times a second.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        let mut due = Vec::new();
        self.filters.tick(now, &mut |event| due.push(event));
        self.add(due);
    }

    /// What filters still hold back.
    pub(crate) fn finish(&mut self) {
        let mut held = Vec::new();
        self.filters.finish(&mut |event| held.push(event));
        self.add(held);
    }

    /// Events that no filter is asked about.
    pub(crate) fn add(&mut self, mut events: Vec<Event>) {
        for event in &mut events {
            self.counters.taken(1);
            self.hand_over(event);
        }
    }

    fn hand_over(&mut self, event: &mut Event) {
        if let Some(field) = self.stripped {
            event.remove(field);
        }
        let lane = lane(event);
        let refused = loop {
            match self.sink.put(event, lane, PATIENCE) {
                Ok(()) => return self.counters.passed(1),
                Err(Refused::Full) if !(self.gives_up)() => {}
                Err(refused) => break refused,
            }
        };
        let reason = match refused {
            Refused::Full => "full",
            Refused::TooLarge { .. } => "too-large",
            Refused::Closed => "closed",
        };
        self.counters.lost(reason, Unit::Events, 1, event.time().unwrap_or_default());
    }
}
