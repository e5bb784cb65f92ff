//! Read-only SQL over stored events.
//!
//! A SQLite database in memory with one virtual table for each stream and `events` for all of them. Columns are the fields
//! of the catalogue and whatever else was seen, under their dotted names (`"process.name"`), and `_source`, the whole event
//! as JSON. A field with several values is a JSON array; times are RFC 3339 in UTC; booleans 1 and 0.
//!
//! `=`, `IN`, `<`, `<=`, `>`, `>=` and the fixed beginning of `LIKE` and `GLOB` are asked of the store and checked once more
//! by SQLite, so pushing down never changes an answer. `ORDER BY "@timestamp"` is the store's order, and rows are fetched
//! page by page, so a `LIMIT` reads no more than it needs.
//!
//! What it does not do: change anything ([`run`] allows reading and nothing else), or take a mistyped column for a text:
//! `"proces.name"` is an error.

mod table;

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode};
use schema::Stream;

use crate::{Context, SearchError, Store};

/// Rows that an answer may have.
pub const MAX_ROWS: usize = 1_000_000;
/// Longest text or statement inside SQLite.
const MAX_LENGTH: i32 = 16 << 20;
/// Name of the table with the events of all streams.
const ALL: &str = "events";

/// A value of an answer.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell {
    /// No value.
    Null,
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// A text; bytes are shown as a text as well.
    Text(String),
}

/// The answer to a statement.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows in the statement's order.
    pub rows: Vec<Vec<Cell>>,
}

/// A statement could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// It is wrong, or does something else than read.
    #[error("{0}")]
    Statement(String),
    /// It needs too many rows or too much memory.
    #[error("{0}")]
    TooLarge(String),
    /// The store could not answer, or not in time.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// SQLite failed.
    #[error("SQL failed: {0}")]
    Failed(String),
}

/// Answers one statement within the bounds of `context`.
///
/// # Errors
/// See [`SqlError`].
pub fn run(store: &Arc<dyn Store>, statement: &str, context: &Context) -> Result<Table, SqlError> {
    let failure = Arc::new(Mutex::new(None));
    let answered = connect(store, context, &failure).and_then(|connection| answer(&connection, statement, context));
    // What stopped the store, the deadline among it, comes through SQLite as its own error: the cause is told instead.
    let cause = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (answered, cause) {
        (Err(_), Some(cause)) => Err(SqlError::Search(cause)),
        (answered, _) => answered,
    }
}

type Failure = Arc<Mutex<Option<SearchError>>>;

fn connect(store: &Arc<dyn Store>, context: &Context, failure: &Failure) -> Result<Connection, SqlError> {
    let failed = |error: rusqlite::Error| SqlError::Failed(error.to_string());
    let mut connection = Connection::open_in_memory().map_err(failed)?;
    for config in [DbConfig::SQLITE_DBCONFIG_DQS_DML, DbConfig::SQLITE_DBCONFIG_DQS_DDL] {
        connection.set_db_config(config, false).map_err(failed)?;
    }
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_LENGTH).map_err(failed)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0).map_err(failed)?;
    let aux = |streams: Vec<Stream>| table::Aux {
        columns: table::columns(&store.fields(&streams)),
        store: store.clone(),
        streams,
        context: context.clone(),
        failure: failure.clone(),
    };
    for stream in Stream::ALL {
        table::register(&connection, stream.name(), aux(vec![stream])).map_err(failed)?;
    }
    table::register(&connection, ALL, aux(Vec::new())).map_err(failed)?;
    let (stop, failure) = (context.clone(), failure.clone());
    let interrupted = move || match stop.check() {
        Ok(()) => false,
        Err(cause) => {
            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(cause);
            true
        }
    };
    connection.progress_handler(10_000, Some(interrupted)).map_err(failed)?;
    connection.authorizer(Some(only_reading)).map_err(failed)?;
    Ok(connection)
}

fn only_reading(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if function_name != "load_extension" => Authorization::Allow,
        _ => Authorization::Deny,
    }
}

fn answer(connection: &Connection, statement: &str, context: &Context) -> Result<Table, SqlError> {
    let mut prepared = connection.prepare(statement).map_err(|error| explained(&error))?;
    let columns: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let mut rows = prepared.query([]).map_err(|error| explained(&error))?;
    let mut table = Table { columns, rows: Vec::new() };
    let mut bytes = 0;
    while let Some(row) = rows.next().map_err(|error| explained(&error))? {
        let mut cells = Vec::with_capacity(table.columns.len());
        for at in 0..table.columns.len() {
            let cell = cell(row.get_ref(at).map_err(|error| explained(&error))?);
            bytes += 32 + if let Cell::Text(text) = &cell { text.len() } else { 0 };
            cells.push(cell);
        }
        table.rows.push(cells);
        if table.rows.len() > MAX_ROWS || bytes > context.memory_bytes {
            return Err(SqlError::TooLarge("the answer has too many rows; add a WHERE or a LIMIT".to_owned()));
        }
    }
    Ok(table)
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(text) | ValueRef::Blob(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
    }
}

fn explained(error: &rusqlite::Error) -> SqlError {
    match error.sqlite_error_code() {
        Some(ErrorCode::AuthorizationForStatementDenied) => {
            SqlError::Statement(format!("only SELECT is allowed ({error})"))
        }
        Some(ErrorCode::TooBig | ErrorCode::OutOfMemory) => SqlError::TooLarge(error.to_string()),
        Some(ErrorCode::Unknown) | None => SqlError::Statement(error.to_string()),
        Some(_) => SqlError::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
