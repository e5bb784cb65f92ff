//! Changes in groups. Two looks: one finds the groups and their order, cheaply over all changes; the other says more of
//! those that are shown.

use std::collections::HashMap;

use schema::search::{
    Aggregation, Bucket, FieldRef, Key as BucketKey, Metric, Named, Order as BucketOrder, OrderBy, Query, Search, Terms,
};
use schema::{Field, field};
use serde::Deserialize;
use serde_json::{Value, json};
use store::SearchError;

use super::super::aggregate::{
    buckets, filter, metric, named, newest, newest_in, number, other_count, single, text_key, time_in, times, top,
    top_text,
};
use super::super::look::Look;
use super::{text_of, unexpected};

/// Groups that one list can reach; the changes of all others are counted.
pub(super) const MOST: usize = 10_000;
/// Hosts, policies and so on to choose from.
const CHOICES: usize = 100;
/// Hosts that a row names.
const NAMED: usize = 3;
/// Different hosts are counted exactly up to here.
const EXACT: u64 = 1000;

/// What a row stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum By {
    #[default]
    File,
    Host,
    Container,
    Package,
    Policy,
}

impl By {
    const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Host => "host",
            Self::Container => "container",
            Self::Package => "package",
            Self::Policy => "policy",
        }
    }

    const fn field(self) -> Field {
        match self {
            Self::File => field::FILE_PATH,
            Self::Host => field::HOST_NAME,
            Self::Container => field::CONTAINER_ID,
            Self::Package => field::AUDITNG_FIM_PROVENANCE_PACKAGES,
            Self::Policy => field::AUDITNG_FIM_POLICY,
        }
    }
}

/// What rows are ordered by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Key {
    #[default]
    Changes,
    Last,
    Severity,
    Name,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    Asc,
    #[default]
    Desc,
}

pub(super) struct Wanted<'a> {
    pub(super) by: By,
    pub(super) find: &'a str,
    pub(super) sort: Key,
    pub(super) order: Order,
    pub(super) size: usize,
    pub(super) skip: usize,
}

pub(super) fn list(look: &Look<'_>, within: &Search, wanted: &Wanted<'_>) -> Result<Value, SearchError> {
    let scope = Search { size: 0, track_total: u64::MAX, ..within.clone() };
    let mut aggregations = choices();
    aggregations.push(filter("found", found(wanted), vec![groups(wanted)]));
    let answer = look.search(&Search { aggregations, ..scope.clone() })?;
    let list = single(answer.aggregation("found")).and_then(|bucket| bucket.inner("groups"));
    let all = buckets(list);
    let keys: Vec<String> = all
        .iter()
        .skip(wanted.skip)
        .take(wanted.size)
        .filter_map(|bucket| text_key(bucket).map(str::to_owned))
        .collect();
    let rows = details(look, &scope, wanted.by, &keys)?;
    let choice = |name: &str| {
        buckets(answer.aggregation(name))
            .iter()
            .map(|bucket| json!({"value": key(bucket), "count": bucket.count}))
            .collect::<Value>()
    };
    Ok(json!({
        "by": wanted.by.name(), "rows": rows, "total": all.len(), "left_out_changes": other_count(list),
        "changes": answer.total.value, "hosts": choice("hosts"), "policies": choice("policies"),
        "severities": choice("severities"), "actions": choice("actions"), "confidences": choice("confidences"),
        "unexpected": single(answer.aggregation("unexpected")).map_or(0, |bucket| bucket.count),
        "from_ms": within.from_time.map(schema::Timestamp::millis), "to_ms": within.to_time.map(schema::Timestamp::millis),
    }))
}

/// What there is to choose from, over all changes of the question.
fn choices() -> Vec<Named> {
    vec![
        top("hosts", field::HOST_NAME, CHOICES, Vec::new()),
        top("policies", field::AUDITNG_FIM_POLICY, CHOICES, Vec::new()),
        top("severities", field::AUDITNG_FIM_SEVERITY, CHOICES, Vec::new()),
        top("actions", field::EVENT_ACTION, CHOICES, Vec::new()),
        top("confidences", field::AUDITNG_FIM_WHO_CONFIDENCE, CHOICES, Vec::new()),
        filter("unexpected", unexpected(), Vec::new()),
    ]
}

fn groups(wanted: &Wanted<'_>) -> Named {
    let by = match wanted.sort {
        Key::Changes => OrderBy::Count,
        Key::Name => OrderBy::Key,
        Key::Last => OrderBy::Metric("last".to_owned(), String::new()),
        Key::Severity => OrderBy::Metric("severity".to_owned(), String::new()),
    };
    let mut order = vec![BucketOrder { by, descending: wanted.order == Order::Desc }];
    if wanted.sort == Key::Severity {
        order.push(BucketOrder { by: OrderBy::Count, descending: true });
    }
    let inner = match wanted.sort {
        Key::Changes | Key::Name => Vec::new(),
        Key::Last => vec![metric("last", Metric::Max(FieldRef::Known(field::TIMESTAMP)))],
        Key::Severity => vec![metric("severity", Metric::Max(FieldRef::Known(field::EVENT_SEVERITY)))],
    };
    let terms = Terms { order, ..Terms::top(FieldRef::Known(wanted.by.field()), MOST) };
    named("groups", Aggregation::Terms(terms), inner)
}

/// Groups whose name holds a text.
fn found(wanted: &Wanted<'_>) -> Query {
    if wanted.find.is_empty() {
        return Query::MatchAll;
    }
    let mut pattern = String::from("*");
    for c in wanted.find.chars() {
        if matches!(c, '*' | '?' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('*');
    let like =
        |field| Query::Wildcard { field: FieldRef::Known(field), pattern: pattern.clone(), case_insensitive: true };
    match wanted.by {
        By::Container => {
            Query::any([field::CONTAINER_ID, field::CONTAINER_NAME, field::CONTAINER_IMAGE_NAME].map(like).into())
        }
        by => like(by.field()),
    }
}

/// What is said of each shown group, in their order.
fn details(look: &Look<'_>, scope: &Search, by: By, keys: &[String]) -> Result<Vec<Value>, SearchError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut inner = Vec::from(times());
    inner.extend([
        top("severities", field::AUDITNG_FIM_SEVERITY, 10, Vec::new()),
        top("actions", field::EVENT_ACTION, 15, Vec::new()),
        top("hosts", field::HOST_NAME, NAMED, Vec::new()),
        top("policies", field::AUDITNG_FIM_POLICY, NAMED, Vec::new()),
        metric("host_count", Metric::Cardinality(FieldRef::Known(field::HOST_NAME), EXACT)),
        metric("files", Metric::Cardinality(FieldRef::Known(field::FILE_PATH), EXACT)),
        filter("unexpected", unexpected(), Vec::new()),
        newest(),
    ]);
    match by {
        By::Container => inner.extend([
            top("name", field::CONTAINER_NAME, 1, Vec::new()),
            top("image", field::CONTAINER_IMAGE_NAME, 1, Vec::new()),
        ]),
        By::Package => inner.push(top("versions", field::AUDITNG_FIM_PROVENANCE_VERSIONS, NAMED, Vec::new())),
        By::File | By::Host | By::Policy => {}
    }
    let query = Query::all(vec![scope.query.clone(), super::one_of(by.field(), keys.iter().cloned())]);
    // An event of several policies or packages brings those along that were not asked for.
    let size = if matches!(by, By::Policy | By::Package) { MOST } else { keys.len() };
    let search =
        Search { query, track_total: 0, aggregations: vec![top("groups", by.field(), size, inner)], ..scope.clone() };
    let answer = look.search(&search)?;
    let of: HashMap<&str, &Bucket> =
        buckets(answer.aggregation("groups")).iter().filter_map(|bucket| Some((text_key(bucket)?, bucket))).collect();
    Ok(keys.iter().filter_map(|key| of.get(key.as_str()).map(|bucket| row(key, bucket))).collect())
}

fn row(name: &str, bucket: &Bucket) -> Value {
    let counts = |inner: &str| -> Value {
        let pairs = buckets(bucket.inner(inner)).iter().map(|bucket| (key(bucket), json!(bucket.count)));
        pairs.collect::<serde_json::Map<_, _>>().into()
    };
    let names = |inner: &str| buckets(bucket.inner(inner)).iter().map(key).collect::<Vec<_>>();
    let last = newest_in(bucket).map(|hit| {
        let text = |field| hit.event.str(field);
        json!({
            "id": hit.id, "action": text(field::EVENT_ACTION), "path": text(field::FILE_PATH), "user": text(field::USER_NAME),
            "executable": text(field::PROCESS_EXECUTABLE), "confidence": text(field::AUDITNG_FIM_WHO_CONFIDENCE),
        })
    });
    json!({
        "key": name, "changes": bucket.count, "severities": counts("severities"), "actions": counts("actions"),
        "hosts": names("hosts"), "host_count": number(bucket.inner("host_count")), "policies": names("policies"),
        "files": number(bucket.inner("files")), "versions": names("versions"),
        "name": top_text(bucket, "name"), "image": top_text(bucket, "image"),
        "unexpected": single(bucket.inner("unexpected")).map_or(0, |bucket| bucket.count),
        "first": time_in(bucket, "first").map(|time| time.to_string()),
        "last": time_in(bucket, "last").map(|time| time.to_string()), "newest": last,
    })
}

fn key(bucket: &Bucket) -> String {
    match &bucket.key {
        BucketKey::Value(value) => text_of(value),
        _ => String::new(),
    }
}
