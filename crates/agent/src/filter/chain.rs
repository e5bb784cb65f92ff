//! The filters in their order.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use schema::matcher::Matcher;
use schema::search::{FieldRef, Options, query_string};
use schema::{Event, Stream, Timestamp, Value, field};
use serde::{Deserialize, Serialize};

use super::Action;
use super::aggregate::{BY, Repeats};
use super::guard;
use super::raw::{Raw, Records};
use crate::health::{Figure, Health};

/// One `[[filter]]` of the configuration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Under which it counts.
    pub name: String,
    /// Which events, in the language of the search bar.
    pub query: String,
    /// What becomes of them.
    pub action: Action,
    /// Fields that tell events apart for `aggregate`; none: a set that fits most events.
    #[serde(default)]
    pub by: Vec<String>,
}

/// What becomes of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It goes on.
    Pass,
    /// It was left out on purpose.
    Filtered,
    /// There were too many.
    RateLimited,
}

/// Processes that `keep_first` knows at a time, in each of two generations. One that is forgotten may send its first events
/// once more.
const PROCESSES: usize = 32_768;

/// Filters compiled.
#[derive(Debug, Default)]
pub struct Chain {
    raws: Vec<(Raw, Arc<Figure>)>,
    steps: Vec<Step>,
    pid: u32,
    spared: Arc<Figure>,
}

#[derive(Debug)]
struct Step {
    name: String,
    matcher: Matcher,
    deed: Deed,
    filtered: Arc<Figure>,
}

/// An action with what it remembers.
#[derive(Debug)]
enum Deed {
    Drop,
    KeepFirst(u32, Box<Processes>),
    Sample { of: u32, seen: u32 },
    RateLimit { most: u32, second: i64, seen: u32 },
    Aggregate(Box<Repeats>),
}

/// Everything that is wrong with these filters, each with its place below `filter`.
#[must_use]
pub fn problems(filters: &[Filter]) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    for (at, filter) in filters.iter().enumerate() {
        let mut found = |key: &str, message: String| problems.push((format!("filter[{at}].{key}"), message));
        if filter.name.is_empty() || filter.name.contains(['"', '\\', '\n']) {
            found("name", "must be given, without quotes, backslashes and line breaks".to_owned());
        }
        if filters[..at].iter().any(|other| other.name == filter.name) {
            found("name", format!("another filter is also called {:?}", filter.name));
        }
        match compile(&filter.query) {
            Ok(matcher) => {
                if let Some(what) = guard::hides(&matcher) {
                    let health = Stream::Health.dataset();
                    let advice = format!("AND NOT auditd.message_type:config_change AND NOT event.dataset:{health}");
                    found("query", format!("would hide {what}, which no filter may; narrow it, or add {advice}"));
                }
            }
            Err(message) => found("query", message),
        }
        for name in filter.by.iter().filter(|name| !Options::page(Timestamp::default()).knows(&FieldRef::resolve(name)))
        {
            found("by", format!("{name} is no field"));
        }
        if !filter.by.is_empty() && !matches!(filter.action, Action::Aggregate(_)) {
            found("by", "only aggregate tells events apart by fields".to_owned());
        }
    }
    problems
}

fn compile(query: &str) -> Result<Matcher, String> {
    let parsed = query_string::parse(query, &Options::page(Timestamp::default())).map_err(|problems| {
        let each = |problem: &query_string::Problem| match &problem.advice {
            Some(advice) => format!("{} ({advice})", problem.message),
            None => problem.message.clone(),
        };
        problems.0.iter().map(each).collect::<Vec<_>>().join("; ")
    })?;
    Matcher::new(&parsed.query).map_err(|error| error.to_string())
}

impl Chain {
    /// Compiles filters that [`problems`] found nothing in; one that does not compile is left out.
    #[must_use]
    pub fn new(filters: &[Filter], raws: Vec<Raw>, health: &Health) -> Self {
        let counter = |name: &str| health.figure(format!("auditng_filtered_events_total{{filter=\"{name}\"}}"));
        let step = |filter: &Filter| {
            let matcher = compile(&filter.query).ok().filter(|matcher| guard::hides(matcher).is_none())?;
            Some(Step { name: filter.name.clone(), matcher, deed: Deed::new(filter), filtered: counter(&filter.name) })
        };
        let steps: Vec<Step> = filters.iter().filter_map(step).collect();
        let raws: Vec<_> =
            raws.into_iter().map(|raw| (counter(&raw.name), raw)).map(|(count, raw)| (raw, count)).collect();
        let spared = if steps.is_empty() && raws.is_empty() {
            Arc::default()
        } else {
            health.figure("auditng_filter_spared_events_total")
        };
        Self { raws, steps, pid: std::process::id(), spared }
    }

    /// Whether it looks at the text of records, which events then must have.
    #[must_use]
    pub fn needs_original(&self) -> bool {
        !self.raws.is_empty()
    }

    /// What becomes of the event. Events that leave early at a bound go to `each`.
    pub fn judge(&mut self, event: &mut Event, now: Timestamp, each: &mut dyn FnMut(Event)) -> Verdict {
        if self.steps.is_empty() && self.raws.is_empty() {
            return Verdict::Pass;
        }
        if let Some(count) = self.raw_match(event) {
            if !guard::is_protected(event, self.pid) {
                count.add(1);
                return Verdict::Filtered;
            }
            self.spared.add(1);
            return Verdict::Pass;
        }
        let mut is_free = None;
        for step in &mut self.steps {
            if !step.matcher.matches(event) {
                continue;
            }
            if !*is_free.get_or_insert_with(|| !guard::is_protected(event, self.pid)) {
                self.spared.add(1);
                return Verdict::Pass;
            }
            let verdict = step.judge(event, now, each);
            if verdict != Verdict::Pass {
                step.filtered.add(1);
                return verdict;
            }
        }
        Verdict::Pass
    }

    fn raw_match(&self, event: &Event) -> Option<&Figure> {
        if self.raws.is_empty() {
            return None;
        }
        let records = Records::of(event)?;
        self.raws.iter().find(|(raw, _)| raw.matches(&records)).map(|(_, count)| &**count)
    }

    /// Gives out what was held back long enough.
    pub fn tick(&mut self, now: Timestamp, each: &mut dyn FnMut(Event)) {
        self.repeats().for_each(|(name, repeats)| repeats.tick(now, &mut |event| each(named(event, name))));
    }

    /// Gives out all that is held back.
    pub fn finish(&mut self, each: &mut dyn FnMut(Event)) {
        self.repeats().for_each(|(name, repeats)| repeats.finish(&mut |event| each(named(event, name))));
    }

    fn repeats(&mut self) -> impl Iterator<Item = (&str, &mut Repeats)> {
        self.steps.iter_mut().filter_map(|step| match &mut step.deed {
            Deed::Aggregate(repeats) => Some((step.name.as_str(), &mut **repeats)),
            _ => None,
        })
    }
}

fn named(mut event: Event, name: &str) -> Event {
    event.push_str(field::AUDITNG_FILTER_NAME, name);
    event
}

impl Step {
    fn judge(&mut self, event: &mut Event, now: Timestamp, each: &mut dyn FnMut(Event)) -> Verdict {
        match &mut self.deed {
            Deed::Drop => Verdict::Filtered,
            Deed::KeepFirst(most, processes) => {
                if processes.count(event) <= *most {
                    Verdict::Pass
                } else {
                    Verdict::Filtered
                }
            }
            Deed::Sample { of, seen } => {
                *seen = if *seen >= *of { 1 } else { *seen + 1 };
                if *seen > 1 {
                    return Verdict::Filtered;
                }
                event.push_str(field::AUDITNG_FILTER_NAME, &self.name);
                event.push_long(field::AUDITNG_FILTER_SAMPLE, i64::from(*of));
                Verdict::Pass
            }
            Deed::RateLimit { most, second, seen } => {
                let this = now.millis().div_euclid(1000);
                if *second != this {
                    (*second, *seen) = (this, 0);
                }
                *seen = seen.saturating_add(1);
                if *seen <= *most { Verdict::Pass } else { Verdict::RateLimited }
            }
            Deed::Aggregate(repeats) => {
                let name = &self.name;
                if repeats.take(event, now, &mut |event| each(named(event, name))) {
                    Verdict::Filtered
                } else {
                    Verdict::Pass
                }
            }
        }
    }
}

impl Deed {
    fn new(filter: &Filter) -> Self {
        match filter.action {
            Action::Drop => Self::Drop,
            Action::KeepFirst(most) => Self::KeepFirst(most, Box::default()),
            Action::Sample(of) => Self::Sample { of, seen: of },
            Action::RateLimit(most) => Self::RateLimit { most, second: i64::MIN, seen: 0 },
            Action::Aggregate(time) => {
                let names = filter.by.iter().map(String::as_str);
                let by: Vec<FieldRef> = if filter.by.is_empty() {
                    BY.iter().map(|name| FieldRef::resolve(name)).collect()
                } else {
                    names.map(FieldRef::resolve).collect()
                };
                Self::Aggregate(Box::new(Repeats::new(by, i64::try_from(time.as_millis()).unwrap_or(i64::MAX))))
            }
        }
    }
}

/// How many events each process had. Two generations of [`PROCESSES`]: the older one goes when the younger is full.
#[derive(Debug, Default)]
struct Processes {
    hasher: RandomState,
    young: HashMap<u64, u32>,
    old: HashMap<u64, u32>,
}

impl Processes {
    /// Counts one more, and says how many there were with it.
    fn count(&mut self, event: &Event) -> u32 {
        let key = self.key(event);
        let before = self.young.get(&key).copied().or_else(|| self.old.remove(&key)).unwrap_or(0);
        if self.young.len() >= PROCESSES {
            self.old = std::mem::take(&mut self.young);
        }
        let count = before.saturating_add(1);
        self.young.insert(key, count);
        count
    }

    /// One life of a process where that is known, else its pid; events of no process count together.
    fn key(&self, event: &Event) -> u64 {
        match event.get(field::PROCESS_ENTITY_ID).or_else(|| event.get(field::PROCESS_PID)) {
            Some(Value::Text(id)) => self.hasher.hash_one(id),
            Some(Value::Long(pid)) => self.hasher.hash_one(pid),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests;
