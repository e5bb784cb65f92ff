//! Filters as go-audit has them: an event goes if one of its records, of a given type, matches a regular expression, and the
//! event is of a given system call.
//!
//! They look at the text of the records as the kernel wrote it, behind `audit(TIME:SERIAL): `. An event whose records are
//! not all at hand (cut because it is larger than `event.original` may be) stays.

use audit::table::record_type_number;
use regex::Regex;
use schema::{Event, Value, field};

/// One filter.
#[derive(Clone, Debug)]
pub struct Raw {
    /// Its name among the counters.
    pub name: String,
    /// The number of the call.
    pub syscall: u32,
    /// The type of the record that is looked at.
    pub record_type: u16,
    /// What its text is compared with.
    pub regex: Regex,
}

/// The records of an event, once for all filters.
pub(super) struct Records<'a> {
    syscall: Option<u32>,
    /// Type and text.
    parts: Vec<(u16, &'a str)>,
}

impl<'a> Records<'a> {
    /// `None`: they are not all there.
    pub(super) fn of(event: &'a Event) -> Option<Self> {
        let original = event.str(field::EVENT_ORIGINAL)?;
        let types = event.all(field::AUDITNG_AUDIT_TYPES).filter_map(|value| match value {
            Value::Text(name) => record_type_number(name.as_bytes()),
            _ => None,
        });
        let bodies = original.lines().filter_map(|line| Some(line.split_once("): ")?.1));
        let parts: Vec<(u16, &str)> = types.zip(bodies).collect();
        let whole = parts.len() == original.lines().count();
        let call = parts.iter().filter(|(kind, _)| *kind == SYSCALL).find_map(|(_, text)| {
            let (_, rest) = text.split_once("syscall=")?;
            rest.split(' ').next()?.parse().ok()
        });
        whole.then_some(Self { syscall: call, parts })
    }
}

const SYSCALL: u16 = 1300;

impl Raw {
    pub(super) fn matches(&self, records: &Records<'_>) -> bool {
        let fits = |(kind, text): &(u16, &str)| *kind == self.record_type && self.regex.is_match(text);
        records.syscall == Some(self.syscall) && records.parts.iter().any(fits)
    }
}
