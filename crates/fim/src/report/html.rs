//! One file for a browser or a printer: no script, nothing from elsewhere, and a policy that forbids both.

use super::document::{Document, Section};
use super::visible::html;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
"#;

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:2rem;color:#17202b;background:#fff}\
h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem}\
dt{color:#4d5a69}dd{margin:0}table{border-collapse:collapse;width:100%;font-size:12.5px}\
th,td{border:1px solid #d8dee5;padding:3px 7px;text-align:left;vertical-align:top;overflow-wrap:anywhere;unicode-bidi:isolate}\
th{background:#f5f7f9}.bad{color:#b3261e;font-weight:600}.good{color:#1b6e3c;font-weight:600}\
@media print{body{margin:0}h2{break-after:avoid}tr{break-inside:avoid}}";

pub(super) fn write(document: &Document) -> String {
    let title = html(&document.title);
    let mut out = format!("{HEAD}<title>{title}</title>\n<style>{STYLE}</style>\n<h1>{title}</h1>\n<dl>\n");
    for (name, value) in &document.facts {
        out.push_str(&format!("<dt>{}</dt><dd{}>{}</dd>\n", html(name), look(value), html(value)));
    }
    out.push_str("</dl>\n");
    for section in &document.sections {
        write_section(section, &mut out);
    }
    out.push_str("</html>\n");
    out
}

fn write_section(section: &Section, out: &mut String) {
    let of = if section.host.is_empty() { String::new() } else { format!(" of {}", html(&section.host)) };
    out.push_str(&format!("<h2>{}{of}</h2>\n", html(&section.title)));
    if !section.note.is_empty() {
        let bad = if section.note.contains("NOT MET") { " class=\"bad\"" } else { "" };
        out.push_str(&format!("<p{bad}>{}</p>\n", html(&section.note)));
    }
    if section.rows.is_empty() {
        return;
    }
    out.push_str("<table><thead><tr>");
    section.columns.iter().for_each(|name| out.push_str(&format!("<th>{}</th>", html(name))));
    out.push_str("</tr></thead><tbody>\n");
    for row in &section.rows {
        out.push_str("<tr>");
        row.iter().for_each(|cell| out.push_str(&format!("<td{}>{}</td>", look(cell), html(cell))));
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table>\n");
}

/// Verdicts stand out. Only whole cells that are exactly one of our words, so no name can borrow it by containing one.
fn look(cell: &str) -> &'static str {
    match cell {
        "NOT MET" | "NO DATA" | "rolled-back" | "forked" | "key-changed" => " class=\"bad\"",
        "MET" => " class=\"good\"",
        _ => "",
    }
}
