//! For people at a terminal: tables whose columns are as wide as their widest cell.

use super::document::{Document, Section};
use super::visible::visible;

/// Widest cell; longer ones are the rest of their line or are folded.
const WIDEST: usize = 96;

pub(super) fn write(document: &Document) -> String {
    let mut out = format!("{}\n{}\n\n", document.title, "=".repeat(document.title.chars().count()));
    for (name, value) in &document.facts {
        out.push_str(&format!("{name}: {}\n", visible(value)));
    }
    for section in &document.sections {
        out.push('\n');
        write_section(section, &mut out);
    }
    out
}

fn write_section(section: &Section, out: &mut String) {
    let title = match section.host.as_str() {
        "" => section.title.clone(),
        host => format!("{} of {}", section.title, visible(host)),
    };
    out.push_str(&format!("{title}\n{}\n", "-".repeat(title.chars().count())));
    if !section.note.is_empty() {
        out.push_str(&visible(&section.note));
        out.push('\n');
    }
    if section.rows.is_empty() {
        return;
    }
    let head: Vec<String> = section.columns.iter().map(|name| name.to_uppercase()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head)
        .chain(section.rows.iter().map(|row| row.iter().map(|cell| visible(cell)).collect()))
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).min(WIDEST)
    };
    let widths: Vec<usize> = (0..section.columns.len()).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
}
