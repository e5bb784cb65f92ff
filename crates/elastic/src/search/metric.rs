//! Aggregations that give a number.

use schema::search::{FieldRef, Metric};

use super::aggregation::column;
use super::json::Json;
use super::reader::{At, Context, Object, Read};

const PERCENTS: [f64; 7] = [1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0];
/// Largest number of values that are counted exactly.
const MAX_THRESHOLD: i64 = 40_000;

/// The metric of this kind; `None` if the kind is no metric.
pub(super) fn metric(kind: &str, at: &At<'_>, context: &Context<'_>) -> Read<Option<Metric>> {
    Ok(Some(match kind {
        "avg" => Metric::Avg(numbers("avg", at, context)?),
        "sum" => Metric::Sum(numbers("sum", at, context)?),
        "min" => Metric::Min(numbers("min", at, context)?),
        "max" => Metric::Max(numbers("max", at, context)?),
        "stats" => Metric::Stats(numbers("stats", at, context)?),
        "extended_stats" => extended_stats(at, context)?,
        "value_count" => value_count(at, context)?,
        "percentiles" => percentiles(at, context)?,
        "cardinality" => cardinality(at, context)?,
        _ => return Ok(None),
    }))
}

fn numbers(clause: &'static str, at: &At<'_>, context: &Context<'_>) -> Read<FieldRef> {
    let mut object = at.object(clause)?;
    let field = numbers_field(&mut object, context)?;
    object.end()?;
    Ok(field)
}

fn numbers_field(object: &mut Object<'_>, context: &Context<'_>) -> Read<FieldRef> {
    let name = object.need("field")?;
    context.numbers(name.text()?, &name)
}

fn extended_stats(at: &At<'_>, context: &Context<'_>) -> Read<Metric> {
    let mut object = at.object("extended_stats")?;
    let field = numbers_field(&mut object, context)?;
    if let Some(at) = object.take("sigma")
        && at.number()? != 2.0
    {
        return Err(at.illegal("[sigma] is supported only as 2"));
    }
    object.end()?;
    Ok(Metric::ExtendedStats(field))
}

fn value_count(at: &At<'_>, context: &Context<'_>) -> Read<Metric> {
    let mut object = at.object("value_count")?;
    let field = column(&mut object, context)?;
    object.end()?;
    Ok(Metric::ValueCount(field))
}

fn percentiles(at: &At<'_>, context: &Context<'_>) -> Read<Metric> {
    let mut object = at.object("percentiles")?;
    let field = numbers_field(&mut object, context)?;
    let percents = match object.take("percents") {
        None => PERCENTS.to_vec(),
        Some(at) => at.one_or_many()?.iter().map(percent).collect::<Read<_>>()?,
    };
    // Both only choose a sketch and its size; ours is within 1 %.
    object.skip(&["tdigest", "hdr"]);
    object.only("keyed", &Json::Bool(true))?;
    object.end()?;
    Ok(Metric::Percentiles(field, percents))
}

fn percent(at: &At<'_>) -> Read<f64> {
    let percent = at.number()?;
    if (0.0..=100.0).contains(&percent) {
        return Ok(percent);
    }
    Err(at.illegal("a percent is between 0 and 100"))
}

fn cardinality(at: &At<'_>, context: &Context<'_>) -> Read<Metric> {
    let mut object = at.object("cardinality")?;
    let field = column(&mut object, context)?;
    let threshold = object.take("precision_threshold").map_or(Ok(3000), |at| at.whole(0..=MAX_THRESHOLD))?;
    object.skip(&["execution_hint"]);
    object.end()?;
    Ok(Metric::Cardinality(field, u64::try_from(threshold).unwrap_or(0)))
}
