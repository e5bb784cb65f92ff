//! All fields of a group at hand: scanned once, found by name in one step.
//!
//! PATH and EXECVE records are left out, their fields repeat from record to record ([`super::file`], [`super::exec`]).

use std::borrow::Cow;

use crate::reassemble::Group;
use crate::record::name::{COUNT, Name, OTHER};
use crate::record::{Fields, Form, Piece, Place, Token, Value, kind, name};

/// One field of the group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) token: Token,
    /// The type of its record.
    pub(super) kind: u16,
}

/// Memory for [`View`]s, used again.
pub(super) struct Fieldbook {
    items: Vec<Item>,
    /// Per name the place of its first item plus one; 0: none.
    first: Box<[u16; COUNT]>,
    lead: Piece,
    inner_lead: Piece,
    /// Some field stands in `msg='...'`.
    has_inner: bool,
}

/// Items beyond this many are left out; the caller says so. 64 KiB of the shortest fields fit.
const ITEMS: usize = 16_384;

impl Default for Fieldbook {
    fn default() -> Self {
        let none = Piece::default();
        Self { items: Vec::new(), first: Box::new([0; COUNT]), lead: none, inner_lead: none, has_inner: false }
    }
}

/// The fields of one group.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) text: &'a [u8],
    book: &'a Fieldbook,
}

impl Fieldbook {
    /// Scans a group. The SYSCALL record comes first: where two records have a field of one name, its value counts.
    pub(super) fn read<'a>(&'a mut self, group: &'a Group) -> View<'a> {
        self.clear();
        let others = |wanted: bool| group.parts().filter(move |part| (part.kind == kind::SYSCALL) == wanted);
        for part in others(true).chain(others(false)) {
            if !matches!(part.kind, kind::PATH | kind::EXECVE) {
                self.scan(part.kind, Fields::starting(&group.text()[..part.end], part.body_start));
            }
        }
        View { text: group.text(), book: self }
    }

    fn scan(&mut self, kind: u16, mut fields: Fields<'_>) {
        while let Some(token) = fields.next_token() {
            if self.items.len() == ITEMS {
                break;
            }
            self.has_inner |= token.place == Place::Inner;
            self.items.push(Item { token, kind });
            if let Some(first) = self.first.get_mut(token.name.index())
                && *first == 0
            {
                *first = u16::try_from(self.items.len()).unwrap_or(0);
            }
        }
        if self.lead == Piece::default() {
            (self.lead, self.inner_lead) = (fields.lead_piece(), fields.inner_lead_piece());
        }
    }

    fn clear(&mut self) {
        for item in &self.items {
            if let Some(first) = self.first.get_mut(item.token.name.index()) {
                *first = 0;
            }
        }
        self.items.clear();
        (self.lead, self.inner_lead) = (Piece::default(), Piece::default());
        self.has_inner = false;
    }
}

impl<'a> View<'a> {
    pub(super) fn items(&self) -> &'a [Item] {
        &self.book.items
    }

    /// Some fields were left out.
    pub(super) fn is_cut(&self) -> bool {
        self.book.items.len() == ITEMS
    }

    /// The first value of a name, as it was written, also if it says that there is none.
    #[inline]
    pub(super) fn written(&self, name: Name) -> Option<Value<'a>> {
        let first = usize::from(*self.book.first.get(name.index())?);
        let item = self.book.items.get(first.checked_sub(1)?)?;
        Some(self.value_of(item))
    }

    /// The first value of a name, if there is one.
    #[inline]
    pub(super) fn value(&self, name: Name) -> Option<Value<'a>> {
        self.written(name).filter(|value| !value.is_absent())
    }

    /// Its bytes as written.
    #[inline]
    pub(super) fn raw(&self, name: Name) -> Option<&'a [u8]> {
        self.value(name).map(|value| value.raw)
    }

    /// Its bytes as meant.
    pub(super) fn decoded(&self, name: Name) -> Option<Cow<'a, [u8]>> {
        self.value(name).map(|value| value.decoded(name))
    }

    /// As [`Self::decoded`], from inside `msg='...'` first: for the object the inner fields win. The ids that say who acted
    /// are the outer ones: a program can write what it likes into its message.
    pub(super) fn inner_or_outer(&self, name: Name) -> Option<Cow<'a, [u8]>> {
        self.innermost(name).map(|value| value.decoded(name))
    }

    /// As [`Self::inner_or_outer`], as written.
    pub(super) fn raw_of(&self, name: Name) -> Option<&'a [u8]> {
        self.innermost(name).map(|value| value.raw)
    }

    fn innermost(&self, name: Name) -> Option<Value<'a>> {
        let first = self.value(name);
        if matches!(name, name::PID | name::UID | name::AUID | name::SES) || !self.book.has_inner {
            return first;
        }
        let inner = |item: &&Item| item.token.name == name && item.token.place == Place::Inner;
        let inner = self.book.items.iter().find(inner).map(|item| self.value_of(item));
        inner.filter(|value| !value.is_absent()).or(first)
    }

    /// Whether another item of this name stands before with the same value.
    pub(super) fn repeats(&self, item: &Item) -> bool {
        if item.token.name == OTHER {
            return false;
        }
        self.written(item.token.name).is_some_and(|first| {
            let value = self.value_of(item);
            !std::ptr::eq(first.raw, value.raw) && first == value
        })
    }

    #[inline]
    pub(super) fn value_of(&self, item: &Item) -> Value<'a> {
        Value { raw: item.token.value.of(self.text), form: item.token.form }
    }

    /// A decimal number.
    pub(super) fn number(&self, name: Name) -> Option<i64> {
        str::from_utf8(self.raw(name)?).ok()?.parse().ok()
    }

    /// The words before the first field of the group's first record that has some.
    pub(super) fn lead(&self) -> &'a [u8] {
        self.book.lead.of(self.text)
    }

    /// The words before the first field inside `msg='...'`.
    pub(super) fn inner_lead(&self) -> &'a [u8] {
        self.book.inner_lead.of(self.text)
    }

    /// An id that names somebody: 4294967295 and -1 are the kernel's "nobody".
    pub(super) fn id(&self, name: Name) -> Option<&'a [u8]> {
        self.raw(name).filter(|id| is_id(id))
    }

    /// The name that the ENRICHED tail gives for the id in `field`; `unset` and `unknown(4242)` are none.
    pub(super) fn tail_name(&self, field: Name) -> Option<&'a [u8]> {
        let name = self.raw(tail_of(field)?)?;
        (name != b"unset" && !name.starts_with(b"unknown(") && !name.is_empty()).then_some(name)
    }
}

/// Whether these bytes are a number that names somebody.
pub(super) fn is_id(id: &[u8]) -> bool {
    !id.is_empty() && id.iter().all(u8::is_ascii_digit) && id != b"4294967295"
}

fn tail_of(field: Name) -> Option<Name> {
    Some(match field {
        name::AUID | name::NEW_AUID | name::NEW_AUID_2 => name::E_AUID,
        name::UID => name::E_UID,
        name::GID => name::E_GID,
        name::EUID => name::E_EUID,
        name::SUID => name::E_SUID,
        name::FSUID => name::E_FSUID,
        name::EGID => name::E_EGID,
        name::SGID => name::E_SGID,
        name::FSGID => name::E_FSGID,
        name::OAUID => name::E_OAUID,
        name::ID => name::E_ID,
        name::OLD_AUID | name::OLD_AUID_2 => name::E_OLD_AUID,
        _ => return None,
    })
}

/// A decoded value of a token outside a view.
pub(super) fn decoded<'a>(text: &'a [u8], value: Piece, form: Form, name: Name) -> Cow<'a, [u8]> {
    Value { raw: value.of(text), form }.decoded(name)
}
