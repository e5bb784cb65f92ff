//! Walking the JSON of a search: every member is taken by name, and what is left over is refused with its path.

use std::cell::{Cell, RefCell};

use schema::field::Kind;
use schema::search::{FieldRef, Options, UnknownFields};

use super::BadSearch;
use super::json::Json;

pub(super) type Read<T> = Result<T, BadSearch>;

/// What all readers of one search share.
pub(super) struct Context<'o> {
    pub(super) options: &'o Options<'o>,
    notes: RefCell<Vec<String>>,
    /// Leaves of queries and aggregations so far.
    clauses: Cell<usize>,
}

impl<'o> Context<'o> {
    pub(super) fn new(options: &'o Options<'o>) -> Self {
        Self { options, notes: RefCell::default(), clauses: Cell::new(0) }
    }

    pub(super) fn note(&self, note: String) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    pub(super) fn into_notes(self) -> Vec<String> {
        self.notes.into_inner()
    }

    /// Counts one more clause against the limit.
    pub(super) fn count(&self, at: &At<'_>) -> Read<()> {
        self.clauses.set(self.clauses.get() + 1);
        if self.clauses.get() > schema::search::MAX_CLAUSES {
            return Err(at.illegal(format!("more than {} clauses", schema::search::MAX_CLAUSES)));
        }
        Ok(())
    }

    /// The field of this name, known or noted as unknown.
    pub(super) fn field(&self, name: &str, at: &At<'_>) -> Read<FieldRef> {
        let field = FieldRef::resolve(name);
        if self.options.knows(&field) {
            return Ok(field);
        }
        if self.options.unknown_fields == UnknownFields::Note {
            self.note(format!("no event has a field {name}: it matches nothing"));
            return Ok(field);
        }
        Err(at.illegal(match self.options.nearest(name).as_slice() {
            [] => format!("there is no field [{name}]"),
            names => format!("there is no field [{name}]; did you mean {}?", names.join(" or ")),
        }))
    }

    /// As [`Self::field`], for a field whose values can be looked at.
    pub(super) fn searchable(&self, name: &str, at: &At<'_>) -> Read<FieldRef> {
        let field = self.field(name, at)?;
        match field.kind() {
            Kind::Stored | Kind::Structured => Err(at.illegal(format!("[{name}] is kept and shown, not searched"))),
            _ => Ok(field),
        }
    }

    /// As [`Self::searchable`], for a field with columns: to sort by, to count, to compute with.
    pub(super) fn column(&self, name: &str, at: &At<'_>) -> Read<FieldRef> {
        let field = self.searchable(name, at)?;
        match (&field, field.kind()) {
            (_, Kind::Text) => {
                Err(at.illegal(format!("[{name}] is text: it cannot be sorted, counted or computed with")))
            }
            (FieldRef::Known(_), Kind::Flattened) => {
                Err(at.illegal(format!("[{name}] is an object: name one of its keys")))
            }
            _ => Ok(field),
        }
    }

    /// As [`Self::column`], for a field with numbers (times and booleans are numbers too).
    pub(super) fn numbers(&self, name: &str, at: &At<'_>) -> Read<FieldRef> {
        let field = self.column(name, at)?;
        match (&field, field.kind()) {
            (FieldRef::Known(_), Kind::Keyword | Kind::Path | Kind::Ip) => {
                Err(at.illegal(format!("[{name}] holds no numbers")))
            }
            _ => Ok(field),
        }
    }
}

/// A place in the JSON.
#[derive(Clone)]
pub(super) struct At<'j> {
    pub(super) json: &'j Json,
    pub(super) path: String,
}

impl<'j> At<'j> {
    pub(super) fn new(json: &'j Json, path: impl Into<String>) -> Self {
        Self { json, path: path.into() }
    }

    /// A value of the wrong form, or a name that nobody knows.
    pub(super) fn parsing(&self, reason: impl Into<String>) -> BadSearch {
        BadSearch { kind: "parsing_exception", reason: reason.into(), path: self.path.clone() }
    }

    /// A well-formed value that makes no sense here.
    pub(super) fn illegal(&self, reason: impl Into<String>) -> BadSearch {
        BadSearch { kind: "illegal_argument_exception", reason: reason.into(), path: self.path.clone() }
    }

    fn expected(&self, what: &str) -> BadSearch {
        self.parsing(format!("expected {what}, found {}", self.json.what()))
    }

    fn member(&self, name: &str, json: &'j Json) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { json, path: format!("{}{dot}{name}", self.path) }
    }

    pub(super) fn object(&self, clause: &'static str) -> Read<Object<'j>> {
        match self.json {
            Json::Object(members) => {
                Ok(Object { at: self.clone(), clause, members, taken: vec![false; members.len()] })
            }
            _ => Err(self.expected(&format!("an object for [{clause}]"))),
        }
    }

    /// The members of an object whose names the caller chose.
    pub(super) fn members(&self) -> Read<Vec<(&'j str, Self)>> {
        match self.json {
            Json::Object(members) => {
                Ok(members.iter().map(|(name, json)| (name.as_str(), self.member(name, json))).collect())
            }
            _ => Err(self.expected("an object")),
        }
    }

    /// The only member of an object.
    pub(super) fn only_member(&self, clause: &str) -> Read<(&'j str, Self)> {
        let mut members = self.members()?;
        match members.len() {
            1 => Ok(members.remove(0)),
            0 => Err(self.parsing(format!("[{clause}] is empty: expected one name"))),
            _ => Err(self.parsing(format!("[{clause}] takes one name, found [{}] as well", members[1].0))),
        }
    }

    pub(super) fn list(&self) -> Read<Vec<Self>> {
        match self.json {
            Json::List(values) => Ok(values
                .iter()
                .enumerate()
                .map(|(at, json)| Self { json, path: format!("{}[{at}]", self.path) })
                .collect()),
            _ => Err(self.expected("a list")),
        }
    }

    /// A list, or the one value that stands for a list of one.
    pub(super) fn one_or_many(&self) -> Read<Vec<Self>> {
        if matches!(self.json, Json::List(_)) { self.list() } else { Ok(vec![self.clone()]) }
    }

    pub(super) fn text(&self) -> Read<&'j str> {
        match self.json {
            Json::Text(text) => Ok(text),
            _ => Err(self.expected("a string")),
        }
    }

    /// Any scalar as text.
    pub(super) fn scalar_text(&self) -> Read<String> {
        self.json.as_text().ok_or_else(|| self.expected("a string, number or boolean"))
    }

    pub(super) fn flag(&self) -> Read<bool> {
        match self.json {
            Json::Bool(value) => Ok(*value),
            Json::Text(text) if text == "true" => Ok(true),
            Json::Text(text) if text == "false" => Ok(false),
            _ => Err(self.expected("true or false")),
        }
    }

    pub(super) fn number(&self) -> Read<f64> {
        match self.json {
            #[expect(clippy::cast_precision_loss, reason = "the caller asks for a double")]
            Json::Long(value) => Ok(*value as f64),
            Json::Double(value) => Ok(*value),
            Json::Text(text) => {
                text.parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(|| self.expected("a number"))
            }
            _ => Err(self.expected("a number")),
        }
    }

    /// A whole number between bounds.
    pub(super) fn whole(&self, bounds: std::ops::RangeInclusive<i64>) -> Read<i64> {
        let number = match self.json {
            Json::Long(value) => Some(*value),
            Json::Double(value) => schema::search::value::whole(*value),
            Json::Text(text) => text.parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.expected("a whole number"))?;
        if bounds.contains(&number) {
            return Ok(number);
        }
        Err(self.illegal(format!("{number} is not between {} and {}", bounds.start(), bounds.end())))
    }

    pub(super) fn size(&self, bounds: std::ops::RangeInclusive<i64>) -> Read<usize> {
        let number = self.whole(bounds)?;
        usize::try_from(number).map_err(|_| self.illegal(format!("{number} is negative")))
    }

    /// Accepts only this value of an option that we do not have: it is what happens anyway.
    pub(super) fn only(&self, option: &str, accepted: &Json) -> Read<()> {
        if self.json == accepted {
            return Ok(());
        }
        Err(self.illegal(format!("[{option}] is supported only as {}", accepted.as_text().unwrap_or_default())))
    }
}

/// An object whose members are taken one by one.
pub(super) struct Object<'j> {
    pub(super) at: At<'j>,
    clause: &'static str,
    members: &'j [(String, Json)],
    taken: Vec<bool>,
}

impl<'j> Object<'j> {
    pub(super) fn take(&mut self, name: &str) -> Option<At<'j>> {
        let at = self.members.iter().position(|(member, _)| member == name)?;
        self.taken[at] = true;
        Some(self.at.member(name, &self.members[at].1))
    }

    pub(super) fn need(&mut self, name: &str) -> Read<At<'j>> {
        self.take(name).ok_or_else(|| self.at.parsing(format!("[{}] requires [{name}]", self.clause)))
    }

    pub(super) fn text(&mut self, name: &str) -> Read<Option<&'j str>> {
        self.take(name).map(|at| at.text()).transpose()
    }

    pub(super) fn flag(&mut self, name: &str) -> Read<Option<bool>> {
        self.take(name).map(|at| at.flag()).transpose()
    }

    /// Takes options that only relevance or an optimiser looks at: they change no result.
    pub(super) fn skip(&mut self, names: &[&str]) {
        for name in names {
            self.take(name);
        }
    }

    /// Takes `boost` and `_name`, which every query clause may have.
    pub(super) fn skip_boost(&mut self, context: &Context<'_>) -> Read<()> {
        if let Some(boost) = self.take("boost") {
            boost.number()?;
            context.note("boosts have no effect: there is no relevance".to_owned());
        }
        self.skip(&["_name"]);
        Ok(())
    }

    /// Takes an option that must have its default value if it is given.
    pub(super) fn only(&mut self, name: &str, accepted: &Json) -> Read<()> {
        self.take(name).map_or(Ok(()), |at| at.only(name, accepted))
    }

    /// The one member that was not taken: `{"field name": ..}` in most clauses.
    pub(super) fn rest(&self) -> Vec<(&'j str, At<'j>)> {
        let rest = self.members.iter().zip(&self.taken).filter(|(_, taken)| !**taken);
        rest.map(|((name, json), _)| (name.as_str(), self.at.member(name, json))).collect()
    }

    /// Refuses what is left.
    pub(super) fn end(self) -> Read<()> {
        match self.rest().first() {
            None => Ok(()),
            Some((name, _)) => Err(self.at.parsing(format!("[{}] unknown key [{name}]", self.clause))),
        }
    }
}
