//! Host by host: which generation, when it was compared last, what is open since; and the holes in what was watched.

use std::collections::{BTreeMap, HashMap};

use schema::search::{Aggregation, FieldRef, Hit, Outcome, Query, Search, Sort};
use schema::{Event, Field, Stream, Timestamp, field};
use serde_json::{Value, json};
use store::SearchError;

use super::super::aggregate::{self, buckets, date, filter, has, named, newest, newest_in, one_of, text_key, top};
use super::super::look::Look;
use super::unexpected;
use crate::state::Generation;

/// Hosts in one answer.
pub(super) const MOST: usize = 500;
/// Kinds of scans.
const KINDS: usize = 10;
/// Holes that are read, the newest; same ones are one line.
const HOLES: usize = 1000;
/// From here on a change is severe: the number of `high`.
const SEVERE: i64 = 73;

#[derive(Default)]
struct Host {
    chain: Option<Generation>,
    scans: Vec<Value>,
    open: u64,
    severe: u64,
}

pub(super) fn coverage(look: &Look<'_>, within: &Search, chain: Vec<Generation>) -> Result<Value, SearchError> {
    let mut hosts: BTreeMap<String, Host> = BTreeMap::new();
    let known = chain.len();
    for generation in chain {
        let host = hosts.entry(generation.host.clone()).or_default();
        // Of several agents with one host name the one that is not in order, else the newest.
        let keep = host.chain.as_ref().is_none_or(|kept| {
            (generation.standing.is_alert(), generation.seen) > (kept.standing.is_alert(), kept.seen)
        });
        if keep {
            host.chain = Some(generation);
        }
    }
    scans(look, within, &mut hosts)?;
    let left_out = hosts.len().saturating_sub(MOST);
    let mut hosts: BTreeMap<String, Host> = hosts.into_iter().take(MOST).collect();
    open(look, &mut hosts)?;
    let (holes, hole_count) = holes(look, within)?;
    Ok(json!({
        "hosts": hosts.iter().map(|(name, host)| host_json(name, host)).collect::<Value>(), "left_out_hosts": left_out,
        "agents": known, "holes": holes, "hole_count": hole_count,
    }))
}

/// The newest scan of each kind, whenever it was before the end of the time.
fn scans(look: &Look<'_>, within: &Search, hosts: &mut BTreeMap<String, Host>) -> Result<(), SearchError> {
    let kinds = top("kind", field::AUDITNG_FIM_SCAN_KIND, KINDS, vec![newest()]);
    let search = Search {
        streams: vec![Stream::Health, Stream::Fim],
        query: aggregate::is(field::EVENT_ACTION, "fim-scan"),
        from_time: None,
        to_time: within.to_time,
        size: 0,
        track_total: 0,
        aggregations: vec![top("host", field::HOST_NAME, MOST * 2, vec![kinds])],
        ..Search::default()
    };
    let answer = look.search(&search)?;
    for bucket in buckets(answer.aggregation("host")) {
        let Some(name) = text_key(bucket) else { continue };
        let host = hosts.entry(name.to_owned()).or_default();
        host.scans = buckets(bucket.inner("kind")).iter().filter_map(newest_in).map(scan).collect();
    }
    Ok(())
}

fn scan(hit: &Hit) -> Value {
    let event = &hit.event;
    let end = date(event, field::EVENT_END).or_else(|| event.time());
    let start = date(event, field::EVENT_START).or(end);
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let long = |field: Field| event.long(field);
    json!({
        "kind": event.str(field::AUDITNG_FIM_SCAN_KIND), "start": time(start), "end": time(end),
        "entries": long(field::AUDITNG_FIM_SCAN_ENTRIES), "bytes": long(field::AUDITNG_FIM_SCAN_BYTES),
        "differences": long(field::AUDITNG_FIM_SCAN_DIFFERENCES), "unreadable": long(field::AUDITNG_FIM_SCAN_UNREADABLE),
        "skipped": long(field::AUDITNG_FIM_SCAN_SKIPPED), "generation": long(field::AUDITNG_FIM_GENERATION),
        "root": event.str(field::AUDITNG_FIM_BASELINE_ROOT), "event": hit.id,
        "broken": event.str(field::EVENT_OUTCOME) == Some("failure"), "why": event.str(field::AUDITNG_FIM_REASON),
    })
}

/// Changes since the generation that stands, or ever where it is not in order, without those that were to be expected.
fn open(look: &Look<'_>, hosts: &mut BTreeMap<String, Host>) -> Result<(), SearchError> {
    let since = |name: &str, host: &Host| {
        let mut all = vec![aggregate::is(field::HOST_NAME, name)];
        // A baseline that is not in order closes nothing.
        if let Some(chain) = host.chain.as_ref().filter(|chain| !chain.standing.is_alert()) {
            all.push(at_least(field::TIMESTAMP, schema::search::Scalar::Date(chain.time)));
        }
        Query::all(all)
    };
    let filters = hosts.iter().map(|(name, host)| (name.clone(), since(name, host))).collect::<Vec<_>>();
    if filters.is_empty() {
        return Ok(());
    }
    let severe = filter("severe", at_least(field::EVENT_SEVERITY, schema::search::Scalar::Long(SEVERE)), Vec::new());
    let search = Search {
        streams: vec![Stream::Fim],
        query: unexpected(),
        size: 0,
        track_total: 0,
        aggregations: vec![named("host", Aggregation::Filters { filters, other: None }, vec![severe])],
        ..Search::default()
    };
    let answer = look.search(&search)?;
    if let Some(Outcome::Buckets { buckets, .. }) = answer.aggregation("host") {
        for (bucket, host) in buckets.iter().zip(hosts.values_mut()) {
            host.open = bucket.count;
            host.severe = aggregate::count_in(bucket, "severe");
        }
    }
    Ok(())
}

fn at_least(field: Field, value: schema::search::Scalar) -> Query {
    Query::Range(schema::search::Range {
        field: FieldRef::Known(field),
        lower: schema::search::Bound::Included(value),
        upper: schema::search::Bound::Open,
    })
}

/// Where nobody looked, in the time: one line for each host, place and reason, newest first.
fn holes(look: &Look<'_>, within: &Search) -> Result<(Value, u64), SearchError> {
    let notices = one_of(field::EVENT_ACTION, ["fim-coverage", "fim-scan-stale"]);
    let ours = Query::any(vec![
        has(field::AUDITNG_FIM_ROOT),
        Query::Prefix {
            field: FieldRef::Known(field::AUDITNG_LOSS_STAGE),
            value: "fim".to_owned(),
            case_insensitive: false,
        },
    ]);
    let losses = Query::all(vec![aggregate::is(field::EVENT_ACTION, "source-loss"), ours]);
    let newest = Sort { field: FieldRef::Known(field::TIMESTAMP), descending: true, missing_first: false };
    let search = Search {
        streams: vec![Stream::Health, Stream::Fim],
        query: Query::any(vec![notices, losses]),
        size: HOLES,
        sort: vec![newest],
        track_total: 100_000,
        ..within.clone()
    };
    let answer = look.search(&search)?;
    let mut lines: Vec<(Line, Value, u64)> = Vec::new();
    // Newest first: what was told of a place last holds.
    let mut told: HashMap<[&str; 2], bool> = HashMap::new();
    for hit in &answer.hits {
        let line = Line::of(&hit.event);
        if is(&hit.event, "fim-coverage") {
            let place =
                [field::HOST_NAME, field::AUDITNG_FIM_ROOT].map(|field| hit.event.str(field).unwrap_or_default());
            let live = *told.entry(place).or_insert_with(|| is_live(&hit.event));
            if live {
                continue;
            }
        }
        match lines.iter_mut().find(|(known, ..)| *known == line) {
            Some((_, _, times)) => *times += 1,
            None => lines.push((line, hole(hit), 1)),
        }
    }
    let list = lines.into_iter().map(|(_, mut hole, times)| {
        hole["times"] = json!(times);
        hole
    });
    Ok((list.collect(), answer.total.value))
}

fn is(event: &Event, action: &str) -> bool {
    event.str(field::EVENT_ACTION) == Some(action)
}

/// Changes are told at once, and nobody took that away.
fn is_live(event: &Event) -> bool {
    let live = matches!(event.str(field::AUDITNG_FIM_SOURCE), Some("fanotify" | "inotify" | "audit"));
    live && event.str(field::EVENT_KIND) != Some("alert")
}

#[derive(PartialEq)]
struct Line(Vec<String>);

impl Line {
    fn of(event: &Event) -> Self {
        let fields = [
            field::HOST_NAME,
            field::AUDITNG_FIM_ROOT,
            field::AUDITNG_FIM_REASON,
            field::AUDITNG_LOSS_REASON,
            field::EVENT_ACTION,
        ];
        Self(fields.map(|field| event.str(field).unwrap_or_default().to_owned()).into())
    }
}

fn hole(hit: &Hit) -> Value {
    let event = &hit.event;
    let text = |field: Field| event.str(field);
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "event": hit.id, "time": time(event.time()), "host": text(field::HOST_NAME), "action": text(field::EVENT_ACTION),
        "root": text(field::AUDITNG_FIM_ROOT), "reason": text(field::AUDITNG_FIM_REASON).or_else(|| text(field::AUDITNG_LOSS_REASON)),
        "source": text(field::AUDITNG_FIM_SOURCE), "message": text(field::MESSAGE),
        "lost": event.long(field::AUDITNG_LOSS_COUNT), "from": time(date(event, field::AUDITNG_LOSS_WINDOW_START)),
        "to": time(date(event, field::AUDITNG_LOSS_WINDOW_END)),
    })
}

fn host_json(name: &str, host: &Host) -> Value {
    json!({
        "host": name, "baseline": host.chain.as_ref().map(super::generation), "scans": host.scans, "open": host.open,
        "severe": host.severe,
    })
}
