//! `auditng sql`: one call of `/api/sql`, printed.

use serde_json::{Map, Value as Json, json};

use super::print;
use crate::cli::{Print, Sql};
use crate::exit::Outcome;
use crate::remote::Server;
use crate::table::{csv_line, table};

pub(crate) fn run(arguments: &Sql) -> Outcome {
    let answer = Server::find(&arguments.server)?.post("/api/sql", &json!({"statement": arguments.statement}))?;
    let columns: Vec<String> = strings(&answer["columns"]);
    let rows = answer["rows"].as_array().map_or(&[][..], Vec::as_slice);
    let text = match arguments.format {
        Print::Json => rows.iter().map(|row| format!("{}\n", object(&columns, row))).collect(),
        Print::Csv => std::iter::once(columns).chain(rows.iter().map(strings)).map(|row| csv_line(&row)).collect(),
        Print::Table => table(&columns, &rows.iter().map(strings).collect::<Vec<_>>()),
    };
    print(text.as_bytes())
}

fn object(columns: &[String], row: &Json) -> Json {
    let values = row.as_array().into_iter().flatten().cloned();
    Json::Object(columns.iter().cloned().zip(values).collect::<Map<_, _>>())
}

fn strings(values: &Json) -> Vec<String> {
    let text = |value: &Json| match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    };
    values.as_array().into_iter().flatten().map(text).collect()
}
