//! [`schema::search`] as Elasticsearch's JSON: for remote engines, and to show what a search means.

use schema::search::{
    Aggregation, Bool, Bound, CalendarUnit, DateHistogram, FieldRef, Interval, Metric, Named, Order, OrderBy, Query,
    Range, Scalar, Search, Sort, Terms, query_string,
};
use serde_json::{Map, Value, json};

/// A query as JSON. Read back by [`super::query()`] it is the same query.
#[must_use]
pub fn print_query(query: &Query) -> Value {
    match query {
        Query::MatchAll => json!({"match_all": {}}),
        Query::MatchNone => json!({"match_none": {}}),
        Query::Term { field, value, case_insensitive } => {
            on_field("term", field, "value", text(value), *case_insensitive)
        }
        Query::Terms { field, values } => {
            json!({"terms": {field.name(): values.iter().map(text).collect::<Vec<_>>()}})
        }
        Query::Cidr { field, network, prefix } => {
            json!({"term": {field.name(): {"value": format!("{network}/{prefix}")}}})
        }
        Query::Range(range) => print_range(range),
        Query::Prefix { field, value, case_insensitive } => {
            on_field("prefix", field, "value", json!(value), *case_insensitive)
        }
        Query::Wildcard { field, pattern, case_insensitive } => {
            on_field("wildcard", field, "value", json!(pattern), *case_insensitive)
        }
        Query::Regexp { field, pattern, case_insensitive } => {
            let mut options = json!({"value": pattern, "flags": "NONE"});
            if *case_insensitive {
                options["case_insensitive"] = json!(true);
            }
            json!({"regexp": {field.name(): options}})
        }
        Query::Fuzzy { field, value, edits } => json!({"fuzzy": {field.name(): {"value": value, "fuzziness": edits}}}),
        Query::Exists { name } => json!({"exists": {"field": name}}),
        Query::Ids(ids) => json!({"ids": {"values": ids}}),
        Query::Phrase { field: Some(field), text } => json!({"match_phrase": {field.name(): {"query": text}}}),
        Query::Phrase { field: None, text } => json!({"multi_match": {"query": text, "type": "phrase"}}),
        Query::AnyWildcard { .. } => json!({"query_string": {"query": query_string::print(query)}}),
        Query::Bool(joined) => print_bool(joined),
    }
}

fn on_field(clause: &str, field: &FieldRef, key: &str, value: Value, case_insensitive: bool) -> Value {
    let mut options = json!({key: value});
    if case_insensitive {
        options["case_insensitive"] = json!(true);
    }
    json!({clause: {field.name(): options}})
}

fn print_range(range: &Range) -> Value {
    let mut bounds = Map::new();
    let mut add = |bound: &Bound, included: &str, excluded: &str| match bound {
        Bound::Open => {}
        Bound::Included(value) => drop(bounds.insert(included.to_owned(), text(value))),
        Bound::Excluded(value) => drop(bounds.insert(excluded.to_owned(), text(value))),
    };
    add(&range.lower, "gte", "gt");
    add(&range.upper, "lte", "lt");
    json!({"range": {range.field.name(): bounds}})
}

fn print_bool(joined: &Bool) -> Value {
    let mut clauses = Map::new();
    // Nothing is scored, and a filter is cached.
    for (name, queries) in [("filter", &joined.must), ("should", &joined.should), ("must_not", &joined.must_not)] {
        if !queries.is_empty() {
            clauses.insert(name.to_owned(), queries.iter().map(print_query).collect());
        }
    }
    if let Some(minimum) = joined.minimum_should_match {
        clauses.insert("minimum_should_match".to_owned(), json!(minimum));
    }
    json!({"bool": clauses})
}

/// A value as it stands in queries: times as text, which every field mapping reads alike.
fn text(value: &Scalar) -> Value {
    match value {
        Scalar::Date(time) => json!(time.to_string()),
        value => scalar(value),
    }
}

/// A value as it stands in answers: times as epoch milliseconds.
fn scalar(value: &Scalar) -> Value {
    match value {
        Scalar::Null => Value::Null,
        Scalar::Bool(value) => json!(value),
        Scalar::Long(value) => json!(value),
        Scalar::Double(value) => json!(value),
        Scalar::Date(time) => json!(time.millis()),
        Scalar::Ip(address) => json!(address.to_string()),
        Scalar::Text(text) => json!(text),
    }
}

/// Aggregations as JSON. Read back by [`super::aggregations`] they are the same.
#[must_use]
pub fn print_aggregations(aggregations: &[Named]) -> Value {
    let printed = aggregations.iter().map(|named| {
        let (kind, body) = print_aggregation(&named.aggregation);
        let mut printed = json!({kind: body});
        if !named.inner.is_empty() {
            printed["aggs"] = print_aggregations(&named.inner);
        }
        (named.name.clone(), printed)
    });
    Value::Object(printed.collect())
}

fn print_aggregation(aggregation: &Aggregation) -> (&'static str, Value) {
    match aggregation {
        Aggregation::Terms(terms) => ("terms", print_terms(terms)),
        Aggregation::DateHistogram(histogram) => ("date_histogram", print_date_histogram(histogram)),
        Aggregation::Histogram { field, interval, offset, min_doc_count } => (
            "histogram",
            json!({"field": field.name(), "interval": interval, "offset": offset, "min_doc_count": min_doc_count}),
        ),
        Aggregation::Range { field, ranges } => {
            let ranges: Vec<Value> = ranges.iter().map(print_bucket_range).collect();
            let kind = if field.kind() == schema::field::Kind::Ip { "ip_range" } else { "range" };
            (kind, json!({"field": field.name(), "ranges": ranges}))
        }
        Aggregation::Filter(query) => ("filter", print_query(query)),
        Aggregation::Filters { filters, other } => ("filters", print_filters(filters, other.as_deref())),
        Aggregation::Missing { field } => ("missing", json!({"field": field.name()})),
        Aggregation::Composite { sources, size, after } => {
            ("composite", print_composite(sources, *size, after.as_deref()))
        }
        Aggregation::TopHits { size, sort } => ("top_hits", json!({"size": size, "sort": print_sort(sort)})),
        Aggregation::Metric(metric) => print_metric(metric),
    }
}

fn print_terms(terms: &Terms) -> Value {
    let mut body = json!({
        "field": terms.field.name(),
        "size": terms.size,
        "order": terms.order.iter().map(print_order).collect::<Vec<_>>(),
        "min_doc_count": terms.min_doc_count
    });
    let missing = terms.missing.as_ref().map(text);
    let options = [
        ("missing", missing),
        ("include", terms.include.as_ref().map(|p| json!(p))),
        ("exclude", terms.exclude.as_ref().map(|p| json!(p))),
    ];
    for (name, value) in options.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        body[name] = value;
    }
    body
}

fn print_order(order: &Order) -> Value {
    let key = match &order.by {
        OrderBy::Count => "_count".to_owned(),
        OrderBy::Key => "_key".to_owned(),
        OrderBy::Metric(name, value) if value.is_empty() => name.clone(),
        OrderBy::Metric(name, value) => format!("{name}[{value}]"),
    };
    json!({key: if order.descending { "desc" } else { "asc" }})
}

fn print_date_histogram(histogram: &DateHistogram) -> Value {
    let mut body = json!({"field": histogram.field.name(), "min_doc_count": histogram.min_doc_count});
    match histogram.interval {
        Interval::Fixed(ms) => body["fixed_interval"] = json!(format!("{ms}ms")),
        Interval::Calendar(unit) => body["calendar_interval"] = json!(unit_name(unit)),
    }
    if let Some(zone) = &histogram.time_zone {
        body["time_zone"] = json!(zone);
    }
    if histogram.offset_ms != 0 {
        body["offset"] = json!(format!("{:+}ms", histogram.offset_ms));
    }
    if let Some((min, max)) = histogram.extended_bounds {
        body["extended_bounds"] = json!({"min": min.millis(), "max": max.millis()});
    }
    body
}

fn unit_name(unit: CalendarUnit) -> &'static str {
    match unit {
        CalendarUnit::Minute => "minute",
        CalendarUnit::Hour => "hour",
        CalendarUnit::Day => "day",
        CalendarUnit::Week => "week",
        CalendarUnit::Month => "month",
        CalendarUnit::Quarter => "quarter",
        CalendarUnit::Year => "year",
    }
}

fn print_bucket_range(range: &schema::search::BucketRange) -> Value {
    let mut body = Map::new();
    let parts = [
        ("key", range.key.as_ref().map(|key| json!(key))),
        ("from", range.from.as_ref().map(scalar)),
        ("to", range.to.as_ref().map(scalar)),
    ];
    body.extend(parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Value::Object(body)
}

fn print_filters(filters: &[(String, Query)], other: Option<&str>) -> Value {
    let named = filters.iter().any(|(name, _)| !name.is_empty());
    let printed = if named {
        Value::Object(filters.iter().map(|(name, query)| (name.clone(), print_query(query))).collect())
    } else {
        filters.iter().map(|(_, query)| print_query(query)).collect()
    };
    let mut body = json!({"filters": printed});
    if let Some(other) = other {
        body["other_bucket"] = json!(true);
        body["other_bucket_key"] = json!(other);
    }
    body
}

fn print_composite(sources: &[(String, Aggregation, bool)], size: usize, after: Option<&[Scalar]>) -> Value {
    let printed: Vec<Value> = sources
        .iter()
        .map(|(name, aggregation, descending)| {
            let (kind, mut body) = match aggregation {
                Aggregation::Terms(terms) => ("terms", json!({"field": terms.field.name()})),
                other => print_aggregation(other),
            };
            body["order"] = json!(if *descending { "desc" } else { "asc" });
            json!({name: {kind: body}})
        })
        .collect();
    let mut body = json!({"sources": printed, "size": size});
    if let Some(after) = after {
        let key = sources.iter().zip(after).map(|((name, ..), value)| (name.clone(), scalar(value)));
        body["after"] = Value::Object(key.collect());
    }
    body
}

fn print_metric(metric: &Metric) -> (&'static str, Value) {
    let field = |field: &FieldRef| json!({"field": field.name()});
    match metric {
        Metric::Avg(of) => ("avg", field(of)),
        Metric::Sum(of) => ("sum", field(of)),
        Metric::Min(of) => ("min", field(of)),
        Metric::Max(of) => ("max", field(of)),
        Metric::ValueCount(of) => ("value_count", field(of)),
        Metric::Stats(of) => ("stats", field(of)),
        Metric::ExtendedStats(of) => ("extended_stats", field(of)),
        Metric::Percentiles(of, percents) => ("percentiles", json!({"field": of.name(), "percents": percents})),
        Metric::Cardinality(of, threshold) => {
            ("cardinality", json!({"field": of.name(), "precision_threshold": threshold}))
        }
    }
}

fn print_sort(sort: &[Sort]) -> Value {
    let keys = sort.iter().map(|sort| {
        let order = if sort.descending { "desc" } else { "asc" };
        let missing = if sort.missing_first { "_first" } else { "_last" };
        json!({sort.field.name(): {"order": order, "missing": missing}})
    });
    keys.collect()
}

/// A whole search as the body of `_search`: streams become index names, which stand elsewhere; the time range becomes a
/// filter. Read back by [`super::body()`] it is the same search if it had no time range.
#[must_use]
pub fn print_search(search: &Search) -> Value {
    let mut filters = vec![print_query(&search.query)];
    let mut time = Map::new();
    for (name, bound) in [("gte", search.from_time), ("lt", search.to_time)] {
        time.extend(bound.map(|time| (name.to_owned(), json!(time.to_string()))));
    }
    if !time.is_empty() {
        filters.push(json!({"range": {"@timestamp": time}}));
    }
    let query = if filters.len() == 1 { filters.remove(0) } else { json!({"bool": {"filter": filters}}) };
    let total = if search.track_total == u64::MAX { json!(true) } else { json!(search.track_total) };
    let mut body = json!({"query": query, "size": search.size, "from": search.skip, "track_total_hits": total});
    if !search.sort.is_empty() {
        body["sort"] = print_sort(&search.sort);
    }
    if let Some(after) = &search.search_after {
        body["search_after"] = after.iter().map(scalar).collect();
    }
    if !search.aggregations.is_empty() {
        body["aggs"] = print_aggregations(&search.aggregations);
    }
    body
}
