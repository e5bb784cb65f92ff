//! A stream as a virtual table: which constraints are pushed down, and rows page by page.
//!
//! SQLite calls these through pointers; the two `impl`s marked so promise what it relies on: the structs begin with
//! SQLite's own and have C layout.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError};

use rusqlite::types::{Null, ValueRef};
use rusqlite::vtab::{
    Context as Output, Filters, IndexConstraintOp, IndexInfo, Module, VTab, VTabConfig, VTabConnection, VTabCursor,
    sqlite3_vtab, sqlite3_vtab_cursor,
};
use rusqlite::{Connection, Error, Result};
use schema::event::{Value, push_json_string};
use schema::field::{self, Field, Kind};
use schema::search::value::Plain;
use schema::search::{Bound, FieldRef, Hit, Query, Range, Scalar, Search, Sort};
use schema::{Stream, Timestamp};

use super::Failure;
use crate::{Context, Store};

/// SQLite's own bound on columns.
const MAX_COLUMNS: usize = 1990;
/// Rows fetched first, and at most at once.
const FIRST_PAGE: usize = 100;
const LARGEST_PAGE: usize = 10_000;

const MODULE: Module<'_, EventTable<'_>> = Module::eponymous_only_module();

/// What a table needs to answer.
pub(super) struct Aux {
    pub(super) store: Arc<dyn Store>,
    /// Empty: all.
    pub(super) streams: Vec<Stream>,
    pub(super) columns: Vec<Column>,
    pub(super) context: Context,
    pub(super) failure: Failure,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(super) enum Column {
    Field(FieldRef),
    Source,
}

/// The catalogue, then other names seen, then `_source`.
pub(super) fn columns(seen: &[String]) -> Vec<Column> {
    let known = Field::all().filter(|field| field.kind() != Kind::Flattened).map(FieldRef::Known);
    let other = seen.iter().map(|name| FieldRef::resolve(name)).filter(|field| !matches!(field, FieldRef::Known(_)));
    let mut columns = vec![Column::Source];
    let mut names = std::collections::HashSet::from(["_source".to_owned()]);
    // SQLite's names do not differ by case.
    columns.extend(
        known
            .chain(other)
            .filter(|field| names.insert(field.name().to_lowercase()))
            .take(MAX_COLUMNS)
            .map(Column::Field),
    );
    columns
}

pub(super) fn register(connection: &Connection, name: &str, aux: Aux) -> Result<()> {
    connection.create_module(name, &MODULE, Some(aux))
}

/// How a constraint is asked of the store; the digits of the plan that `best_index` leaves for `filter`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Test {
    Equal,
    Less,
    Greater,
    Like,
    Glob,
}

impl Test {
    const ALL: [(Self, char); 5] =
        [(Self::Equal, '='), (Self::Less, '<'), (Self::Greater, '>'), (Self::Like, '%'), (Self::Glob, '*')];

    fn of(operator: IndexConstraintOp) -> Option<Self> {
        Some(match operator {
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ => Self::Equal,
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LT | IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LE => Self::Less,
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GT | IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GE => {
                Self::Greater
            }
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LIKE => Self::Like,
            IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GLOB => Self::Glob,
            _ => return None,
        })
    }

    fn sign(self) -> char {
        Self::ALL.iter().find(|(test, _)| *test == self).map_or('?', |&(_, sign)| sign)
    }

    fn of_sign(sign: char) -> Option<Self> {
        Self::ALL.iter().find(|(_, other)| *other == sign).map(|&(test, _)| test)
    }
}

#[repr(C)]
struct EventTable<'vtab> {
    /// SQLite's part.
    base: sqlite3_vtab,
    aux: Arc<Shared>,
    lifetime: PhantomData<&'vtab ()>,
}

/// The parts of [`Aux`] that a cursor keeps.
struct Shared {
    store: Arc<dyn Store>,
    streams: Vec<Stream>,
    columns: Vec<Column>,
    context: Context,
    failure: Failure,
}

#[expect(unsafe_code, reason = "the trait is SQLite's interface; see the head of this file")]
// SAFETY: `EventTable` is `repr(C)` and begins with `sqlite3_vtab`.
unsafe impl<'vtab> VTab<'vtab> for EventTable<'vtab> {
    type Aux = Aux;
    type Cursor = Cursor<'vtab>;

    fn connect(
        db: &mut VTabConnection,
        aux: Option<&Aux>,
        _module: &[u8],
        _database: &[u8],
        _table: &[u8],
        _args: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        db.config(VTabConfig::DirectOnly)?;
        let aux = aux.ok_or_else(|| Error::ModuleError("the table has no store".to_owned()))?;
        let shared = Shared {
            store: aux.store.clone(),
            streams: aux.streams.clone(),
            columns: aux.columns.clone(),
            context: aux.context.clone(),
            failure: aux.failure.clone(),
        };
        let declared =
            CString::new(declaration(&aux.columns)).map_err(|error| Error::ModuleError(error.to_string()))?;
        Ok((Cow::Owned(declared), Self { base: sqlite3_vtab::default(), aux: Arc::new(shared), lifetime: PhantomData }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        let mut plan = String::new();
        let mut cost = 1e9;
        let mut argument = 0;
        for (constraint, mut usage) in info.constraints_and_usages() {
            let test = Test::of(constraint.operator()).filter(|_| constraint.is_usable());
            let column = usize::try_from(constraint.column()).ok().and_then(|at| self.aux.columns.get(at));
            let (Some(test), Some(Column::Field(field))) = (test, column) else { continue };
            if !is_pushed(test, field) {
                continue;
            }
            argument += 1;
            usage.set_argv_index(argument);
            plan.push_str(&format!("{}{} ", test.sign(), constraint.column()));
            cost /= if test == Test::Equal { 1000.0 } else { 10.0 };
        }
        let order: Vec<(c_int, bool)> =
            info.order_bys().map(|order| (order.column(), order.is_order_by_desc())).collect();
        if let [(column, descending)] = order[..] {
            let column = usize::try_from(column).ok().and_then(|at| self.aux.columns.get(at));
            if matches!(column, Some(Column::Field(FieldRef::Known(field::TIMESTAMP)))) {
                info.set_order_by_consumed(true);
                plan.push_str(if descending { "d" } else { "a" });
            }
        }
        // Nothing is read: `count(*)` without a condition.
        info.set_idx_num(c_int::from(info.col_used() == 0 && argument == 0));
        info.set_estimated_cost(cost);
        info.set_idx_str(&plan);
        Ok(true)
    }

    fn open(&'vtab mut self) -> Result<Cursor<'vtab>> {
        Ok(Cursor {
            base: sqlite3_vtab_cursor::default(),
            shared: self.aux.clone(),
            search: Search::default(),
            page: Vec::new(),
            at: 0,
            row: 0,
            counted: None,
            is_last: true,
            lifetime: PhantomData,
        })
    }
}

#[repr(C)]
struct Cursor<'vtab> {
    /// SQLite's part.
    base: sqlite3_vtab_cursor,
    shared: Arc<Shared>,
    search: Search,
    page: Vec<Hit>,
    at: usize,
    row: i64,
    /// Rows whose columns nobody asks for: only their number counts.
    counted: Option<u64>,
    is_last: bool,
    lifetime: PhantomData<&'vtab ()>,
}

impl Cursor<'_> {
    fn fetch(&mut self) -> Result<()> {
        let answer =
            self.shared.store.search(&self.search, &self.shared.context).map_err(|cause| self.stopped(cause))?;
        self.is_last = answer.hits.len() < self.search.size;
        self.search.search_after = answer.hits.last().map(|hit| hit.sort.clone());
        self.search.size = (self.search.size * 10).min(LARGEST_PAGE);
        self.page = answer.hits;
        self.at = 0;
        Ok(())
    }

    fn count(&mut self) -> Result<()> {
        let search = Search { size: 0, track_total: u64::MAX, ..self.search.clone() };
        let answer = self.shared.store.search(&search, &self.shared.context).map_err(|cause| self.stopped(cause))?;
        self.counted = Some(answer.total.value);
        Ok(())
    }

    fn stopped(&self, cause: crate::SearchError) -> Error {
        let text = cause.to_string();
        *self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(cause);
        Error::ModuleError(text)
    }
}

#[expect(unsafe_code, reason = "the trait is SQLite's interface; see the head of this file")]
// SAFETY: `Cursor` is `repr(C)` and begins with `sqlite3_vtab_cursor`.
unsafe impl VTabCursor for Cursor<'_> {
    fn filter(&mut self, only_count: c_int, plan: Option<&str>, arguments: &Filters<'_>) -> Result<()> {
        self.row = 0;
        self.counted = None;
        self.search =
            Search { streams: self.shared.streams.clone(), size: FIRST_PAGE, track_total: 0, ..Search::default() };
        let mut clauses = Vec::new();
        for (part, value) in
            plan.unwrap_or_default().split_whitespace().filter(|part| part.len() > 1).zip(arguments.iter())
        {
            let mut sign = part.chars();
            let test = sign.next().and_then(Test::of_sign);
            let column = sign.as_str().parse::<usize>().ok().and_then(|at| self.shared.columns.get(at));
            if let (Some(test), Some(Column::Field(field))) = (test, column) {
                clauses.extend(clause(test, field, value));
            }
        }
        self.search.query = Query::all(clauses);
        if let Some(order) = plan.and_then(|plan| plan.split_whitespace().next_back()).filter(|order| order.len() == 1)
        {
            let descending = order == "d";
            // SQL has absent values before all others.
            let missing_first = !descending;
            self.search.sort = vec![Sort { field: FieldRef::Known(field::TIMESTAMP), descending, missing_first }];
        }
        if only_count != 0 { self.count() } else { self.fetch() }
    }

    fn next(&mut self) -> Result<()> {
        self.row += 1;
        if let Some(counted) = &mut self.counted {
            *counted = counted.saturating_sub(1);
            return Ok(());
        }
        self.at += 1;
        if self.at >= self.page.len() && !self.is_last {
            self.fetch()?;
        }
        Ok(())
    }

    fn eof(&self) -> bool {
        self.counted.map_or(self.at >= self.page.len(), |counted| counted == 0)
    }

    fn column(&self, output: &mut Output, at: c_int) -> Result<()> {
        let column = usize::try_from(at).ok().and_then(|at| self.shared.columns.get(at));
        let (Some(column), Some(hit)) = (column, self.page.get(self.at)) else { return output.set_result(Null) };
        match column {
            Column::Source => output.set_result(hit.event.to_json()),
            Column::Field(field) => show(field, hit, output),
        }
    }

    fn rowid(&self) -> Result<i64> {
        Ok(self.row)
    }
}

fn declaration(columns: &[Column]) -> String {
    let declared = columns.iter().map(|column| match column {
        Column::Source => "_source TEXT".to_owned(),
        Column::Field(field) => {
            let kind = match field {
                FieldRef::Known(known) => match known.kind() {
                    Kind::Long | Kind::Bool => " INTEGER",
                    Kind::Double => " REAL",
                    _ => " TEXT",
                },
                // Texts and numbers mixed: as they are.
                FieldRef::Keyed(..) | FieldRef::Other(_) => "",
            };
            format!("\"{}\"{kind}", field.name().replace('"', "\"\""))
        }
    });
    format!("CREATE TABLE x({})", declared.collect::<Vec<_>>().join(",")).replace('\0', " ")
}

/// Whether the store can answer this test so that no row is lost; what is too many is left out by SQLite.
fn is_pushed(test: Test, field: &FieldRef) -> bool {
    let FieldRef::Known(known) = field else { return false };
    match known.kind() {
        Kind::Keyword | Kind::Path => matches!(test, Test::Equal | Test::Like | Test::Glob),
        Kind::Long => matches!(test, Test::Equal | Test::Less | Test::Greater),
        Kind::Date => matches!(test, Test::Less | Test::Greater),
        Kind::Ip => test == Test::Equal,
        Kind::Text | Kind::Stored | Kind::Double | Kind::Bool | Kind::Flattened | Kind::Structured => false,
    }
}

/// The test as a query that holds for every row that can pass it; `None`: for all rows.
fn clause(test: Test, field: &FieldRef, value: ValueRef<'_>) -> Option<Query> {
    let field = field.clone();
    match (field.kind(), test, value) {
        // NULL equals nothing and is before and behind nothing.
        (_, _, ValueRef::Null) => Some(Query::MatchNone),
        (Kind::Keyword | Kind::Path, Test::Equal, value) => {
            let value = Scalar::Text(plain_text(value)?);
            Some(Query::Term { field, value, case_insensitive: false })
        }
        (Kind::Keyword | Kind::Path, Test::Like, value) => prefix(field, &plain_text(value)?, &['%', '_'], true),
        (Kind::Keyword | Kind::Path, Test::Glob, value) => prefix(field, &plain_text(value)?, &['*', '?', '['], false),
        (Kind::Ip, Test::Equal, value) => {
            let value = Scalar::Ip(plain_text(value)?.parse().ok()?);
            Some(Query::Term { field, value, case_insensitive: false })
        }
        (Kind::Long, test, ValueRef::Integer(number)) => Some(bounded(test, field, Scalar::Long(number))),
        (Kind::Date, test, value) => Some(bounded(test, field, Scalar::Date(instant(&plain_text(value)?)?))),
        _ => None,
    }
}

/// A value that can stand for one value of a field: several values are shown as an array.
fn plain_text(value: ValueRef<'_>) -> Option<String> {
    let text = match value {
        ValueRef::Text(text) => str::from_utf8(text).ok()?.to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => return None,
    };
    (!text.starts_with('[')).then_some(text)
}

fn prefix(field: FieldRef, pattern: &str, wild: &[char], case_insensitive: bool) -> Option<Query> {
    let fixed = pattern.split(wild).next().filter(|fixed| !fixed.is_empty())?;
    // SQLite folds ASCII only, the store all letters: it finds more, never less.
    Some(Query::Prefix { field, value: fixed.to_owned(), case_insensitive })
}

fn bounded(test: Test, field: FieldRef, value: Scalar) -> Query {
    let included = || Bound::Included(value.clone());
    let (lower, upper) = match test {
        Test::Less => (Bound::Open, included()),
        Test::Greater => (included(), Bound::Open),
        _ => (included(), included()),
    };
    Query::Range(Range { field, lower, upper })
}

/// The first instant whose canonical text begins with this text or follows it; only for beginnings of that text.
fn instant(text: &str) -> Option<Timestamp> {
    const FILL: &str = "0000-01-01T00:00:00.000Z";
    Timestamp::parse_canonical(&format!("{text}{}", FILL.get(text.len()..)?))
}

fn show(field: &FieldRef, hit: &Hit, output: &mut Output) -> Result<()> {
    let (known, values): (Field, Vec<Value<'_>>) = match field {
        FieldRef::Known(known) => (*known, hit.event.all(*known).collect()),
        FieldRef::Keyed(known, key) => (*known, hit.event.keyed(*known, key).collect()),
        FieldRef::Other(name) => (field::OTHER, hit.event.keyed(field::OTHER, name).collect()),
    };
    match values.as_slice() {
        [] | [Value::Null] => output.set_result(Null),
        [Value::Json(json)] => output.set_result(json),
        [value] => match Plain::of(known, *value) {
            Some(Plain::Bool(value)) => output.set_result(value),
            Some(Plain::Long(number)) => output.set_result(number),
            Some(Plain::Double(number)) => output.set_result(number),
            Some(Plain::Date(time)) => output.set_result(time.to_string()),
            Some(Plain::Ip(address)) => output.set_result(address.to_string()),
            Some(Plain::Text(text)) => output.set_result(text.as_ref()),
            None => output.set_result(json(&[*value])),
        },
        several => output.set_result(format!("[{}]", json(several))),
    }
}

fn json(values: &[Value<'_>]) -> String {
    let mut out = String::new();
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        match value {
            Value::Null => out.push_str("null"),
            Value::Bool(value) => out.push_str(&value.to_string()),
            Value::Long(number) => out.push_str(&number.to_string()),
            Value::Double(number) => out.push_str(&number.to_string()),
            Value::Date(time) => push_json_string(&time.to_string(), &mut out),
            Value::Text(text) => push_json_string(text, &mut out),
            Value::Json(json) => out.push_str(json),
        }
    }
    out
}
