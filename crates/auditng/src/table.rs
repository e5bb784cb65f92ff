//! Tables and CSV for a terminal. Values come from hosts and are hostile: control and direction characters are shown, not
//! obeyed, and no CSV cell starts a formula.

use std::fmt::Write as _;

/// Widest column of a table, in characters.
const MAX_WIDTH: usize = 60;

/// Rows under headings, columns as wide as their widest cell up to [`MAX_WIDTH`].
pub(crate) fn table(headings: &[String], rows: &[Vec<String>]) -> String {
    let shown: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| shorten(&visible(cell))).collect()).collect();
    let width = |column: usize| {
        let cells = shown.iter().filter_map(|row| row.get(column)).chain(headings.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let mut out = String::new();
    for row in std::iter::once(&headings.to_vec()).chain(&shown) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let padding = width - cell.chars().count().min(*width);
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', padding + 2));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// One line of CSV.
pub(crate) fn csv_line(cells: &[String]) -> String {
    let mut line = cells.iter().map(|cell| csv_cell(cell)).collect::<Vec<_>>().join(",");
    line.push('\n');
    line
}

fn csv_cell(cell: &str) -> String {
    // A spreadsheet runs cells that begin so; the quote in front is the usual guard.
    let guard =
        if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err() { "'" } else { "" };
    let text = visible(cell);
    if guard.is_empty() && !text.contains([',', '"', '\n']) {
        text
    } else {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    }
}

/// Control, direction and zero-width characters as visible escapes.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let hidden = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if hidden {
            let _infallible = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_WIDTH) {
        None => text.to_owned(),
        Some(_) => text.chars().take(MAX_WIDTH - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_cells_are_harmless() {
        assert_eq!(visible("a\u{1b}[31m\u{202e}b\0"), "a\\u{1b}[31m\\u{202e}b\\u{0}");
        assert_eq!(csv_line(&["=cmd()".into(), "-5".into(), "a,\"b\"".into()]), "\"'=cmd()\",-5,\"a,\"\"b\"\"\"\n");
    }

    #[test]
    fn columns_line_up_and_long_cells_are_cut() {
        let text =
            table(&["A".into(), "B".into()], &[vec!["xyz".into(), "1".into()], vec!["é".repeat(100), "2".into()]]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("xyz "));
        assert_eq!(lines[2].chars().position(|c| c == '2'), lines[1].chars().position(|c| c == '1'));
    }
}
