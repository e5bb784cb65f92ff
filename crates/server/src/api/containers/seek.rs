//! The searches behind the list.

use std::collections::HashMap;

use schema::search::{Aggregation, Bucket, DateHistogram, FieldRef, Hit, Interval, Named, Query, Scalar, Search, Sort};
use schema::{Field, Timestamp, field};
use store::SearchError;

use super::super::aggregate::{
    self, buckets, count_in, filter, named, newest, newest_in, other_count, single, text_key, time_in, top, top_text,
};
use super::super::look::Look;
use super::rows::Row;

/// Containers in one list, those with the most events; what the others did is counted.
const MOST: usize = 5000;
/// Buckets that one search for activity may give.
const BUCKETS: usize = 30_000;
/// Reasons listed for events that nobody could place.
const REASONS: usize = 50;

/// What is no container.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Scope {
    /// `host`, `unknown`, or `none` for events that say nothing of it.
    pub(super) name: &'static str,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) events: u64,
    pub(super) execs: u64,
    pub(super) failures: u64,
    pub(super) reasons: Vec<(String, u64)>,
    pub(super) activity: Vec<u64>,
}

impl Scope {
    fn read(name: &'static str, bucket: &Bucket) -> Self {
        let reasons = buckets(bucket.inner("reason")).iter();
        Self {
            name,
            first: time_in(bucket, "first"),
            last: time_in(bucket, "last"),
            events: bucket.count,
            execs: count_in(bucket, "execs"),
            failures: count_in(bucket, "failures"),
            reasons: reasons.filter_map(|reason| Some((text_key(reason)?.to_owned(), reason.count))).collect(),
            activity: Vec::new(),
        }
    }

    fn query(&self) -> Query {
        match self.name {
            "none" => {
                let names = [field::AUDITNG_CONTAINER_SCOPE, field::CONTAINER_ID];
                Query::any(names.into_iter().map(aggregate::has).collect()).negate()
            }
            name => aggregate::is(field::AUDITNG_CONTAINER_SCOPE, name),
        }
    }
}

/// What a list is made of.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) rows: Vec<Row>,
    pub(super) scopes: Vec<Scope>,
    /// Events of containers beyond [`MOST`].
    pub(super) left_out: u64,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
}

/// Names of a row, and the fields that hold them.
const NAMES: [Field; 6] = [
    field::CONTAINER_NAME,
    field::CONTAINER_IMAGE_NAME,
    field::CONTAINER_IMAGE_TAG,
    field::CONTAINER_RUNTIME,
    field::ORCHESTRATOR_RESOURCE_NAME,
    field::ORCHESTRATOR_NAMESPACE,
];

/// Every container of which events are there, and what is none.
pub(super) fn containers(look: &Look<'_>, within: &Search) -> Result<Found, SearchError> {
    let mut inner = Vec::from(aggregate::times());
    inner.push(top("host", field::HOST_NAME, 1, Vec::new()));
    inner.extend(NAMES.map(|field| top(field.name(), field, 1, Vec::new())));
    let mut aggregations = vec![top("container", field::CONTAINER_ID, MOST, inner)];
    aggregations.extend(SCOPES.map(|name| {
        let mut inner = counts();
        inner.push(top("reason", field::AUDITNG_CONTAINER_REASON, REASONS, Vec::new()));
        filter(name, Scope { name, ..Scope::default() }.query(), inner)
    }));
    aggregations.extend(aggregate::times());
    let search = Search { size: 0, track_total: 0, aggregations, ..within.clone() };
    let answer = look.search(&search)?;
    let list = answer.aggregation("container");
    let time = |name: &str| {
        let ms = answer.aggregation(name)?.number("")?;
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit a double")]
        Some(Timestamp::from_millis(ms as i64))
    };
    let mut rows: Vec<Row> = buckets(list).iter().filter_map(row).collect();
    count(look, within, &mut rows)?;
    Ok(Found {
        rows,
        scopes: SCOPES
            .iter()
            .filter_map(|name| Some(Scope::read(name, single(answer.aggregation(name))?)))
            .filter(|scope| scope.events > 0)
            .collect(),
        left_out: other_count(list),
        first: time("first"),
        last: time("last"),
    })
}

/// What kinds of events each row has. Each kind is looked for once, not once in each of thousands of containers.
fn count(look: &Look<'_>, within: &Search, rows: &mut [Row]) -> Result<(), SearchError> {
    if rows.is_empty() {
        return Ok(());
    }
    let kinds = [
        ("execs", aggregate::execs()),
        ("failures", aggregate::failed()),
        ("pending", aggregate::is(field::AUDITNG_CONTAINER_METADATA, "pending")),
        ("unnamed", aggregate::has(field::CONTAINER_NAME).negate()),
    ];
    let by_container = || vec![top("container", field::CONTAINER_ID, MOST, Vec::new())];
    let aggregations = kinds.map(|(name, query)| filter(name, query, by_container())).into();
    let query = Query::all(vec![within.query.clone(), aggregate::has(field::CONTAINER_ID)]);
    let answer = look.search(&Search { query, size: 0, track_total: 0, aggregations, ..within.clone() })?;
    let places: HashMap<String, usize> =
        rows.iter().enumerate().filter_map(|(at, row)| Some((row.ids.first()?.clone(), at))).collect();
    for kind in ["execs", "failures", "pending", "unnamed"] {
        let list = single(answer.aggregation(kind)).and_then(|bucket| bucket.inner("container"));
        for bucket in buckets(list) {
            let Some(id) = text_key(bucket) else { continue };
            let Some(row) = places.get(id).and_then(|at| rows.get_mut(*at)) else { continue };
            match kind {
                "execs" => row.execs = bucket.count,
                "failures" => row.failures = bucket.count,
                "pending" => row.pending = bucket.count,
                _ => row.unnamed = vec![id.to_owned()],
            }
        }
    }
    Ok(())
}

const SCOPES: [&str; 3] = ["host", "unknown", "none"];

fn counts() -> Vec<Named> {
    let [first, last] = aggregate::times();
    vec![
        first,
        last,
        filter("execs", aggregate::execs(), Vec::new()),
        filter("failures", aggregate::failed(), Vec::new()),
    ]
}

fn row(bucket: &Bucket) -> Option<Row> {
    let id = text_key(bucket)?.to_owned();
    let [name, image, tag, runtime, pod, namespace] = NAMES.map(|field| top_text(bucket, field.name()));
    Some(Row {
        ids: vec![id],
        name,
        image,
        tag,
        runtime,
        pod,
        namespace,
        hosts: top_text(bucket, "host").into_iter().collect(),
        first: time_in(bucket, "first"),
        last: time_in(bucket, "last"),
        events: bucket.count,
        ..Row::default()
    })
}

/// Names that the events in the chosen time do not carry, from whenever they were learnt.
pub(super) fn names(look: &Look<'_>, found: &mut Found) -> Result<(), SearchError> {
    let lacks = |row: &&mut Row| row.name.is_none() || (row.pending > 0 && row.image.is_none());
    let mut lacking: HashMap<String, &mut Row> = HashMap::new();
    for row in found.rows.iter_mut().filter(lacks) {
        lacking.insert(row.ids.first().cloned().unwrap_or_default(), row);
    }
    if lacking.is_empty() {
        return Ok(());
    }
    let ids = aggregate::one_of(field::CONTAINER_ID, lacking.keys().cloned());
    let search = Search {
        query: Query::all(vec![ids, aggregate::has(field::CONTAINER_NAME)]),
        size: 0,
        track_total: 0,
        aggregations: vec![top("container", field::CONTAINER_ID, lacking.len(), vec![newest()])],
        ..Search::default()
    };
    let answer = look.search(&search)?;
    for bucket in buckets(answer.aggregation("container")) {
        let (Some(id), Some(hit)) = (text_key(bucket), newest_in(bucket)) else { continue };
        let Some(row) = lacking.get_mut(id) else { continue };
        let [name, image, tag, runtime, pod, namespace] = NAMES.map(|field| hit.event.str(field).map(str::to_owned));
        let slots = [
            (&mut row.name, name),
            (&mut row.image, image),
            (&mut row.tag, tag),
            (&mut row.runtime, runtime),
            (&mut row.pod, pod),
            (&mut row.namespace, namespace),
        ];
        for (slot, learnt) in slots {
            *slot = slot.take().or(learnt);
        }
    }
    Ok(())
}

/// Width of a point of the activity.
pub(super) fn interval((from, to): (i64, i64), points: usize) -> i64 {
    let points = i64::try_from(points).unwrap_or(i64::MAX);
    ((to - from - 1) / points + 1).max(1)
}

/// Events of each row and scope over the time.
pub(super) fn activity(
    look: &Look<'_>,
    within: &Search,
    (span, points): ((i64, i64), usize),
    rows: &mut [Row],
    scopes: &mut [Scope],
) -> Result<(), SearchError> {
    let curve = Curve { from: span.0, interval: interval(span, points), points };
    let whole = Search { size: 0, track_total: 0, ..within.clone() };
    let queries = scopes.iter().map(|scope| filter(scope.name, scope.query(), vec![curve.named()])).collect();
    let answer = look.search(&Search { aggregations: queries, ..whole.clone() })?;
    for scope in scopes {
        scope.activity = vec![0; points];
        curve.add(single(answer.aggregation(scope.name)), &mut scope.activity);
    }
    let mut of: HashMap<String, usize> = HashMap::new();
    for (at, row) in rows.iter_mut().enumerate() {
        row.activity = vec![0; points];
        of.extend(row.ids.iter().map(|id| (id.clone(), at)));
    }
    let ids: Vec<&String> = of.keys().collect();
    for some in ids.chunks((BUCKETS / (points + 1)).max(1)) {
        let wanted = aggregate::one_of(field::CONTAINER_ID, some.iter().map(|id| id.as_str()));
        let list = top("container", field::CONTAINER_ID, some.len(), vec![curve.named()]);
        let search =
            Search { query: Query::all(vec![whole.query.clone(), wanted]), aggregations: vec![list], ..whole.clone() };
        let answer = look.search(&search)?;
        for bucket in buckets(answer.aggregation("container")) {
            let row = text_key(bucket).and_then(|id| of.get(id)).and_then(|at| rows.get_mut(*at));
            if let Some(row) = row {
                curve.add(Some(bucket), &mut row.activity);
            }
        }
    }
    Ok(())
}

/// A time in equal parts.
struct Curve {
    from: i64,
    interval: i64,
    points: usize,
}

impl Curve {
    fn named(&self) -> Named {
        let dates = DateHistogram {
            field: FieldRef::Known(field::TIMESTAMP),
            interval: Interval::Fixed(self.interval),
            time_zone: None,
            offset_ms: self.from.rem_euclid(self.interval),
            min_doc_count: 1,
            extended_bounds: None,
        };
        named("over_time", Aggregation::DateHistogram(dates), Vec::new())
    }

    fn add(&self, bucket: Option<&Bucket>, to: &mut [u64]) {
        for point in buckets(bucket.and_then(|bucket| bucket.inner("over_time"))) {
            let schema::search::Key::Value(Scalar::Date(time)) = &point.key else { continue };
            let at = (time.millis() - self.from).div_euclid(self.interval);
            if let Some(count) = usize::try_from(at).ok().and_then(|at| to.get_mut(at.min(self.points - 1))) {
                *count += point.count;
            }
        }
    }
}

/// The event that says most of a container: the newest that names it, else its newest.
pub(super) fn best(look: &Look<'_>, id: &str) -> Result<Option<Hit>, SearchError> {
    let of_it = aggregate::is(field::CONTAINER_ID, id);
    let newest_first = Sort { field: FieldRef::Known(field::TIMESTAMP), descending: true, missing_first: false };
    for query in [Query::all(vec![of_it.clone(), aggregate::has(field::CONTAINER_NAME)]), of_it] {
        let search = Search { query, size: 1, track_total: 0, sort: vec![newest_first.clone()], ..Search::default() };
        if let Some(hit) = look.search(&search)?.hits.into_iter().next() {
            return Ok(Some(hit));
        }
    }
    Ok(None)
}
