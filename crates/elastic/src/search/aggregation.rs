//! Aggregations: the tree of names, and those that make buckets.

use schema::field::Kind;
use schema::search::date_math::Fill;
use schema::search::{
    Aggregation, BucketRange, CalendarUnit, DateHistogram, FieldRef, Interval, Metric, Named, Order, OrderBy, Query,
    Scalar, Terms, pattern, read,
};

use super::json::Json;
use super::metric;
use super::query::{query, zone};
use super::reader::{At, Context, Object, Read};
use super::sort::{key_value, sort};

/// Deepest nesting of aggregations.
const MAX_LEVELS: usize = 10;
const MAX_BUCKETS: i64 = 65_535;
const MAX_PAGE: i64 = 10_000;
const MAX_TOP_HITS: i64 = 100;

/// What Elasticsearch has and we do not, or not yet: refused by name, so that nobody takes it for a typing error.
const ABSENT: &[&str] = &[
    "adjacency_matrix",
    "auto_date_histogram",
    "avg_bucket",
    "boxplot",
    "bucket_count_ks_test",
    "bucket_correlation",
    "bucket_script",
    "bucket_selector",
    "bucket_sort",
    "categorize_text",
    "change_point",
    "children",
    "cumulative_cardinality",
    "cumulative_sum",
    "derivative",
    "diversified_sampler",
    "extended_stats_bucket",
    "frequent_item_sets",
    "geo_bounds",
    "geo_centroid",
    "geo_distance",
    "geo_line",
    "geohash_grid",
    "geohex_grid",
    "geotile_grid",
    "global",
    "inference",
    "ip_prefix",
    "matrix_stats",
    "max_bucket",
    "median_absolute_deviation",
    "min_bucket",
    "moving_avg",
    "moving_fn",
    "moving_percentiles",
    "multi_terms",
    "nested",
    "normalize",
    "parent",
    "percentile_ranks",
    "percentiles_bucket",
    "random_sampler",
    "rare_terms",
    "rate",
    "reverse_nested",
    "sampler",
    "scripted_metric",
    "serial_diff",
    "significant_terms",
    "significant_text",
    "stats_bucket",
    "string_stats",
    "sum_bucket",
    "t_test",
    "time_series",
    "top_metrics",
    "variable_width_histogram",
    "weighted_avg",
];

pub(super) fn aggregations(at: &At<'_>, context: &Context<'_>, level: usize) -> Read<Vec<Named>> {
    if level > MAX_LEVELS {
        return Err(at.illegal(format!("aggregations are nested deeper than {MAX_LEVELS}")));
    }
    at.members()?.into_iter().map(|(name, at)| named(name, &at, context, level)).collect()
}

fn named(name: &str, at: &At<'_>, context: &Context<'_>, level: usize) -> Read<Named> {
    if name.is_empty() || name.contains(['[', ']', '>']) {
        return Err(
            at.illegal(format!("[{name}] is no name for an aggregation: it must not be empty or hold [, ] or >"))
        );
    }
    context.count(at)?;
    let mut object = at.object("aggregation")?;
    let inner = match (object.take("aggs"), object.take("aggregations")) {
        (Some(_), Some(second)) => {
            return Err(second.parsing("[aggs] and [aggregations] are the same, give one of them"));
        }
        (Some(inner), None) | (None, Some(inner)) => aggregations(&inner, context, level + 1)?,
        (None, None) => Vec::new(),
    };
    let rest = object.rest();
    let (kind, body) = match rest.as_slice() {
        [one] => one,
        [] => return Err(at.parsing(format!("aggregation [{name}] has no type"))),
        [_, (second, at), ..] => return Err(at.parsing(format!("aggregation [{name}] has a second type [{second}]"))),
    };
    let aggregation = aggregation(kind, body, context)?;
    let alone = matches!(aggregation, Aggregation::Metric(_) | Aggregation::TopHits { .. });
    if alone && !inner.is_empty() {
        return Err(at.illegal(format!("[{kind}] makes no buckets and cannot have aggregations inside")));
    }
    check_order(&aggregation, &inner, body)?;
    Ok(Named { name: name.to_owned(), aggregation, inner })
}

fn aggregation(kind: &str, at: &At<'_>, context: &Context<'_>) -> Read<Aggregation> {
    match kind {
        "terms" => terms(at, context),
        "date_histogram" => date_histogram(at, context),
        "histogram" => histogram(at, context),
        "range" | "date_range" => range(at, context),
        "ip_range" => ip_range(at, context),
        "filter" => Ok(Aggregation::Filter(query(at, context, 1)?)),
        "filters" => filters(at, context),
        "missing" => missing(at, context),
        "composite" => composite(at, context),
        "top_hits" => top_hits(at, context),
        _ => match metric::metric(kind, at, context)? {
            Some(metric) => Ok(Aggregation::Metric(metric)),
            None if ABSENT.contains(&kind) => Err(at.parsing(format!("the aggregation [{kind}] is not supported"))),
            None => Err(at.parsing(format!("unknown aggregation [{kind}]"))),
        },
    }
}

fn terms(at: &At<'_>, context: &Context<'_>) -> Read<Aggregation> {
    let mut object = at.object("terms")?;
    let field = column(&mut object, context)?;
    let size = size(&mut object, 10, 1..=MAX_BUCKETS)?;
    let order = object.take("order").map(|at| orders(&at)).transpose()?;
    let order = order.unwrap_or_else(|| vec![Order { by: OrderBy::Count, descending: true }]);
    let min_doc_count = counts(&mut object, 1, 1)?;
    let missing = object.take("missing").map(|at| scalar(&field, &at, context)).transpose()?;
    let include = object.take("include").map(|at| values_or_pattern(&at)).transpose()?;
    let exclude = object.take("exclude").map(|at| values_or_pattern(&at)).transpose()?;
    if (include.is_some() || exclude.is_some()) && !matches!(field.kind(), Kind::Keyword | Kind::Path) {
        return Err(at.illegal(format!("[{}] holds no texts: [include] and [exclude] do not apply", field.name())));
    }
    // They steer how Elasticsearch's shards come to a result that is exact here.
    object.skip(&["shard_size", "shard_min_doc_count", "collect_mode", "execution_hint"]);
    object.only("show_term_doc_count_error", &Json::Bool(false))?;
    object.end()?;
    Ok(Aggregation::Terms(Terms { field, size, order, min_doc_count, missing, include, exclude }))
}

/// `{"_count": "desc"}`, a list of such, or the name of a metric inside with the value that counts.
fn orders(at: &At<'_>) -> Read<Vec<Order>> {
    let mut orders = Vec::new();
    for at in at.one_or_many()? {
        for (name, at) in at.members()? {
            let descending = match at.text()? {
                "desc" => true,
                "asc" => false,
                other => return Err(at.illegal(format!("an order is [asc] or [desc], not [{other}]"))),
            };
            let by = match name {
                "_count" => OrderBy::Count,
                "_key" | "_term" => OrderBy::Key,
                path => metric_path(path, &at)?,
            };
            orders.push(Order { by, descending });
        }
    }
    if orders.is_empty() {
        return Err(at.parsing("[order] is empty"));
    }
    Ok(orders)
}

/// `avg_size`, `stats.max` or `p[99.0]`.
fn metric_path(path: &str, at: &At<'_>) -> Read<OrderBy> {
    if path.contains('>') {
        return Err(at.illegal(format!("[order] by a metric inside inner buckets [{path}] is not supported")));
    }
    if let Some((name, value)) = path.strip_suffix(']').and_then(|path| path.split_once('[')) {
        return Ok(OrderBy::Metric(name.to_owned(), value.to_owned()));
    }
    // Percents have a dot of their own: `p.99.9`.
    let (name, value) = path.split_once('.').unwrap_or((path, ""));
    Ok(OrderBy::Metric(name.to_owned(), value.to_owned()))
}

/// Buckets can only be ordered by a number that each of them has.
fn check_order(aggregation: &Aggregation, inner: &[Named], at: &At<'_>) -> Read<()> {
    let Aggregation::Terms(Terms { order, .. }) = aggregation else { return Ok(()) };
    for Order { by, .. } in order {
        let OrderBy::Metric(name, value) = by else { continue };
        let metric = inner.iter().find(|inner| inner.name == *name).map(|inner| &inner.aggregation);
        let Some(Aggregation::Metric(metric)) = metric else {
            return Err(at.illegal(format!("[order] names [{name}], which is no metric inside this aggregation")));
        };
        let values: Vec<String> = match metric {
            Metric::Stats(_) => ["count", "min", "max", "avg", "sum"].map(str::to_owned).to_vec(),
            Metric::ExtendedStats(_) => {
                ["count", "min", "max", "avg", "sum", "sum_of_squares", "variance", "std_deviation"]
                    .map(str::to_owned)
                    .to_vec()
            }
            Metric::Percentiles(_, percents) => {
                percents.iter().flat_map(|percent| [format!("{percent:?}"), percent.to_string()]).collect()
            }
            _ => vec![String::new(), "value".to_owned()],
        };
        if !values.contains(value) {
            return Err(at.illegal(format!("[order] by [{name}] needs one of its values: {}", values.join(", "))));
        }
    }
    Ok(())
}

/// A regular expression, or a list of values.
fn values_or_pattern(at: &At<'_>) -> Read<String> {
    let pattern = match at.json {
        Json::List(_) => {
            let values = at.list()?.iter().map(|at| Ok(escaped(&at.scalar_text()?))).collect::<Read<Vec<_>>>()?;
            values.join("|")
        }
        _ => {
            let text = at.text()?;
            if let Some(operator) = pattern::foreign_operator(text) {
                return Err(at.illegal(format!("[{operator}] in an expression is an operator of Lucene: escape it")));
            }
            pattern::from_lucene(text)
        }
    };
    pattern::regexp(&pattern, false).map_err(|error| at.illegal(error.to_string()))?;
    Ok(pattern)
}

fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| (c.is_ascii_punctuation() && c != '<' && c != '>').then_some('\\').into_iter().chain([c]))
        .collect()
}

fn date_histogram(at: &At<'_>, context: &Context<'_>) -> Read<Aggregation> {
    let mut object = at.object("date_histogram")?;
    let histogram = date_histogram_body(&mut object, context)?;
    default_format(&mut object)?;
    object.only("keyed", &Json::Bool(false))?;
    key_order(&mut object)?;
    object.end()?;
    Ok(Aggregation::DateHistogram(histogram))
}

fn date_histogram_body(object: &mut Object<'_>, context: &Context<'_>) -> Read<DateHistogram> {
    let field = column(object, context)?;
    if field.kind() != Kind::Date {
        return Err(object.at.illegal(format!("[{}] holds no times", field.name())));
    }
    let interval = interval(object)?;
    let zone_at = object.take("time_zone");
    let time_zone = match &zone_at {
        Some(at) => {
            zone(at)?;
            Some(at.text()?.to_owned())
        }
        None => None,
    };
    let offset_ms = object.take("offset").map(|at| offset(&at)).transpose()?.unwrap_or(0);
    let min_doc_count = counts(object, 0, 0)?;
    let extended_bounds = object.take("extended_bounds").map(|at| bounds(&field, &at, context)).transpose()?;
    Ok(DateHistogram { field, interval, time_zone, offset_ms, min_doc_count, extended_bounds })
}

fn interval(object: &mut Object<'_>) -> Read<Interval> {
    match (object.take("fixed_interval"), object.take("calendar_interval")) {
        (Some(at), None) => {
            let ms = duration_ms(at.text()?).filter(|ms| *ms > 0);
            ms.map(Interval::Fixed).ok_or_else(|| at.illegal("[fixed_interval] takes a number with ms, s, m, h or d: 30s"))
        }
        (None, Some(at)) => calendar_unit(at.text()?).map(Interval::Calendar).ok_or_else(|| {
            at.illegal("[calendar_interval] takes one of minute, hour, day, week, month, quarter, year (1m, 1h, 1d, 1w, 1M, 1q, 1y)")
        }),
        (Some(_), Some(at)) => Err(at.parsing("[fixed_interval] and [calendar_interval] exclude each other")),
        (None, None) => Err(object.at.parsing("[date_histogram] requires [fixed_interval] or [calendar_interval]")),
    }
}

fn calendar_unit(text: &str) -> Option<CalendarUnit> {
    Some(match text {
        "minute" | "1m" => CalendarUnit::Minute,
        "hour" | "1h" => CalendarUnit::Hour,
        "day" | "1d" => CalendarUnit::Day,
        "week" | "1w" => CalendarUnit::Week,
        "month" | "1M" => CalendarUnit::Month,
        "quarter" | "1q" => CalendarUnit::Quarter,
        "year" | "1y" => CalendarUnit::Year,
        _ => return None,
    })
}

/// `500ms`, `30s`, `5m`, `12h`, `7d`.
fn duration_ms(text: &str) -> Option<i64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(ms)
}

/// `+6h`, `-1d`, or a number of milliseconds.
fn offset(at: &At<'_>) -> Read<i64> {
    if let Json::Long(ms) = at.json {
        return Ok(*ms);
    }
    let text = at.text()?;
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let ms = duration_ms(rest).ok_or_else(|| at.illegal("[offset] takes a duration such as +6h or -1d"))?;
    Ok(sign * ms)
}

fn bounds(field: &FieldRef, at: &At<'_>, context: &Context<'_>) -> Read<(schema::Timestamp, schema::Timestamp)> {
    let mut object = at.object("extended_bounds")?;
    let (min, max) = (object.need("min")?, object.need("max")?);
    object.end()?;
    let time = |at: &At<'_>| match key_value(field, at) {
        Ok(Scalar::Date(time)) => Ok(time),
        _ => match scalar(field, at, context)? {
            Scalar::Date(time) => Ok(time),
            _ => Err(at.illegal("expected a time")),
        },
    };
    let (min, max) = (time(&min)?, time(&max)?);
    if min > max {
        return Err(at.illegal("[extended_bounds] begin after their end"));
    }
    Ok((min, max))
}

fn histogram(at: &At<'_>, context: &Context<'_>) -> Read<Aggregation> {
    let mut object = at.object("histogram")?;
    let aggregation = histogram_body(&mut object, context)?;
    object.only("keyed", &Json::Bool(false))?;
    key_order(&mut object)?;
    object.end()?;
    Ok(aggregation)
}

fn histogram_body(object: &mut Object<'_>, context: &Context<'_>) -> Read<Aggregation> {
    let name = object.need("field")?;
    let field = context.numbers(name.text()?, &name)?;
    let at = object.need("interval")?;
    let interval = at.number()?;
    if interval <= 0.0 {
        return Err(at.illegal("[interval] must be greater than 0"));
    }
    let offset = object.take("offset").map(|at| at.number()).transpose()?.unwrap_or(0.0);
    let min_doc_count = counts(object, 0, 0)?;
    Ok(Aggregation::Histogram { field, interval, offset, min_doc_count })
}

fn range(at: &At<'_>, context: &Context<'_>) -> Read<Aggregation> {
    let mut object = at.object("range")?;
    let name = object.need("field")?;
    let field = context.numbers(name.text()?, &name)?;
    let ranges = object.need("ranges")?;
    default_format(&mut object)?;
    object.only("keyed", &Json::Bool(false))?;
    object.end()?;
    let ranges = ranges.list()?.iter().map(|at| bucket_range(&field, at, context)).collect::<Read<Vec<_>>>()?;
    if ranges.is_empty() {
        return Err(at.illegal("[ranges] is empty"));
    }
    Ok(Aggregation::Range { field, ranges })
}

fn bucket_range(field: &FieldRef, at: &At<'_>, context: &Context<'_>) -> Read<BucketRange> {
    let mut object = at.object("ranges")?;
    let key = object.text("key")?.map(str::to_owned);
    let mut bound = |name: &str| -> Read<Option<Scalar>> {
        match object.take(name) {
            None => Ok(None),
            Some(at) if *at.json == Json::Null => Ok(None),
            Some(at) => range_bound(field, &at, context).map(Some),
        }
    };
    let (from, to) = (bound("from")?, bound("to")?);
    object.end()?;
    Ok(BucketRange { key, from, to })
}

/// Ranges of numbers have bounds between them: `22.5` for a field of whole numbers is fine.
fn range_bound(field: &FieldRef, at: &At<'_>, context: &Context<'_>) -> Read<Scalar> {
    match field.kind() {
        Kind::Date => key_value(field, at).or_else(|_| scalar(field, at, context)),
        Kind::Ip => scalar(field, at, context),
        _ => {
            let number = at.number()?;
            Ok(schema::search::value::whole(number).map_or(Scalar::Double(number), Scalar::Long))
        }
    }
}

fn ip_range(at: &At<'_>, context: &Context<'_>) -> Read<Aggregation> {
    let mut object = at.object("ip_range")?;
    let field = column(&mut object, context)?;
    if field.kind() != Kind::Ip {
        return Err(object.at.illegal(format!("[{}] holds no addresses", field.name())));
    }
    let ranges = object.need("ranges")?;
    object.only("keyed", &Json::Bool(false))?;
    object.end()?;
    let ranges = ranges.list()?.iter().map(|at| bucket_range(&field, at, context)).collect::<Read<Vec<_>>>()?;
    if ranges.is_empty() {
        return Err(at.illegal("[ranges] is empty"));
    }
    Ok(Aggregation::Range { field, ranges })
}

fn filters(at: &At<'_>, context: &Context<'_>) -> Read<Aggregation> {
    let mut object = at.object("filters")?;
    let given = object.need("filters")?;
    let named = matches!(given.json, Json::Object(_));
    let filters: Vec<(String, Query)> = if named {
        let members = given.members()?.into_iter();
        members.map(|(name, at)| Ok((name.to_owned(), query(&at, context, 1)?))).collect::<Read<_>>()?
    } else {
        given.list()?.iter().map(|at| Ok((String::new(), query(at, context, 1)?))).collect::<Read<_>>()?
    };
    let wanted = object.flag("other_bucket")?;
    let key = object.text("other_bucket_key")?;
    object.only("keyed", &Json::Bool(named))?;
    object.end()?;
    if filters.is_empty() {
        return Err(given.illegal("[filters] is empty"));
    }
    let other = match (wanted, key) {
        (Some(false), _) | (None, None) => None,
        (_, Some(key)) => Some(key.to_owned()),
        (Some(true), None) => Some(if named { "_other_" } else { "" }.to_owned()),
    };
    Ok(Aggregation::Filters { filters, other })
}

fn missing(at: &At<'_>, context: &Context<'_>) -> Read<Aggregation> {
    let mut object = at.object("missing")?;
    let name = object.need("field")?;
    let field = context.searchable(name.text()?, &name)?;
    object.end()?;
    Ok(Aggregation::Missing { field })
}

fn composite(at: &At<'_>, context: &Context<'_>) -> Read<Aggregation> {
    let mut object = at.object("composite")?;
    let given = object.need("sources")?;
    let size = size(&mut object, 10, 1..=MAX_PAGE)?;
    let after = object.take("after");
    object.end()?;
    let sources = given.list()?.iter().map(|at| source(at, context)).collect::<Read<Vec<_>>>()?;
    if sources.is_empty() {
        return Err(given.illegal("[sources] is empty"));
    }
    let after = after.map(|at| after_key(&sources, &at)).transpose()?;
    Ok(Aggregation::Composite { sources, size, after })
}

/// One source: name, aggregation, whether its largest key comes first.
fn source(at: &At<'_>, context: &Context<'_>) -> Read<(String, Aggregation, bool)> {
    let (name, at) = at.only_member("sources")?;
    let (kind, body) = at.only_member("source")?;
    let mut object = body.object("composite source")?;
    let descending = match object.text("order")? {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(other) => return Err(body.illegal(format!("an order is [asc] or [desc], not [{other}]"))),
    };
    object.only("missing_bucket", &Json::Bool(false))?;
    let aggregation = match kind {
        "terms" => {
            let field = column(&mut object, context)?;
            let order = vec![Order { by: OrderBy::Key, descending }];
            Aggregation::Terms(Terms { order, ..Terms::top(field, 1) })
        }
        "date_histogram" => {
            default_format(&mut object)?;
            Aggregation::DateHistogram(date_histogram_body(&mut object, context)?)
        }
        "histogram" => histogram_body(&mut object, context)?,
        _ => {
            return Err(
                body.parsing(format!("[{kind}] cannot be a source of a composite: terms, date_histogram, histogram"))
            );
        }
    };
    object.end()?;
    Ok((name.to_owned(), aggregation, descending))
}

fn after_key(sources: &[(String, Aggregation, bool)], at: &At<'_>) -> Read<Vec<Scalar>> {
    let mut object = at.object("after")?;
    let values = sources.iter().map(|(name, aggregation, _)| {
        let at = object.need(name)?;
        match aggregation {
            Aggregation::Histogram { .. } => at.number().map(Scalar::Double),
            Aggregation::DateHistogram(DateHistogram { field, .. }) | Aggregation::Terms(Terms { field, .. }) => {
                key_value(field, &at)
            }
            _ => Err(at.illegal("not a key")),
        }
    });
    let values = values.collect::<Read<Vec<_>>>()?;
    object.end()?;
    Ok(values)
}

fn top_hits(at: &At<'_>, context: &Context<'_>) -> Read<Aggregation> {
    let mut object = at.object("top_hits")?;
    let size = size(&mut object, 3, 0..=MAX_TOP_HITS)?;
    let sort = object.take("sort").map(|at| sort(&at, context)).transpose()?.unwrap_or_default();
    object.only("from", &Json::Long(0))?;
    object.only("_source", &Json::Bool(true))?;
    object.end()?;
    Ok(Aggregation::TopHits { size, sort })
}

/// `field`, which must have columns.
pub(super) fn column(object: &mut Object<'_>, context: &Context<'_>) -> Read<FieldRef> {
    let name = object.need("field")?;
    context.column(name.text()?, &name)
}

fn size(object: &mut Object<'_>, default: usize, bounds: std::ops::RangeInclusive<i64>) -> Read<usize> {
    object.take("size").map_or(Ok(default), |at| at.size(bounds))
}

fn counts(object: &mut Object<'_>, default: u64, least: i64) -> Read<u64> {
    object.take("min_doc_count").map_or(Ok(default), |at| Ok(u64::try_from(at.whole(least..=i64::MAX)?).unwrap_or(0)))
}

fn scalar(field: &FieldRef, at: &At<'_>, context: &Context<'_>) -> Read<Scalar> {
    let text = at.scalar_text()?;
    read::scalar(field, &text, Fill::Start, context.options).map_err(|bad| at.illegal(bad.message))
}

/// Labels of dates have one form here.
fn default_format(object: &mut Object<'_>) -> Read<()> {
    let Some(at) = object.take("format") else { return Ok(()) };
    match at.text()? {
        "strict_date_time" | "date_time" | "strict_date_optional_time" | "date_optional_time" => Ok(()),
        other => Err(at.illegal(format!("[format] {other} is not supported: labels are RFC 3339 with milliseconds"))),
    }
}

fn key_order(object: &mut Object<'_>) -> Read<()> {
    let Some(at) = object.take("order") else { return Ok(()) };
    match orders(&at)?.as_slice() {
        [Order { by: OrderBy::Key, descending: false }] => Ok(()),
        _ => Err(at.illegal("buckets of a histogram come in the order of their keys")),
    }
}
