//! Reads a TOML table key by key and collects everything that is wrong with it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::Value;

/// One thing that is wrong with a configuration file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Dotted name of the key, or the line for errors of syntax.
    pub place: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// All that is wrong with a configuration file; never empty.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Problem { place, message }) in self.0.iter().enumerate() {
            write!(f, "{}{place}: {message}", if i > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

/// A table from which keys are taken; what is left at the end is unknown.
pub(super) struct Section {
    path: String,
    table: toml::Table,
    known: Vec<&'static str>,
}

impl Section {
    pub(super) fn top(text: &str) -> Result<Self, Problem> {
        let table = text.parse::<toml::Table>().map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
            Problem { place: format!("line {line}"), message: error.message().to_owned() }
        })?;
        Ok(Self { path: String::new(), table, known: Vec::new() })
    }

    pub(super) fn key<T: Setting>(&mut self, name: &'static str, into: &mut T, problems: &mut Vec<Problem>) {
        self.known.push(name);
        let Some(value) = self.table.remove(name) else { return };
        match T::from_toml(&value) {
            Some(value) => *into = value,
            None => problems.push(self.problem(name, format!("expected {}, found {value}", T::expected()))),
        }
    }

    pub(super) fn bytes(&mut self, name: &'static str, into: &mut u64, least: u64, problems: &mut Vec<Problem>) {
        let mut size = Size(*into);
        self.key(name, &mut size, problems);
        self.at_least(name, size.0, least, into, problems);
    }

    pub(super) fn number(&mut self, name: &'static str, into: &mut u64, least: u64, problems: &mut Vec<Problem>) {
        let mut number = *into;
        self.key(name, &mut number, problems);
        self.at_least(name, number, least, into, problems);
    }

    fn at_least(&self, name: &str, value: u64, least: u64, into: &mut u64, problems: &mut Vec<Problem>) {
        if value < least {
            problems.push(self.problem(name, format!("must be at least {least}, found {value}")));
        } else {
            *into = value;
        }
    }

    pub(super) fn section(
        &mut self,
        name: &'static str,
        problems: &mut Vec<Problem>,
        read: impl FnOnce(&mut Self, &mut Vec<Problem>),
    ) {
        self.known.push(name);
        match self.table.remove(name) {
            None => {}
            Some(Value::Table(table)) => {
                let mut inner = Self { path: format!("{}{name}.", self.path), table, known: Vec::new() };
                read(&mut inner, problems);
                inner.end(problems);
            }
            Some(_) => problems.push(self.problem(name, "expected a section".to_owned())),
        }
    }

    pub(super) fn end(&self, problems: &mut Vec<Problem>) {
        for name in self.table.keys() {
            let near = self.known.iter().min_by_key(|known| distance(known, name)).filter(|k| distance(k, name) <= 2);
            let advice = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            problems.push(self.problem(name, format!("there is no such key{advice}")));
        }
    }

    fn problem(&self, name: &str, message: String) -> Problem {
        Problem { place: format!("{}{name}", self.path), message }
    }
}

/// Levenshtein distance; keys are short.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let cost = (corner + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = row[j + 1];
            row[j + 1] = cost;
        }
    }
    row[b.len()]
}

/// A kind of value.
pub(super) trait Setting: Sized {
    fn expected() -> String;
    fn from_toml(value: &Value) -> Option<Self>;
}

/// Settings that are one of a few words.
pub(super) trait Words: Sized + Copy + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

impl<T: Words> Setting for T {
    fn expected() -> String {
        let words: Vec<String> = T::WORDS.iter().map(|(word, _)| format!("{word:?}")).collect();
        words.join(" or ")
    }

    fn from_toml(value: &Value) -> Option<Self> {
        T::WORDS.iter().find(|(word, _)| Some(*word) == value.as_str()).map(|&(_, value)| value)
    }
}

impl Setting for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }
    fn from_toml(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl Setting for u64 {
    fn expected() -> String {
        "a number".to_owned()
    }
    fn from_toml(value: &Value) -> Option<Self> {
        Self::try_from(value.as_integer()?).ok()
    }
}

impl Setting for String {
    fn expected() -> String {
        "a text".to_owned()
    }
    fn from_toml(value: &Value) -> Option<Self> {
        value.as_str().map(Self::from)
    }
}

impl Setting for Vec<String> {
    fn expected() -> String {
        "a list of texts".to_owned()
    }
    fn from_toml(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(|item| item.as_str().map(String::from)).collect()
    }
}

impl Setting for PathBuf {
    fn expected() -> String {
        "a path".to_owned()
    }
    fn from_toml(value: &Value) -> Option<Self> {
        value.as_str().filter(|path| !path.is_empty()).map(Self::from)
    }
}

impl Setting for SocketAddr {
    fn expected() -> String {
        "an address and port like \"127.0.0.1:9280\"".to_owned()
    }
    fn from_toml(value: &Value) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
}

impl Setting for Duration {
    fn expected() -> String {
        "a duration like \"30s\", \"10m\", \"12h\" or \"30d\"".to_owned()
    }
    fn from_toml(value: &Value) -> Option<Self> {
        let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
        scaled(value.as_str()?, &units).map(Self::from_millis)
    }
}

/// A number of bytes, written with a unit.
struct Size(u64);

impl Setting for Size {
    fn expected() -> String {
        "a size like \"64MiB\"".to_owned()
    }
    fn from_toml(value: &Value) -> Option<Self> {
        let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("B", 1)];
        scaled(value.as_str()?, &units).map(Self)
    }
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    units
        .iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit)?.trim_end().parse::<u64>().ok()?.checked_mul(*factor))
}
