//! Query clauses on single fields, and `bool`.

use schema::field::Kind;
use schema::search::date_math::Fill;
use schema::search::{Bool, Bound, FieldRef, MAX_DEPTH, MAX_TERMS, Query, Range, Scalar, pattern, read, token};

use super::full_text;
use super::json::Json;
use super::reader::{At, Context, Object, Read};

/// A query object: one clause.
pub(super) fn query(at: &At<'_>, context: &Context<'_>, depth: usize) -> Read<Query> {
    if depth > MAX_DEPTH {
        return Err(at.illegal(format!("nested deeper than {MAX_DEPTH}")));
    }
    context.count(at)?;
    let (name, body) = at.only_member("query")?;
    match name {
        "match_all" => empty(&body, "match_all", context, Query::MatchAll),
        "match_none" => empty(&body, "match_none", context, Query::MatchNone),
        "term" => term(&body, context),
        "terms" => terms(&body, context),
        "range" => range(&body, context),
        "prefix" => prefix(&body, context),
        "wildcard" => wildcard(&body, context),
        "regexp" => regexp(&body, context),
        "fuzzy" => fuzzy(&body, context),
        "exists" => exists(&body, context),
        "ids" => ids(&body, context),
        "bool" => joined(&body, context, depth),
        "constant_score" => constant_score(&body, context, depth),
        "dis_max" => dis_max(&body, context, depth),
        "match" => full_text::match_(&body, context),
        "match_phrase" => full_text::match_phrase(&body, context),
        "multi_match" => full_text::multi_match(&body, context),
        "query_string" => full_text::query_string(&body, context),
        "simple_query_string" => full_text::simple_query_string(&body, context),
        _ => Err(body.parsing(format!("unknown query [{name}]"))),
    }
}

fn empty(at: &At<'_>, clause: &'static str, context: &Context<'_>, query: Query) -> Read<Query> {
    let mut object = at.object(clause)?;
    object.skip_boost(context)?;
    object.end()?;
    Ok(query)
}

/// The forms `{field: value}` and `{field: {key: value, options}}`: the field, where its name stands, and the options.
pub(super) fn field_and_value<'j>(
    at: &At<'j>,
    clause: &'static str,
    keys: &[&str],
    context: &Context<'_>,
) -> Read<(FieldRef, At<'j>, Option<Object<'j>>)> {
    let (name, body) = at.only_member(clause)?;
    let field = context.searchable(name, &body)?;
    if !matches!(body.json, Json::Object(_)) {
        return Ok((field, body, None));
    }
    let mut object = body.object(clause)?;
    object.skip_boost(context)?;
    let value = keys.iter().find_map(|key| object.take(key));
    match value {
        Some(value) => Ok((field, value, Some(object))),
        None => Err(body.parsing(format!("[{clause}] requires [{}]", keys.first().unwrap_or(&"value")))),
    }
}

fn flag(object: &mut Option<Object<'_>>, name: &str) -> Read<bool> {
    object.as_mut().map_or(Ok(false), |object| Ok(object.flag(name)?.unwrap_or(false)))
}

fn end(object: Option<Object<'_>>) -> Read<()> {
    object.map_or(Ok(()), Object::end)
}

/// The query that a field has this value.
pub(super) fn equal(field: &FieldRef, value: &At<'_>, context: &Context<'_>) -> Read<Query> {
    let text = value.scalar_text()?;
    read::equal(field, &text, context.options).map_err(|bad| value.illegal(bad.message))
}

fn term(at: &At<'_>, context: &Context<'_>) -> Read<Query> {
    let (field, value, mut object) = field_and_value(at, "term", &["value"], context)?;
    let any_case = flag(&mut object, "case_insensitive")?;
    end(object)?;
    let query = equal(&field, &value, context)?;
    match query {
        Query::Term { field, value: Scalar::Text(text), .. } => {
            Ok(Query::Term { field, value: Scalar::Text(text), case_insensitive: any_case })
        }
        query if !any_case => Ok(query),
        _ => Err(value.illegal(format!("[{}] holds no texts: [case_insensitive] does not apply", field.name()))),
    }
}

fn terms(at: &At<'_>, context: &Context<'_>) -> Read<Query> {
    let mut object = at.object("terms")?;
    object.skip_boost(context)?;
    let rest = object.rest();
    let [(name, list)] = rest.as_slice() else {
        return Err(at.parsing("[terms] requires one field"));
    };
    let field = context.searchable(name, list)?;
    let values = list.list()?;
    if values.len() > MAX_TERMS {
        return Err(list.illegal(format!("{} values, at most {MAX_TERMS} are allowed", values.len())));
    }
    let queries = values.iter().map(|value| equal(&field, value, context)).collect::<Read<Vec<_>>>()?;
    let single = queries.iter().map(|query| match query {
        Query::Term { value, .. } => Some(value.clone()),
        _ => None,
    });
    // Networks and days are more than one value.
    Ok(match single.collect() {
        Some(values) => Query::Terms { field, values },
        None => Query::any(queries),
    })
}

fn range(at: &At<'_>, context: &Context<'_>) -> Read<Query> {
    let (name, body) = at.only_member("range")?;
    let field = context.searchable(name, &body)?;
    if field.kind() == Kind::Text {
        return Err(body.illegal(format!("[{name}] is text, which has no order")));
    }
    let mut object = body.object("range")?;
    object.skip_boost(context)?;
    let format = object.take("format").map(|at| date_format(&at)).transpose()?;
    let zoned = object.take("time_zone").map(|at| zone(&at)).transpose()?;
    let options = zoned.map_or_else(
        || context.options.clone(),
        |time_zone| schema::search::Options { time_zone, ..context.options.clone() },
    );
    let mut bound = |names: [&str; 2], fill: [Fill; 2]| -> Read<Bound> {
        let [excluded, included] = [object.take(names[0]), object.take(names[1])];
        let read = |at: &At<'_>, fill| -> Read<Option<Scalar>> {
            if *at.json == Json::Null {
                return Ok(None);
            }
            let text = format.unwrap_or_default().adapt(at.scalar_text()?);
            read::scalar(&field, &text, fill, &options).map(Some).map_err(|bad| at.illegal(bad.message))
        };
        match (excluded, included) {
            (Some(at), Some(_)) => Err(at.parsing(format!("[range] has both [{}] and [{}]", names[0], names[1]))),
            (Some(at), None) => Ok(read(&at, fill[0])?.map_or(Bound::Open, Bound::Excluded)),
            (None, Some(at)) => Ok(read(&at, fill[1])?.map_or(Bound::Open, Bound::Included)),
            (None, None) => Ok(Bound::Open),
        }
    };
    let lower = bound(["gt", "gte"], [Fill::End, Fill::Start])?;
    let upper = bound(["lt", "lte"], [Fill::Start, Fill::End])?;
    object.end()?;
    if (&lower, &upper) == (&Bound::Open, &Bound::Open) {
        return Ok(Query::Exists { name: field.name() });
    }
    Ok(Query::Range(Range { field, lower, upper }))
}

/// How numbers in a date are meant.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum DateFormat {
    #[default]
    Usual,
    Millis,
    Seconds,
}

impl DateFormat {
    /// A number in this format as the epoch milliseconds that date math reads.
    fn adapt(self, text: String) -> String {
        let Ok(number) = text.parse::<i64>() else { return text };
        match self {
            Self::Usual => text,
            // Date math takes four digits for a year.
            Self::Millis => format!("{}{:05}", if number < 0 { "-" } else { "" }, number.unsigned_abs()),
            Self::Seconds => Self::Millis.adapt(number.saturating_mul(1000).to_string()),
        }
    }
}

fn date_format(at: &At<'_>) -> Read<DateFormat> {
    let mut format = DateFormat::Usual;
    for name in at.text()?.split("||") {
        match name {
            "epoch_millis" => format = DateFormat::Millis,
            "epoch_second" => format = DateFormat::Seconds,
            "strict_date_optional_time"
            | "date_optional_time"
            | "strict_date_optional_time_nanos"
            | "strict_date_time"
            | "date_time"
            | "strict_date"
            | "date"
            | "yyyy-MM-dd" => {}
            _ => return Err(at.illegal(format!("the date format [{name}] is not supported"))),
        }
    }
    Ok(format)
}

pub(super) fn zone(at: &At<'_>) -> Read<schema::search::date_math::Zone> {
    schema::search::date_math::Zone::named(at.text()?).map_err(|error| at.illegal(error.to_string()))
}

/// A field that patterns apply to.
fn texts(field: &FieldRef, clause: &str, at: &At<'_>) -> Read<()> {
    match field.kind() {
        Kind::Keyword | Kind::Path | Kind::Text | Kind::Flattened => Ok(()),
        _ => Err(at.illegal(format!("[{}] holds no texts: [{clause}] does not apply", field.name()))),
    }
}

fn prefix(at: &At<'_>, context: &Context<'_>) -> Read<Query> {
    let (field, value, mut object) = field_and_value(at, "prefix", &["value", "prefix"], context)?;
    let case_insensitive = flag(&mut object, "case_insensitive")?;
    object.iter_mut().for_each(|object| object.skip(&["rewrite"]));
    end(object)?;
    texts(&field, "prefix", &value)?;
    Ok(Query::Prefix { field, value: value.scalar_text()?, case_insensitive })
}

fn wildcard(at: &At<'_>, context: &Context<'_>) -> Read<Query> {
    let (field, value, mut object) = field_and_value(at, "wildcard", &["value", "wildcard"], context)?;
    let case_insensitive = flag(&mut object, "case_insensitive")?;
    object.iter_mut().for_each(|object| object.skip(&["rewrite"]));
    end(object)?;
    texts(&field, "wildcard", &value)?;
    let pattern = value.scalar_text()?;
    pattern::check_length(&pattern).map_err(|error| value.illegal(error.to_string()))?;
    Ok(Query::Wildcard { field, pattern, case_insensitive })
}

fn regexp(at: &At<'_>, context: &Context<'_>) -> Read<Query> {
    let (field, value, mut object) = field_and_value(at, "regexp", &["value"], context)?;
    let case_insensitive = flag(&mut object, "case_insensitive")?;
    let mut plain = false;
    if let Some(object) = &mut object {
        object.skip(&["rewrite", "max_determinized_states"]);
        plain = match object.text("flags")? {
            None | Some("ALL") => false,
            Some("NONE") => true,
            Some(flags) => return Err(value.illegal(format!("[flags] is supported only as ALL or NONE, not {flags}"))),
        };
    }
    end(object)?;
    texts(&field, "regexp", &value)?;
    let raw = value.text()?;
    if let Some(operator) = pattern::foreign_operator(raw).filter(|_| !plain) {
        let reason =
            format!("[{operator}] in an expression is an operator of Lucene: escape it, or set [flags] to NONE");
        return Err(value.illegal(reason));
    }
    let pattern = pattern::from_lucene(raw);
    pattern::regexp(&pattern, case_insensitive).map_err(|error| value.illegal(error.to_string()))?;
    Ok(Query::Regexp { field, pattern, case_insensitive })
}

fn fuzzy(at: &At<'_>, context: &Context<'_>) -> Read<Query> {
    let (field, value, object) = field_and_value(at, "fuzzy", &["value"], context)?;
    let text = value.scalar_text()?;
    let mut edits = auto_edits(&text);
    if let Some(mut object) = object {
        if let Some(fuzziness) = object.take("fuzziness")
            && fuzziness.json != &Json::Text("AUTO".to_owned())
        {
            edits = u8::try_from(fuzziness.whole(0..=2)?).unwrap_or(2);
        }
        object.skip(&["rewrite"]);
        object.only("prefix_length", &Json::Long(0))?;
        object.only("transpositions", &Json::Bool(true))?;
        object.end()?;
    }
    texts(&field, "fuzzy", &value)?;
    Ok(Query::Fuzzy { field, value: text, edits })
}

fn auto_edits(text: &str) -> u8 {
    match text.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

fn exists(at: &At<'_>, context: &Context<'_>) -> Read<Query> {
    let mut object = at.object("exists")?;
    object.skip_boost(context)?;
    let name = object.need("field")?;
    object.end()?;
    let field = name.text()?;
    if !context.options.knows_object(field) {
        context.field(field, &name)?;
    }
    Ok(Query::Exists { name: field.to_owned() })
}

fn ids(at: &At<'_>, context: &Context<'_>) -> Read<Query> {
    let mut object = at.object("ids")?;
    object.skip_boost(context)?;
    let values = object.need("values")?;
    object.end()?;
    let values = values.one_or_many()?;
    if values.len() > MAX_TERMS {
        return Err(at.illegal(format!("{} ids, at most {MAX_TERMS} are allowed", values.len())));
    }
    Ok(Query::Ids(values.iter().map(At::scalar_text).collect::<Read<_>>()?))
}

fn joined(at: &At<'_>, context: &Context<'_>, depth: usize) -> Read<Query> {
    let mut object = at.object("bool")?;
    object.skip_boost(context)?;
    object.skip(&["adjust_pure_negative"]);
    let mut clauses = |name: &str| -> Read<Vec<Query>> {
        let Some(list) = object.take(name) else { return Ok(Vec::new()) };
        list.one_or_many()?.iter().map(|at| query(at, context, depth + 1)).collect()
    };
    let mut must = clauses("must")?;
    must.extend(clauses("filter")?);
    let (should, must_not) = (clauses("should")?, clauses("must_not")?);
    let minimum = object.take("minimum_should_match");
    object.end()?;
    let minimum_should_match = minimum.map(|at| minimum_should_match(&at, should.len())).transpose()?;
    Ok(Query::Bool(Box::new(Bool { must, should, must_not, minimum_should_match })))
}

/// `2`, `-1`, `75%`, `-25%` of so many clauses.
pub(super) fn minimum_should_match(at: &At<'_>, clauses: usize) -> Read<usize> {
    let text = at.scalar_text()?;
    let bad = || at.illegal(format!("[minimum_should_match] takes a number or a percentage, not [{text}]"));
    let total = i64::try_from(clauses).unwrap_or(i64::MAX);
    let needed = match text.trim().strip_suffix('%') {
        Some(percent) => {
            let percent: i64 = percent.trim().parse().map_err(|_| bad())?;
            // Towards zero, so that -25 % of three may be missing none.
            total.saturating_mul(percent) / 100
        }
        None => text.trim().parse().map_err(|_| bad())?,
    };
    let needed = if needed < 0 || text.trim().starts_with('-') { total.saturating_add(needed) } else { needed };
    Ok(usize::try_from(needed.clamp(0, total)).unwrap_or(0))
}

fn constant_score(at: &At<'_>, context: &Context<'_>, depth: usize) -> Read<Query> {
    let mut object = at.object("constant_score")?;
    object.skip_boost(context)?;
    let filter = object.need("filter")?;
    object.end()?;
    query(&filter, context, depth + 1)
}

fn dis_max(at: &At<'_>, context: &Context<'_>, depth: usize) -> Read<Query> {
    let mut object = at.object("dis_max")?;
    object.skip_boost(context)?;
    object.skip(&["tie_breaker"]);
    let queries = object.need("queries")?;
    object.end()?;
    Ok(Query::any(queries.list()?.iter().map(|at| query(at, context, depth + 1)).collect::<Read<_>>()?))
}

/// The words of a text as a query on a text field.
pub(super) fn token_terms(field: &FieldRef, text: &str) -> Vec<Query> {
    let term = |token: &str| Query::Term {
        field: field.clone(),
        value: Scalar::Text(token.to_owned()),
        case_insensitive: false,
    };
    token::of(&token::fold(text)).map(term).collect()
}
