//! Rules back to text.

use std::fmt::Write as _;

use super::lex::quote;
use super::{Field, FieldId, KEY_SEPARATOR, List, Rule, value};
use crate::table;

impl Rule {
    /// The rule as a line of a rule file for a machine of arch `machine`.
    ///
    /// One spelling for each rule: `-a list`, conditions in their order with the arch in front of `-S`, no `-w`
    /// (which would mean another rule if its path became a directory), keys last if they are last.
    #[must_use]
    pub fn text(&self, machine: u32) -> String {
        let mut out = format!("-a {},{}", self.action.word(), self.list.word());
        let after_arch = self.fields.iter().position(|field| field.id == FieldId::ARCH).map_or(0, |at| at + 1);
        self.fields.iter().take(after_arch).for_each(|field| push_field(&mut out, field, machine));
        self.push_calls(&mut out, machine);
        let (keys, rest) = match self.fields.split_last() {
            Some((last, rest)) if is_several_keys(last) => (Some(last), rest),
            _ => (None, self.fields.as_slice()),
        };
        rest.iter().skip(after_arch).for_each(|field| push_field(&mut out, field, machine));
        if keys.is_some() {
            self.keys().for_each(|key| push(&mut out, format_args!(" -k {}", quote(key))));
        }
        out
    }

    fn push_calls(&self, out: &mut String, machine: u32) {
        match self.list {
            List::Task if self.calls.is_none() => {}
            List::Task => out.push_str(" -S all"),
            _ if self.calls.is_all() => {}
            _ if self.calls.is_none() => out.push_str(" -S none"),
            _ => {
                out.push_str(" -S ");
                out.push_str(&self.call_names(machine).join(","));
            }
        }
    }

    /// The calls by name, by number where no table has a name; not useful if it is for all of them.
    #[must_use]
    pub fn call_names(&self, machine: u32) -> Vec<String> {
        self.calls.numbers().map(|number| call_name(self.list, self.arch().unwrap_or(machine), number)).collect()
    }
}

fn call_name(list: List, arch: u32, number: u32) -> String {
    let name = match list {
        List::IoUring => table::IO_URING.name(u64::from(number)).and_then(|name| name.strip_prefix("IORING_OP_")),
        _ => table::syscall_name(arch, u64::from(number)),
    };
    name.map_or_else(|| number.to_string(), str::to_ascii_lowercase)
}

/// Several `-k` say the same as one field only if it stands last and none of them is empty.
fn is_several_keys(field: &Field) -> bool {
    let keys = field.value.text().unwrap_or_default();
    let mut pieces = keys.split(|byte| *byte == KEY_SEPARATOR);
    field.id == FieldId::KEY && keys.contains(&KEY_SEPARATOR) && pieces.all(|key| !key.is_empty())
}

fn push(out: &mut String, text: core::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string cannot fail");
}

fn push_field(out: &mut String, field: &Field, machine: u32) {
    let comparison = value::compared(field).filter(|_| field.id == FieldId::COMPARISON);
    let (name, sign) = (field.id.name(), field.operator.sign());
    match comparison {
        Some((left, right)) => push(out, format_args!(" -C {left}{sign}{right}")),
        None => push(out, format_args!(" -F {name}{sign}{}", value::print(field, machine))),
    }
}
