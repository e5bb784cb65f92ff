//! The language of `auditctl`: text to rules, rules to the bytes of the kernel, and back.
//!
//! ```text
//! -a always,exit -F arch=b64 -S execve,execveat -F auid>=1000 -k exec     a rule: list, filters, calls, tag
//! -w /etc/shadow -p wa -k identity                                        a watch: short for a rule with a path
//! -b 8192                                                                 a setting
//! ```
//!
//! Promises:
//! - [`check()`] reads a whole file and reports **every** problem with line and column; what is right compiles all the
//!   same.
//! - The bytes are those that auditctl sends ([`encode`]), except where auditctl is silently wrong: then it is an
//!   error here.
//! - Text, bytes, text, bytes: the second text and the second bytes are the first ones ([`Rule::text`], [`decode`]).
//!
//! Does not: look at this machine. Users, groups, paths, the machine and the kernel's features come in as a [`Host`].
//!
//! Spelling beyond auditctl's: `'...'` and `"..."` around a word or a value (as go-libaudit takes them), and `$'...'`
//! with `\n \t \\ \' \xNN` for bytes that no other form can write. A blank in a path is written `\ ` as auditctl
//! does.
//!
//! ```
//! use audit::rule::{self, Host};
//! use audit::table::arch;
//!
//! let report = rule::check("-a always,exit -F arch=b64 -S openat -F exit=-EACCES -k denied", &Host::bare(arch::X86_64));
//! let rule = report.rules().next().unwrap();
//! assert_eq!(rule.text(arch::X86_64), "-a always,exit -F arch=b64 -S openat -F exit=-EACCES -F key=denied");
//! assert_eq!(rule::decode(&rule::encode(rule)).as_ref(), Ok(rule));
//! ```

mod bytes;
mod call;
mod check;
mod field;
mod file;
mod hint;
mod lex;
mod mask;
mod parse;
mod plan;
mod print;
mod suggest;
#[cfg(test)]
mod tests;
mod value;

pub use bytes::{DecodeError, HEADER_BYTES, canonical, decode, encode};
pub use check::{Line, Problem, Report, Severity, check, check_files, check_given};
pub use field::{FieldId, Kind};
pub use file::{Merged, merge, merge_given, natural_order};
pub use mask::Mask;
pub use parse::{Setting, Statement};
pub use plan::{COVER_KEY, Difference, Step, difference, plan};

/// The most conditions that a rule can have.
pub const MAX_FIELDS: usize = 64;
/// The most bytes that the keys of a rule can have, with one between each two.
pub const MAX_KEY_BYTES: usize = 256;
/// What joins several keys in one field.
pub const KEY_SEPARATOR: u8 = 0x01;

/// A kernel filter: events in `list` that meet all of `fields` are recorded or not.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Rule {
    /// When it is asked.
    pub list: List,
    /// What to do when it matches.
    pub action: Action,
    /// For which calls.
    pub calls: Mask,
    /// Its conditions, all of which must hold, in the order in which they were written.
    pub fields: Vec<Field>,
}

/// The filter list that a rule stands in. In each the first rule that matches decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum List {
    /// Records that programs write.
    User,
    /// When a task is made.
    Task,
    /// When a system call ends.
    Exit,
    /// Before a record is made: what matches is left out.
    Exclude,
    /// When a file of a file system is touched.
    Filesystem,
    /// When an `io_uring` operation ends.
    IoUring,
}

impl List {
    /// All lists.
    pub const ALL: [Self; 6] = [Self::User, Self::Task, Self::Exit, Self::Exclude, Self::Filesystem, Self::IoUring];

    /// The kernel's number.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::User => 0,
            Self::Task => 1,
            Self::Exit => 4,
            Self::Exclude => 5,
            Self::Filesystem => 6,
            Self::IoUring => 7,
        }
    }

    /// The word in a rule.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Task => "task",
            Self::Exit => "exit",
            Self::Exclude => "exclude",
            Self::Filesystem => "filesystem",
            Self::IoUring => "io_uring",
        }
    }

    fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.number() == number)
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.word() == word)
    }

    /// Whether its rules see system calls or `io_uring` operations and what those touch.
    const fn sees_calls(self) -> bool {
        matches!(self, Self::Exit | Self::IoUring)
    }
}

/// What a rule that matches does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Action {
    /// No record.
    Never,
    /// A record.
    Always,
}

impl Action {
    /// The kernel's number.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Never => 0,
            Self::Always => 2,
        }
    }

    /// The word in a rule.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Always => "always",
        }
    }
}

/// One condition.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Field {
    /// What is looked at.
    pub id: FieldId,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub value: Value,
}

/// How a field is compared with its value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Operator {
    /// `&`: any of the bits.
    Mask,
    /// `<`.
    Less,
    /// `>`.
    Greater,
    /// `!=`.
    NotEqual,
    /// `=`.
    Equal,
    /// `&=`: all of the bits.
    Bits,
    /// `<=`.
    LessOrEqual,
    /// `>=`.
    GreaterOrEqual,
}

impl Operator {
    /// Longest first, so that `<=` is not read as `<`.
    const ALL: [(Self, &'static str, u32); 8] = [
        (Self::Bits, "&=", 0x4800_0000),
        (Self::LessOrEqual, "<=", 0x5000_0000),
        (Self::GreaterOrEqual, ">=", 0x6000_0000),
        (Self::NotEqual, "!=", 0x3000_0000),
        (Self::Equal, "=", 0x4000_0000),
        (Self::Less, "<", 0x1000_0000),
        (Self::Greater, ">", 0x2000_0000),
        (Self::Mask, "&", 0x0800_0000),
    ];

    /// The kernel's number.
    #[must_use]
    pub fn number(self) -> u32 {
        Self::ALL.iter().find(|(operator, ..)| *operator == self).map_or(0, |(.., number)| *number)
    }

    /// The sign in a rule.
    #[must_use]
    pub fn sign(self) -> &'static str {
        Self::ALL.iter().find(|(operator, ..)| *operator == self).map_or("", |(_, sign, _)| sign)
    }

    fn from_number(number: u32) -> Option<Self> {
        Self::ALL.iter().find(|(.., known)| *known == number).map(|(operator, ..)| *operator)
    }

    const fn is_bitwise(self) -> bool {
        matches!(self, Self::Mask | Self::Bits)
    }

    const fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }
}

/// What a field is compared with.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Value {
    /// A number, in the kernel's 32 bits.
    Number(u32),
    /// A path, label or key. Not always UTF-8.
    Text(Vec<u8>),
}

impl Value {
    /// The number.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) => None,
        }
    }
}

impl Rule {
    /// The condition on `id`, the first if there are several.
    #[must_use]
    pub fn field(&self, id: FieldId) -> Option<&Field> {
        self.fields.iter().find(|field| field.id == id)
    }

    /// The keys, which events carry as `tags`.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        let text = self.field(FieldId::KEY).and_then(|field| field.value.text()).unwrap_or_default();
        text.split(|byte| *byte == KEY_SEPARATOR).filter(|key| !key.is_empty())
    }

    /// The arch word that it is for, if it says so.
    #[must_use]
    pub fn arch(&self) -> Option<u32> {
        let field = self.field(FieldId::ARCH).filter(|field| field.operator == Operator::Equal)?;
        field.value.number()
    }
}

/// What a path names when a rule is compiled. `-w` on a directory watches all below it, on anything else that one
/// file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathKind {
    /// A directory.
    Directory,
    /// Anything else that exists.
    File,
    /// Nothing.
    Missing,
}

/// The machine that rules are for.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    /// Arch word of its own programs: what `b64` (or `b32`) and a rule without `arch` mean.
    pub machine: u32,
    /// Feature bits of its kernel ([`crate::netlink::Status::features`]); `None` = unknown, everything is taken to be
    /// there.
    pub features: Option<u32>,
    /// The number of a user.
    pub user: &'a dyn Fn(&str) -> Option<u32>,
    /// The number of a group.
    pub group: &'a dyn Fn(&str) -> Option<u32>,
    /// What a path names.
    pub path: &'a dyn Fn(&[u8]) -> PathKind,
}

impl Host<'static> {
    /// A machine with no users and groups, on which every path is a file.
    #[must_use]
    pub fn bare(machine: u32) -> Self {
        Self { machine, features: None, user: &|_| None, group: &|_| None, path: &|_| PathKind::File }
    }
}

impl core::fmt::Debug for Host<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Host").field("machine", &self.machine).field("features", &self.features).finish_non_exhaustive()
    }
}
