//! The order of hits, and going on after one.

use std::net::IpAddr;

use schema::Timestamp;
use schema::field::{self, Kind};
use schema::search::{FieldRef, Scalar, Sort, value};

use super::json::Json;
use super::reader::{At, Context, Read};

pub(super) fn sort(at: &At<'_>, context: &Context<'_>) -> Read<Vec<Sort>> {
    let mut keys = Vec::new();
    for at in at.one_or_many()? {
        if let Json::Text(name) = at.json {
            keys.extend(key(name, name == "_score", &at, None, context)?);
            continue;
        }
        for (name, at) in at.members()? {
            keys.extend(keyed(name, &at, context)?);
        }
    }
    Ok(keys)
}

/// `{"field": "desc"}` or `{"field": {"order": "desc", ..}}`.
fn keyed(name: &str, at: &At<'_>, context: &Context<'_>) -> Read<Option<Sort>> {
    let Json::Object(_) = at.json else {
        return key(name, descending(at)?, at, None, context);
    };
    let mut object = at.object("sort")?;
    let descending = object.take("order").map(|at| descending(&at)).transpose()?.unwrap_or(name == "_score");
    let missing = object.take("missing");
    let missing_first = match missing.as_ref().map(At::text).transpose()? {
        None | Some("_last") => false,
        Some("_first") => true,
        Some(_) => return Err(at.illegal("[missing] is supported as _first or _last")),
    };
    let usual = if descending { "max" } else { "min" };
    object.only("mode", &Json::Text(usual.to_owned()))?;
    let unmapped = object.text("unmapped_type")?.is_some();
    object.end()?;
    let sort = key(name, descending, at, unmapped.then_some(()), context)?;
    Ok(sort.map(|sort| Sort { missing_first, ..sort }))
}

fn descending(at: &At<'_>) -> Read<bool> {
    match at.text()? {
        "desc" => Ok(true),
        "asc" => Ok(false),
        other => Err(at.illegal(format!("an order is [asc] or [desc], not [{other}]"))),
    }
}

/// `None` for `_score`, which is the same for all.
fn key(name: &str, descending: bool, at: &At<'_>, unmapped: Option<()>, context: &Context<'_>) -> Read<Option<Sort>> {
    let field = match name {
        "_score" => {
            context.note("sorting by _score has no effect: there is no relevance".to_owned());
            return Ok(None);
        }
        "_doc" => FieldRef::Known(field::AUDITNG_INGEST_SEQ),
        "_id" => FieldRef::Known(field::EVENT_ID),
        name if unmapped.is_some() && matches!(FieldRef::resolve(name), FieldRef::Other(_)) => FieldRef::resolve(name),
        name => context.column(name, at)?,
    };
    Ok(Some(Sort { field, descending, missing_first: false }))
}

/// The sort values of a hit: one for each key (`@timestamp` where none was given), then the event's id.
pub(super) fn search_after(at: &At<'_>, sort: &[Sort]) -> Read<Vec<Scalar>> {
    let newest = [Sort { field: FieldRef::Known(field::TIMESTAMP), descending: true, missing_first: false }];
    let keys = if sort.is_empty() { newest.as_slice() } else { sort };
    let values = at.list()?;
    if values.len() != keys.len() + 1 {
        let reason =
            format!("[search_after] takes the {} sort values of a hit, found {}", keys.len() + 1, values.len());
        return Err(at.illegal(reason));
    }
    let fields = keys.iter().map(|key| key.field.clone()).chain([FieldRef::Known(field::EVENT_ID)]);
    fields.zip(&values).map(|(field, at)| key_value(&field, at)).collect()
}

/// A value of an answer (a sort value, a key of a composite) read back.
pub(super) fn key_value(field: &FieldRef, at: &At<'_>) -> Read<Scalar> {
    let bad = || at.illegal(format!("[{}] is no value of [{}]", at.json.as_text().unwrap_or_default(), field.name()));
    let dynamic = matches!(field, FieldRef::Keyed(..) | FieldRef::Other(_));
    Ok(match (at.json, field.kind()) {
        (Json::Null, _) => Scalar::Null,
        (Json::Bool(flag), Kind::Bool) => Scalar::Bool(*flag),
        (Json::Bool(flag), _) if dynamic => Scalar::Bool(*flag),
        (Json::Long(ms), Kind::Date) => Scalar::Date(Timestamp::from_millis(*ms)),
        (Json::Text(text), Kind::Date) => Scalar::Date(Timestamp::parse_canonical(text).ok_or_else(bad)?),
        (Json::Long(number), Kind::Double) => Scalar::Double(value_as_double(*number)),
        (Json::Long(0 | 1), Kind::Bool) => Scalar::Bool(*at.json == Json::Long(1)),
        (Json::Long(number), Kind::Long) => Scalar::Long(*number),
        (Json::Long(number), _) if dynamic => Scalar::Long(*number),
        (Json::Double(number), Kind::Double) => Scalar::Double(*number),
        (Json::Double(number), Kind::Long) => Scalar::Long(value::whole(*number).ok_or_else(bad)?),
        (Json::Double(number), _) if dynamic => Scalar::Double(*number),
        (Json::Text(text), Kind::Ip) => Scalar::Ip(text.parse::<IpAddr>().map_err(|_| bad())?.to_canonical()),
        (Json::Text(text), Kind::Keyword | Kind::Path) => Scalar::Text(text.clone()),
        _ => return Err(bad()),
    })
}

#[expect(clippy::cast_precision_loss, reason = "the nearest double is what a double field holds")]
fn value_as_double(number: i64) -> f64 {
    number as f64
}
