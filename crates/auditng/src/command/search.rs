//! `auditng search`: one call of `/api/search`, printed.

use serde_json::{Value as Json, json};

use super::print;
use crate::cli::{Print, Search};
use crate::exit::Outcome;
use crate::remote::Server;
use crate::table::{csv_line, table, visible};

/// Columns where none are asked for.
const COLUMNS: [&str; 6] =
    ["@timestamp", "host.name", "event.action", "process.executable", "user.name", "process.command_line"];

pub(crate) fn run(arguments: &Search) -> Outcome {
    let server = Server::find(&arguments.server)?;
    let body = json!({
        "query": arguments.query,
        "from": arguments.from,
        "to": arguments.to,
        "streams": arguments.streams,
        "size": if arguments.count { 0 } else { arguments.size },
        "track_total": if arguments.count { json!(true) } else { json!(10_000) },
    });
    let answer = server.post("/api/search", &body)?;
    if arguments.count {
        return print(format!("{}\n", answer["total"]["value"]).as_bytes());
    }
    let hits = answer["hits"].as_array().map_or(&[][..], Vec::as_slice);
    let columns: Vec<String> = match arguments.columns.as_slice() {
        [] => COLUMNS.map(str::to_owned).to_vec(),
        chosen => chosen.to_vec(),
    };
    let rows = || hits.iter().map(|hit| columns.iter().map(|column| cell(&hit["source"], column)).collect());
    let text = match arguments.format {
        Print::Json => hits.iter().map(|hit| format!("{hit}\n")).collect(),
        Print::Csv => std::iter::once(columns.clone()).chain(rows()).map(|row: Vec<String>| csv_line(&row)).collect(),
        Print::Table => table(&columns, &rows().collect::<Vec<_>>()) + &footer(&answer, hits.len()),
    };
    print(text.as_bytes())
}

/// How many match, and what the answer lacks, if anything.
fn footer(answer: &Json, shown: usize) -> String {
    let total = &answer["total"];
    let at_least = if total["relation"] == "gte" { "at least " } else { "" };
    let mut text = format!("{shown} of {at_least}{} events in {} ms\n", total["value"], answer["took_ms"]);
    for note in answer["notes"].as_array().into_iter().flatten() {
        text.push_str(&format!("note: {}\n", visible(note.as_str().unwrap_or_default())));
    }
    for failed in answer["windows"]["failed"].as_array().into_iter().flatten() {
        text.push_str(&format!("not searched: {}\n", visible(&failed.to_string())));
    }
    text
}

/// The value of a dotted name in a document; lists joined by blanks.
fn cell(source: &Json, column: &str) -> String {
    fn find<'a>(at: &'a Json, name: &str) -> Option<&'a Json> {
        let object = at.as_object()?;
        object
            .get(name)
            .or_else(|| name.match_indices('.').find_map(|(dot, _)| find(object.get(&name[..dot])?, &name[dot + 1..])))
    }
    fn text(value: &Json) -> String {
        match value {
            Json::String(text) => text.clone(),
            Json::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(" "),
            Json::Null => String::new(),
            other => other.to_string(),
        }
    }
    find(source, column).map(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_by_dotted_names() {
        let source = json!({"a": {"b.c": [1, "x"], "d": null}, "labels": {"team.name": "web"}});
        assert_eq!(cell(&source, "a.b.c"), "1 x");
        assert_eq!(cell(&source, "labels.team.name"), "web");
        assert_eq!((cell(&source, "a.d"), cell(&source, "a.x")), (String::new(), String::new()));
    }
}
