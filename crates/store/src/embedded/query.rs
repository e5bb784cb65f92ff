//! Which documents of a segment match: every node of the search AST as a set of documents.
//!
//! Sets are roaring bitmaps and clauses are joined by set algebra, so negation, minimum counts and nesting are exact by
//! construction. A leaf is answered by postings and columns where values are regular. Where they are not (`_odd`: a text
//! in a number field, a value of 8 KiB, a token of 300 letters) the few events concerned are rebuilt and the reference
//! ([`Matcher`]) is asked. Predicates that a dictionary cannot answer by a look-up (wildcards, regular expressions, fuzzy
//! terms, networks) are asked of the reference once for each *distinct* value, as an event that has only this value.
//!
//! So there is one meaning of a query, and it is written in [`crate::memory`].

use std::cell::RefCell;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use memchr::memmem::Finder;
use roaring::RoaringBitmap;
use schema::event::Value;
use schema::field::{self, Field, Kind};
use schema::search::{Bool, Bound, FieldRef, Query, Range, Scalar, pattern};
use schema::{Event, EventId, Timestamp};
use tantivy::columnar::{Column, StrColumn};

use super::schema::{Home, NUL};
use super::segment::{self, STRIDE, Segment, Values};
use super::{rest, source, split, words};
use crate::memory::Matcher;
use crate::{Context, SearchError};

/// Events rebuilt at once when the reference is asked.
const VERIFY_BATCH: usize = 1000;

/// Up to so many terms are looked up one by one; beyond, the column is read.
const FEW_TERMS: u64 = 500;

/// The documents of `within` that match.
pub(super) fn matching(
    segment: &Segment,
    query: &Query,
    within: &RoaringBitmap,
    context: &Context,
) -> Result<RoaringBitmap, SearchError> {
    context.check()?;
    if within.is_empty() {
        return Ok(RoaringBitmap::new());
    }
    let eval = Eval { segment, context };
    Ok(eval.node(query, within)? & within)
}

/// Compiles a query for the reference.
pub(super) fn compile(query: &Query) -> Result<Matcher, SearchError> {
    Matcher::new(query).map_err(|error| SearchError::Refused { reason: error.to_string() })
}

struct Eval<'a> {
    segment: &'a Segment,
    context: &'a Context,
}

impl Eval<'_> {
    /// Right for the documents of `within`; of others it may say anything.
    fn node(&self, query: &Query, within: &RoaringBitmap) -> Result<RoaringBitmap, SearchError> {
        match query {
            Query::MatchAll => Ok(within.clone()),
            Query::MatchNone => Ok(RoaringBitmap::new()),
            Query::Bool(bool) => self.bool(bool, within),
            Query::Exists { name: _ } => self.exists(query, within),
            Query::Ids(ids) => self.ids(query, ids, within),
            Query::Phrase { field: None, text } => self.anywhere(query, text, within),
            Query::AnyWildcard { .. } => self.any_wildcard(query, within),
            Query::Term { field, .. }
            | Query::Terms { field, .. }
            | Query::Cidr { field, .. }
            | Query::Range(Range { field, .. })
            | Query::Prefix { field, .. }
            | Query::Wildcard { field, .. }
            | Query::Regexp { field, .. }
            | Query::Fuzzy { field, .. }
            | Query::Phrase { field: Some(field), .. } => self.leaf(query, field, within),
        }
    }

    fn bool(&self, bool: &Bool, within: &RoaringBitmap) -> Result<RoaringBitmap, SearchError> {
        let mut docs = within.clone();
        let mut must: Vec<&Query> = bool.must.iter().collect();
        must.sort_by_key(|query| cost(query));
        for query in must {
            docs &= self.node(query, &docs)?;
            if docs.is_empty() {
                return Ok(docs);
            }
        }
        let default = usize::from(bool.must.is_empty() && !bool.should.is_empty());
        let minimum = bool.minimum_should_match.unwrap_or(default);
        if minimum > 0 {
            docs &= self.at_least(minimum, &bool.should, &docs)?;
        }
        for query in &bool.must_not {
            if docs.is_empty() {
                break;
            }
            docs -= self.node(query, &docs)?;
        }
        Ok(docs)
    }

    /// Documents that match at least so many of these.
    fn at_least(&self, minimum: usize, should: &[Query], within: &RoaringBitmap) -> Result<RoaringBitmap, SearchError> {
        if minimum > should.len() {
            return Ok(RoaringBitmap::new());
        }
        // reached[k]: documents that matched k + 1 clauses so far.
        let mut reached = vec![RoaringBitmap::new(); minimum];
        for query in should {
            let found = self.node(query, within)? & within;
            for k in (1..minimum).rev() {
                let more = &reached[k - 1] & &found;
                reached[k] |= more;
            }
            reached[0] |= found;
        }
        Ok(reached.pop().unwrap_or_default())
    }

    /// A test on the values of one field.
    fn leaf(&self, query: &Query, field: &FieldRef, within: &RoaringBitmap) -> Result<RoaringBitmap, SearchError> {
        let mut docs = self.regular(query, field, within)?;
        let odd = self.odd(field)? & within;
        if !odd.is_empty() {
            docs -= &odd;
            docs |= self.verified(query, &odd)?;
        }
        Ok(docs)
    }

    fn odd(&self, field: &FieldRef) -> Result<RoaringBitmap, SearchError> {
        match field {
            FieldRef::Known(known) | FieldRef::Keyed(known, _) => {
                let mut odd = self.segment.odd(*known)?;
                if self.segment.fields().home(*known) == Home::Dynamic {
                    odd |= self.segment.odd(field::OTHER)?;
                }
                Ok(odd)
            }
            FieldRef::Other(_) => self.segment.odd(field::OTHER),
        }
    }

    fn regular(&self, query: &Query, field: &FieldRef, within: &RoaringBitmap) -> Result<RoaringBitmap, SearchError> {
        if let FieldRef::Known(known) = field {
            if *known == field::EVENT_ID {
                return Ok(self.own_ids(query, within)? | self.terms(query, field)?);
            }
            if self.segment.fields().home(*known) == Home::Changed {
                return self.verified(query, &(self.segment.has(*known)? & within));
            }
            match known.kind() {
                Kind::Text => return self.text(query, *known, within),
                Kind::Long | Kind::Date | Kind::Double | Kind::Bool
                    if matches!(self.segment.fields().home(*known), Home::Here(_)) =>
                {
                    return self.column(query, *known, within);
                }
                _ => {}
            }
        }
        self.terms(query, field)
    }

    /// By the postings of a keyword or keyed field.
    fn terms(&self, query: &Query, field: &FieldRef) -> Result<RoaringBitmap, SearchError> {
        let Some((column, key)) = self.segment.postings_of(field) else { return Ok(RoaringBitmap::new()) };
        if key.is_none()
            && let Some(values) = exact_terms(query)
        {
            let mut docs = RoaringBitmap::new();
            for value in values {
                docs |= self.segment.with_term(column, &value)?;
            }
            return Ok(docs);
        }
        let Some((Values::Text(values), _)) = self.segment.place(field)? else { return Ok(RoaringBitmap::new()) };
        let key_part = key.map_or_else(String::new, |key| format!("{key}{NUL}"));
        let literal = literal_prefix(query);
        let start = format!("{key_part}{literal}");
        let test = Pattern::new(query, field)?;
        let mut found = RoaringBitmap::new();
        segment::for_each_term(values, &start, self.context, |ord, term| {
            let value = term.get(key_part.len()..).unwrap_or_default();
            let value = if key.is_some() { split::keyed_value(value) } else { Value::Text(value) };
            if test.passes(value) {
                found.insert(small(ord));
            }
        })?;
        self.with_ordinals(column, values, &found)
    }

    /// Documents with one of these terms: by their postings if they are few, by the column if they are many.
    fn with_ordinals(
        &self,
        column: tantivy::schema::Field,
        values: &StrColumn,
        ords: &RoaringBitmap,
    ) -> Result<RoaringBitmap, SearchError> {
        if ords.is_empty() {
            return Ok(RoaringBitmap::new());
        }
        if ords.len() <= FEW_TERMS {
            let mut docs = RoaringBitmap::new();
            let ords: Vec<u64> = ords.iter().map(u64::from).collect();
            for term in segment::terms_at(values, &ords)? {
                docs |= self.segment.with_term(column, &term)?;
            }
            return Ok(docs);
        }
        self.filter(&self.segment.present(&values.ords().index), |doc| {
            Ok(values.term_ords(doc).any(|ord| ords.contains(small(ord))))
        })
    }

    /// Over the tokens of a text field.
    fn text(&self, query: &Query, known: Field, within: &RoaringBitmap) -> Result<RoaringBitmap, SearchError> {
        let Home::Here(column) = self.segment.fields().home(known) else {
            return self.verified(query, &(self.segment.has(known)? & within));
        };
        match query {
            Query::Phrase { text, .. } => {
                let tokens = words::tokens(text);
                if tokens.is_empty() {
                    return self.verified(query, &(self.segment.has(known)? & within));
                }
                let candidates = self.with_all(column, &tokens, within)?;
                if let [token] = tokens.as_slice()
                    && !words::is_hashed(token)
                {
                    return Ok(candidates);
                }
                self.verified(query, &candidates)
            }
            Query::Range(_) | Query::Cidr { .. } => self.verified(query, &(self.segment.has(known)? & within)),
            _ => {
                let matcher = compile(query)?;
                let mut probe = Probe::new(&FieldRef::Known(known));
                let mut test = |token: &str| matcher.matches(probe.with(Value::Text(token)));
                self.segment.with_terms(column, "", self.context, &mut test)
            }
        }
    }

    fn with_all(
        &self,
        column: tantivy::schema::Field,
        tokens: &[String],
        within: &RoaringBitmap,
    ) -> Result<RoaringBitmap, SearchError> {
        let mut counted: Vec<(u32, &String)> = Vec::with_capacity(tokens.len());
        for token in tokens {
            counted.push((self.segment.count_with_term(column, token)?, token));
        }
        counted.sort_unstable();
        let mut docs = within.clone();
        for (count, token) in counted {
            if count == 0 || docs.is_empty() {
                return Ok(RoaringBitmap::new());
            }
            docs &= self.segment.with_term(column, token)?;
        }
        Ok(docs)
    }

    /// Some words, wherever they stand.
    fn anywhere(&self, query: &Query, text: &str, within: &RoaringBitmap) -> Result<RoaringBitmap, SearchError> {
        let tokens = words::tokens(text);
        if tokens.is_empty() {
            return self.verified(query, within);
        }
        let candidates = self.with_all(self.segment.fields().words, &tokens, within)?;
        let odd = self.segment.odd_words()? & within;
        if is_one_token(text, &tokens) {
            Ok((candidates - &odd) | self.verified(query, &odd)?)
        } else {
            self.verified(query, &(candidates | odd))
        }
    }

    fn any_wildcard(&self, query: &Query, within: &RoaringBitmap) -> Result<RoaringBitmap, SearchError> {
        let matcher = compile(query)?;
        let mut probe = Probe::new(&FieldRef::Known(field::PROCESS_NAME));
        let mut test = |token: &str| !words::is_hashed(token) && matcher.matches(probe.with(Value::Text(token)));
        let docs = self.segment.with_terms(self.segment.fields().words, "", self.context, &mut test)?;
        let odd = self.segment.odd_words()? & within;
        Ok((docs - &odd) | self.verified(query, &odd)?)
    }

    fn ids(&self, query: &Query, ids: &[String], within: &RoaringBitmap) -> Result<RoaringBitmap, SearchError> {
        let mut docs = RoaringBitmap::new();
        for id in ids {
            if let Ok(id) = id.parse::<EventId>() {
                docs |= self.segment.find(id)?;
            }
            if let Home::Here(column) = self.segment.fields().home(field::EVENT_ID) {
                docs |= self.segment.with_term(column, id)?;
            }
        }
        let odd = self.segment.odd(field::EVENT_ID)? & within;
        Ok((docs - &odd) | self.verified(query, &odd)?)
    }

    /// A test on `event.id` for our own ids, which are no terms.
    fn own_ids(&self, query: &Query, within: &RoaringBitmap) -> Result<RoaringBitmap, SearchError> {
        if let Some(values) = exact_terms(query) {
            let mut docs = RoaringBitmap::new();
            for id in values.iter().filter_map(|value| value.parse::<EventId>().ok()) {
                docs |= self.segment.find(id)?;
            }
            return Ok(docs);
        }
        let matcher = compile(query)?;
        let mut probe = Probe::new(&FieldRef::Known(field::EVENT_ID));
        self.filter(&(self.segment.with_own_id()? & within), |doc| {
            Ok(matcher.matches(probe.with(Value::Text(&self.segment.id_text(doc)?))))
        })
    }

    /// By the column of numbers, times and booleans.
    fn column(&self, query: &Query, known: Field, within: &RoaringBitmap) -> Result<RoaringBitmap, SearchError> {
        let Some(values) = self.segment.values(known)? else { return Ok(RoaringBitmap::new()) };
        if let (Values::Long(column), Some(ranges)) = (values, whole_ranges(query)) {
            let mut docs = RoaringBitmap::new();
            for range in ranges {
                docs |= self.in_range(column, range, within)?;
            }
            return Ok(docs);
        }
        let matcher = compile(query)?;
        let mut probe = Probe::new(&FieldRef::Known(known));
        let is_date = known.kind() == Kind::Date;
        self.filter(within, |doc| {
            Ok(match values {
                Values::Long(column) if is_date => column
                    .values_for_doc(doc)
                    .any(|ms| matcher.matches(probe.with(Value::Date(Timestamp::from_millis(ms))))),
                Values::Long(column) => column.values_for_doc(doc).any(|n| matcher.matches(probe.with(Value::Long(n)))),
                Values::Double(column) => {
                    column.values_for_doc(doc).any(|n| matcher.matches(probe.with(Value::Double(n))))
                }
                Values::Bool(column) => column.values_for_doc(doc).any(|b| matcher.matches(probe.with(Value::Bool(b)))),
                Values::Text(_) => false,
            })
        })
    }

    fn in_range(
        &self,
        column: &Column<i64>,
        range: RangeInclusive<i64>,
        within: &RoaringBitmap,
    ) -> Result<RoaringBitmap, SearchError> {
        if range.is_empty() || *range.end() < column.min_value() || *range.start() > column.max_value() {
            return Ok(RoaringBitmap::new());
        }
        let documents = self.segment.documents();
        if within.len() < u64::from(documents) / 16 {
            return self.filter(within, |doc| Ok(column.values_for_doc(doc).any(|value| range.contains(&value))));
        }
        let mut docs = RoaringBitmap::new();
        let mut found = Vec::new();
        let chunk = 16 * u32::try_from(STRIDE).unwrap_or(u32::MAX);
        for from in (0..documents).step_by(chunk as usize) {
            self.context.check()?;
            found.clear();
            column.get_docids_for_value_range(
                range.clone(),
                from..documents.min(from.saturating_add(chunk)),
                &mut found,
            );
            found.dedup();
            let chunk = RoaringBitmap::from_sorted_iter(found.iter().copied());
            docs |= chunk.map_err(|error| SearchError::Failed(format!("column out of order: {error}")))?;
        }
        Ok(docs)
    }

    /// Documents in which a field, or any field inside an object, has a value.
    fn exists(&self, query: &Query, within: &RoaringBitmap) -> Result<RoaringBitmap, SearchError> {
        let matcher = compile(query)?;
        let mut docs = RoaringBitmap::new();
        let mut odd = RoaringBitmap::new();
        for known in Field::all() {
            if known.kind() == Kind::Flattened {
                odd |= self.segment.odd(known)?;
                if let Some(values) = self.segment.values(known)? {
                    docs |= self.keys_that_exist(&matcher, known, values)?;
                }
            } else if matcher.matches(Probe::new(&FieldRef::Known(known)).with(any_value(known.kind()))) {
                docs |= self.present(known)?;
                odd |= self.segment.odd(known)?;
            }
        }
        odd |= self.segment.odd(field::OTHER)?;
        if let Some(values) = self.segment.dynamic()? {
            docs |= self.keys_that_exist(&matcher, field::OTHER, values)?;
        }
        odd &= within;
        odd -= &docs;
        Ok(docs | self.verified(query, &odd)?)
    }

    fn present(&self, known: Field) -> Result<RoaringBitmap, SearchError> {
        let mut docs = self.segment.has(known)?;
        if let Some(values) = self.segment.values(known)? {
            docs |= self.segment.present(values.index());
        }
        if known == field::EVENT_ID {
            docs |= self.segment.with_own_id()?;
        }
        Ok(docs)
    }

    fn keys_that_exist(&self, matcher: &Matcher, known: Field, values: &Values) -> Result<RoaringBitmap, SearchError> {
        let Values::Text(column) = values else { return Ok(RoaringBitmap::new()) };
        let mut wanted = RoaringBitmap::new();
        for key in Segment::keys(values, "", usize::MAX)? {
            self.context.check()?;
            let mut event = Event::default();
            event.push_keyed(known, &key, Value::Text("x"));
            if matcher.matches(&event) {
                let ords = segment::ordinals(column, &key)?;
                wanted.insert_range(small(ords.start)..small(ords.end));
            }
        }
        if wanted.is_empty() {
            return Ok(wanted);
        }
        self.filter(&self.segment.present(values.index()), |doc| {
            Ok(column.term_ords(doc).any(|ord| wanted.contains(small(ord))))
        })
    }

    fn filter(
        &self,
        docs: &RoaringBitmap,
        mut test: impl FnMut(u32) -> Result<bool, SearchError>,
    ) -> Result<RoaringBitmap, SearchError> {
        let mut passed = RoaringBitmap::new();
        for (at, doc) in docs.iter().enumerate() {
            if at.is_multiple_of(STRIDE) {
                self.context.check()?;
            }
            if test(doc)? {
                passed.insert(doc);
            }
        }
        Ok(passed)
    }

    /// Asks the reference about whole events.
    fn verified(&self, query: &Query, docs: &RoaringBitmap) -> Result<RoaringBitmap, SearchError> {
        let mut passed = RoaringBitmap::new();
        if docs.is_empty() {
            return Ok(passed);
        }
        let matcher = compile(query)?;
        let all: Vec<u32> = docs.iter().collect();
        for batch in all.chunks(VERIFY_BATCH) {
            self.context.check()?;
            let events = source::rebuild(self.segment, batch)?;
            passed.extend(batch.iter().zip(&events).filter(|(_, event)| matcher.matches(event)).map(|(doc, _)| *doc));
        }
        Ok(passed)
    }
}

/// A test on one value of a field.
enum Pattern {
    /// Pieces of a wildcard that stand in this order, the first at the beginning, the last at the end.
    Pieces(Pieces),
    Regex(regex::Regex),
    Reference(Box<Matcher>, RefCell<Probe>),
}

impl Pattern {
    /// The quick forms are those of [`schema::search::pattern`], which the reference uses too.
    fn new(query: &Query, field: &FieldRef) -> Result<Self, SearchError> {
        let plain = matches!(field, FieldRef::Known(known) if matches!(known.kind(), Kind::Keyword | Kind::Path));
        let refused = |error: pattern::BadPattern| SearchError::Refused { reason: error.to_string() };
        Ok(match query {
            Query::Wildcard { pattern, case_insensitive: false, .. } if plain && !pattern.contains(['?', '\\']) => {
                Self::Pieces(Pieces::new(pattern))
            }
            Query::Wildcard { pattern, case_insensitive, .. } if plain => {
                Self::Regex(pattern::wildcard(pattern, *case_insensitive).map_err(refused)?)
            }
            Query::Regexp { pattern, case_insensitive, .. } if plain => {
                Self::Regex(pattern::regexp(pattern, *case_insensitive).map_err(refused)?)
            }
            _ => Self::Reference(Box::new(compile(query)?), RefCell::new(Probe::new(field))),
        })
    }

    fn passes(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Pieces(pieces), Value::Text(text)) => pieces.hold(text),
            (Self::Regex(regex), Value::Text(text)) => regex.is_match(text),
            (Self::Reference(matcher, probe), value) => matcher.matches(probe.borrow_mut().with(value)),
            (Self::Pieces(_) | Self::Regex(_), _) => false,
        }
    }
}

/// What stands between the stars of a wildcard.
struct Pieces {
    first: String,
    middle: Vec<Finder<'static>>,
    /// `None`: there is no star.
    last: Option<String>,
}

impl Pieces {
    fn new(pattern: &str) -> Self {
        let mut pieces = pattern.split('*');
        let first = pieces.next().unwrap_or_default().to_owned();
        let last = pieces.next_back().map(str::to_owned);
        let middle = pieces.filter(|piece| !piece.is_empty()).map(|piece| Finder::new(piece).into_owned()).collect();
        Self { first, middle, last }
    }

    fn hold(&self, text: &str) -> bool {
        let Some(last) = &self.last else { return text == self.first };
        let Some(rest) = text.strip_prefix(self.first.as_str()) else { return false };
        let mut rest = rest.as_bytes();
        for piece in &self.middle {
            let Some(at) = piece.find(rest) else { return false };
            rest = &rest[at + piece.needle().len()..];
        }
        rest.ends_with(last.as_bytes())
    }
}

/// An event with one value, to ask the reference about this value.
struct Probe {
    event: Event,
    field: Field,
    key: String,
}

impl Probe {
    fn new(field: &FieldRef) -> Self {
        let (field, key) = match field {
            FieldRef::Known(known) => (*known, String::new()),
            FieldRef::Keyed(known, key) => (*known, key.clone()),
            FieldRef::Other(name) => (field::OTHER, name.clone()),
        };
        Self { event: Event::default(), field, key }
    }

    fn with(&mut self, value: Value<'_>) -> &Event {
        self.event.clear();
        rest::push(&mut self.event, self.field, &self.key, value);
        &self.event
    }
}

/// Some value that a field of this kind can have.
fn any_value(kind: Kind) -> Value<'static> {
    match kind {
        Kind::Keyword | Kind::Path | Kind::Text | Kind::Stored | Kind::Flattened => Value::Text("x"),
        Kind::Structured => Value::Json("1"),
        Kind::Long => Value::Long(1),
        Kind::Double => Value::Double(1.0),
        Kind::Bool => Value::Bool(true),
        Kind::Date => Value::Date(Timestamp::from_millis(1)),
        Kind::Ip => Value::Text("10.0.0.1"),
    }
}

/// What is cheap is done first, so that the rest looks at fewer documents.
fn cost(query: &Query) -> u8 {
    match query {
        Query::MatchAll | Query::MatchNone | Query::Ids(_) => 0,
        Query::Term { field, .. } | Query::Terms { field, .. } => match field.kind() {
            Kind::Keyword | Kind::Path | Kind::Ip | Kind::Text => 1,
            _ => 3,
        },
        Query::Phrase { field: None, text } if words::tokens(text).len() == 1 => 1,
        Query::Prefix { .. } => 2,
        Query::Range(_) | Query::Exists { .. } | Query::Bool(_) => 3,
        Query::Cidr { .. }
        | Query::Wildcard { .. }
        | Query::Regexp { .. }
        | Query::Fuzzy { .. }
        | Query::AnyWildcard { .. } => 4,
        Query::Phrase { .. } => 5,
    }
}

/// The terms that a test is the same as looking up, if it is.
fn exact_terms(query: &Query) -> Option<Vec<String>> {
    let (field, values) = match query {
        Query::Term { field, value, case_insensitive: false } => (field, std::slice::from_ref(value)),
        Query::Terms { field, values } => (field, values.as_slice()),
        _ => return None,
    };
    let kind = field.kind();
    let term = |value: &Scalar| match (kind, value) {
        (Kind::Keyword | Kind::Path, Scalar::Text(text)) => Some(text.clone()),
        (Kind::Ip, Scalar::Ip(address)) => Some(plain(*address)),
        _ => None,
    };
    values.iter().map(term).collect()
}

fn plain(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

/// What every matching value begins with.
fn literal_prefix(query: &Query) -> String {
    match query {
        Query::Prefix { value, case_insensitive: false, .. } => value.clone(),
        Query::Wildcard { pattern, case_insensitive: false, .. } => {
            pattern.chars().take_while(|c| !matches!(c, '*' | '?' | '\\')).collect()
        }
        _ => String::new(),
    }
}

/// Whether a text is nothing but one token, so that having the token is having the text.
fn is_one_token(text: &str, tokens: &[String]) -> bool {
    tokens.len() == 1 && !words::is_hashed(&tokens[0]) && text.chars().all(char::is_alphanumeric)
}

/// The ranges of whole numbers or times that a test is the same as, if it is.
fn whole_ranges(query: &Query) -> Option<Vec<RangeInclusive<i64>>> {
    let whole = |value: &Scalar| match value {
        Scalar::Long(number) => Some(*number),
        Scalar::Date(time) => Some(time.millis()),
        _ => None,
    };
    match query {
        Query::Term { value, .. } => whole(value).map(|value| vec![value..=value]),
        Query::Terms { values, .. } => values.iter().map(|value| whole(value).map(|value| value..=value)).collect(),
        Query::Range(Range { lower, upper, .. }) => {
            let from = match lower {
                Bound::Open => Some(i64::MIN),
                Bound::Included(value) => whole(value),
                Bound::Excluded(value) => match whole(value)?.checked_add(1) {
                    Some(value) => Some(value),
                    None => return Some(Vec::new()),
                },
            };
            let to = match upper {
                Bound::Open => Some(i64::MAX),
                Bound::Included(value) => whole(value),
                Bound::Excluded(value) => match whole(value)?.checked_sub(1) {
                    Some(value) => Some(value),
                    None => return Some(Vec::new()),
                },
            };
            Some(vec![from?..=to?])
        }
        _ => None,
    }
}

/// Ordinals fit `u32`: a segment has at most ten million events with a few thousand values each, and tantivy's own
/// columns count values in `u32`.
fn small(ord: u64) -> u32 {
    u32::try_from(ord).unwrap_or(u32::MAX)
}
