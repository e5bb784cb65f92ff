//! The way of a finished event to the sink: context, filters, lane.

use std::sync::Arc;

use fim::{Change, Who};
use schema::{Event, Timestamp, field};

use super::event;
use crate::enrich::{Context, user::Users};
use crate::filter::Outlet;
use crate::health::{Figure, Health};

/// How late who tells of a process may be: events wait in the kernel's queue until they are read.
pub(super) const LATE_MS: i64 = 2_000;

pub(super) struct Out {
    context: Context,
    users: Users,
    outlet: Outlet,
    confidence: [Arc<Figure>; 5],
}

impl Out {
    pub(super) fn new(context: Context, outlet: Outlet, health: &Health) -> Self {
        use fim::who::Confidence::{Ambiguous, Certain, Merged, Strong, Unknown};
        let share = |confidence: fim::who::Confidence| {
            health.figure(format!("auditng_fim_events_total{{who=\"{}\"}}", confidence.name()))
        };
        Self {
            context,
            users: Users::of_host(),
            outlet,
            confidence: [Unknown, Ambiguous, Merged, Strong, Certain].map(share),
        }
    }

    /// How many changes there were by how sure it is who did them.
    pub(super) fn shares(&self) -> [(&'static str, Arc<Figure>); 5] {
        let words = ["unknown", "ambiguous", "merged", "strong", "certain"];
        std::array::from_fn(|at| (words[at], Arc::clone(&self.confidence[at])))
    }

    /// A judged change.
    pub(super) fn change(&mut self, change: &Change, now: Timestamp) {
        self.confidence[change.who.confidence as usize].add(1);
        let mut event = event::of(change, &self.users);
        let inside = change.inside.as_ref();
        if let Some(inside) = inside
            && !self.context.apply_container(&inside.container, inside.pid, &mut event)
            && !inside.container.is_empty()
        {
            event.push_str(field::CONTAINER_ID, &inside.container);
            event.push_str(field::AUDITNG_CONTAINER_SCOPE, "container");
        }
        self.enriched(&change.who, &mut event, now);
    }

    /// Something that this source says of itself.
    pub(super) fn notice(&mut self, mut event: Event, now: Timestamp) {
        self.enriched(&Who::default(), &mut event, now);
    }

    fn enriched(&mut self, who: &Who, event: &mut Event, now: Timestamp) {
        self.context.apply_as(who, LATE_MS, event);
        // A process that is known and whose program was not read in time: said, not left out.
        let known = who.confidence >= fim::who::Confidence::Merged;
        if known && who.reason.is_none() && event.get(field::PROCESS_EXECUTABLE).is_none() {
            event.push_str(field::AUDITNG_FIM_WHO_REASON, fim::who::Reason::ReaderLate.name());
        }
        self.outlet.deliver(event, now);
    }

    /// What is due by now; to be called a few times a second.
    pub(super) fn tick(&mut self, now: Timestamp) {
        self.users.refresh(now);
        let mut late = Vec::new();
        self.context.tick(now, &mut |event| late.push(event));
        self.outlet.add(late);
        self.outlet.tick(now);
    }

    pub(super) fn finish(&mut self) {
        self.outlet.finish();
    }
}
