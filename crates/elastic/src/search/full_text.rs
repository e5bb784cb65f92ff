//! Query clauses on words: the `match` family and the query strings.

use schema::field::Kind;
use schema::search::{FieldRef, Operator, Options, Query, query_string as text, token};

use super::json::Json;
use super::query::{equal, field_and_value, minimum_should_match, token_terms, zone};
use super::reader::{At, Context, Object, Read};
use super::simple;

/// How the words of a `match` are joined.
struct Joining<'j> {
    operator: Operator,
    minimum: Option<At<'j>>,
}

impl<'j> Joining<'j> {
    fn read(object: &mut Object<'j>) -> Read<Self> {
        let operator = object.take("operator").map(|at| operator(&at)).transpose()?.unwrap_or(Operator::Or);
        object.skip(&["auto_generate_synonyms_phrase_query"]);
        object.only("zero_terms_query", &Json::Text("none".to_owned()))?;
        Ok(Self { operator, minimum: object.take("minimum_should_match") })
    }

    fn join(&self, queries: Vec<Query>) -> Read<Query> {
        if let Some(at) = &self.minimum
            && self.operator == Operator::Or
            && queries.len() > 1
        {
            let minimum_should_match = Some(minimum_should_match(at, queries.len())?);
            let joined = schema::search::Bool { should: queries, minimum_should_match, ..Default::default() };
            return Ok(Query::Bool(Box::new(joined)));
        }
        Ok(match (self.operator, queries.is_empty()) {
            (_, true) => Query::MatchNone,
            (Operator::And, false) => Query::all(queries),
            (Operator::Or, false) => Query::any(queries),
        })
    }
}

fn operator(at: &At<'_>) -> Read<Operator> {
    match at.text()?.to_ascii_lowercase().as_str() {
        "and" => Ok(Operator::And),
        "or" => Ok(Operator::Or),
        other => Err(at.illegal(format!("an operator is [and] or [or], not [{other}]"))),
    }
}

pub(super) fn match_(at: &At<'_>, context: &Context<'_>) -> Read<Query> {
    let (field, value, object) = field_and_value(at, "match", &["query"], context)?;
    let mut joining = Joining { operator: Operator::Or, minimum: None };
    if let Some(mut object) = object {
        joining = Joining::read(&mut object)?;
        object.only("lenient", &Json::Bool(false))?;
        object.end()?;
    }
    words(&field, &value, &joining, context)
}

fn words(field: &FieldRef, value: &At<'_>, joining: &Joining<'_>, context: &Context<'_>) -> Read<Query> {
    if field.kind() == Kind::Text {
        return joining.join(token_terms(field, &value.scalar_text()?));
    }
    equal(field, value, context)
}

pub(super) fn match_phrase(at: &At<'_>, context: &Context<'_>) -> Read<Query> {
    let (field, value, object) = field_and_value(at, "match_phrase", &["query"], context)?;
    if let Some(mut object) = object {
        object.only("slop", &Json::Long(0))?;
        object.only("zero_terms_query", &Json::Text("none".to_owned()))?;
        object.end()?;
    }
    phrase(&field, &value, context)
}

fn phrase(field: &FieldRef, value: &At<'_>, context: &Context<'_>) -> Read<Query> {
    if field.kind() != Kind::Text {
        return equal(field, value, context);
    }
    let text = value.scalar_text()?;
    let has_words = token::of(&text).next().is_some();
    Ok(if has_words { Query::Phrase { field: Some(field.clone()), text } } else { Query::MatchNone })
}

pub(super) fn multi_match(at: &At<'_>, context: &Context<'_>) -> Read<Query> {
    let mut object = at.object("multi_match")?;
    object.skip_boost(context)?;
    object.skip(&["tie_breaker"]);
    let value = object.need("query")?;
    let kind = object.take("type");
    let is_phrase = match kind.as_ref().map(At::text).transpose()? {
        None | Some("best_fields") => false,
        Some("phrase") => true,
        Some(other) => return Err(at.illegal(format!("[type] is supported as best_fields or phrase, not {other}"))),
    };
    let lenient = object.flag("lenient")?.unwrap_or(false);
    let fields = object.take("fields").map(|at| field_list(&at, context)).transpose()?.unwrap_or_default();
    let joining = Joining::read(&mut object)?;
    object.end()?;
    if fields.is_empty() {
        return anywhere(&value, is_phrase, &joining);
    }
    let queries = fields
        .iter()
        .map(|field| if is_phrase { phrase(field, &value, context) } else { words(field, &value, &joining, context) });
    let queries = if lenient { queries.flatten().collect() } else { queries.collect::<Read<Vec<_>>>()? };
    Ok(Query::any(queries))
}

/// In all fields flagged `words`.
fn anywhere(value: &At<'_>, is_phrase: bool, joining: &Joining<'_>) -> Read<Query> {
    let text = value.scalar_text()?;
    if token::of(&text).next().is_none() {
        return Ok(Query::MatchNone);
    }
    if is_phrase {
        return Ok(Query::Phrase { field: None, text });
    }
    joining.join(token::of(&text).map(|token| Query::Phrase { field: None, text: token.to_owned() }).collect())
}

/// Names of fields, `^boost` cut off. Empty if they stand for all fields.
fn field_list(at: &At<'_>, context: &Context<'_>) -> Read<Vec<FieldRef>> {
    let mut fields = Vec::new();
    for name in at.one_or_many()? {
        let mut text = name.text()?;
        if let Some((before, boost)) = text.split_once('^') {
            boost.parse::<f64>().map_err(|_| name.illegal(format!("[{boost}] is no boost")))?;
            context.note("boosts have no effect: there is no relevance".to_owned());
            text = before;
        }
        if text == "*" {
            return Ok(Vec::new());
        }
        fields.push(context.searchable(text, &name)?);
    }
    Ok(fields)
}

/// `default_field` or `fields` of the query strings.
fn default_fields(object: &mut Object<'_>, context: &Context<'_>) -> Read<Vec<FieldRef>> {
    match (object.take("default_field"), object.take("fields")) {
        (Some(at), Some(_)) => Err(at.parsing("[default_field] and [fields] exclude each other")),
        (Some(at), None) | (None, Some(at)) => field_list(&at, context),
        (None, None) => Ok(Vec::new()),
    }
}

pub(super) fn query_string(at: &At<'_>, context: &Context<'_>) -> Read<Query> {
    let mut object = at.object("query_string")?;
    object.skip_boost(context)?;
    let query = object.need("query")?;
    let fields = default_fields(&mut object, context)?;
    let mut options: Options<'_> = context.options.clone();
    if let Some(at) = object.take("default_operator") {
        options.default_operator = operator(&at)?;
    }
    if let Some(at) = object.take("time_zone") {
        options.time_zone = zone(&at)?;
    }
    // Wildcards are compared as written, and a leading one is allowed, whatever these say.
    object.skip(&["analyze_wildcard", "tie_breaker", "rewrite", "auto_generate_synonyms_phrase_query"]);
    object.only("allow_leading_wildcard", &Json::Bool(true))?;
    object.only("lenient", &Json::Bool(false))?;
    object.end()?;
    let parsed = text::parse_within(query.text()?, &fields, &options).map_err(|problems| {
        let problems: Vec<String> = problems
            .0
            .iter()
            .map(|problem| {
                let advice = problem.advice.as_ref().map_or(String::new(), |advice| format!(" ({advice})"));
                format!("at {}: {}{advice}", problem.start, problem.message)
            })
            .collect();
        query.parsing(format!(
            "Failed to parse query [{}]: {}",
            shortened(query.text().unwrap_or_default()),
            problems.join("; ")
        ))
    })?;
    parsed.notes.into_iter().for_each(|note| context.note(note));
    Ok(parsed.query)
}

pub(super) fn simple_query_string(at: &At<'_>, context: &Context<'_>) -> Read<Query> {
    let mut object = at.object("simple_query_string")?;
    object.skip_boost(context)?;
    let query = object.need("query")?;
    let fields = default_fields(&mut object, context)?;
    let operator = object.take("default_operator").map(|at| operator(&at)).transpose()?.unwrap_or(Operator::Or);
    object.skip(&["analyze_wildcard", "auto_generate_synonyms_phrase_query", "lenient"]);
    object.only("flags", &Json::Text("ALL".to_owned()))?;
    object.end()?;
    Ok(simple::parse(query.text()?, &fields, operator, context))
}

fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}
