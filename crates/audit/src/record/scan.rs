//! Walks the fields of a record's text, left to right, once.
//!
//! The grammar is what the kernel, auditd and 18 years of user-space programs wrote, not what anyone specified:
//!
//! ```text
//! body   = { word } { field } [ 0x1d { field } ]        the part behind 0x1d is auditd's ENRICHED tail
//! field  = name "=" value
//! value  = '"' ... '"'                                  closed by a quote before a blank, bracket, comma or the end
//!        | "'" { word } { field } "'"                   of `msg` only: the inner fields of a user-space record
//!        | "{" ... "}"                                  in the tail only
//!        | bare { " " word }                            words without "=" belong to the value before them
//! ```
//!
//! What breaks these rules degrades to text in the value where it stands and is never dropped.

use memchr::{memchr, memchr2, memmem, memrchr};

use super::name::{self, Class, Name, find, fold};
use super::value::{Form, Value};

/// A piece of the scanned text. Texts longer than 4 GiB do not exist here: lines are bounded far below.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Piece {
    /// First byte.
    pub start: u32,
    /// Behind the last byte.
    pub end: u32,
}

impl Piece {
    fn new(start: usize, end: usize) -> Self {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: offset(start), end: offset(end) }
    }

    /// Its bytes in the text that was scanned.
    #[must_use]
    pub fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// In which part of the record a field stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The kernel's own fields.
    Outer,
    /// Inside `msg='...'` of a user-space record.
    Inner,
    /// In auditd's ENRICHED tail.
    Tail,
}

/// A field as places in the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// The name, if it is a known one.
    pub name: Name,
    /// The name's bytes.
    pub key: Piece,
    /// The value's bytes, quotes taken off.
    pub value: Piece,
    /// How it was written.
    pub form: Form,
    /// Where it stands.
    pub place: Place,
}

/// A field borrowed from the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field<'a> {
    /// The name, if it is a known one.
    pub name: Name,
    /// The name's bytes.
    pub key: &'a [u8],
    /// The value.
    pub value: Value<'a>,
    /// Where it stands.
    pub place: Place,
}

/// The fields of a record in order.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    text: &'a [u8],
    at: usize,
    /// End of the part being read.
    end: usize,
    place: Place,
    /// The next field's name when the search for a value's end has already met it.
    met: Option<Met>,
    lead: Piece,
    inner_lead: Piece,
    /// A field was given in this part, so words no longer belong to the lead.
    led: bool,
    /// No quote in the rest of this part closes anything: searching again would be quadratic.
    unclosed: bool,
    /// Inside `(hostname=?, addr=?)`: commas and the bracket are no part of values.
    bracket: bool,
    /// `old` or `new` stood before the name: LOGIN records of old kernels.
    before: Option<Era>,
}

#[derive(Clone, Copy, Debug)]
enum Era {
    Old,
    New,
}

#[derive(Clone, Copy, Debug)]
struct Met {
    start: usize,
    end: usize,
    name: Name,
}

const TAIL: u8 = 0x1d;

impl<'a> Fields<'a> {
    /// The fields of `text`.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Self::starting(text, 0)
    }

    /// The fields of `text` from the byte `at` on; places count from the text's beginning.
    #[must_use]
    pub fn starting(text: &'a [u8], at: usize) -> Self {
        let none = Piece::default();
        Self {
            text,
            at: at.min(text.len()),
            end: text.len(),
            place: Place::Outer,
            met: None,
            lead: none,
            inner_lead: none,
            led: false,
            unclosed: false,
            bracket: false,
            before: None,
        }
    }

    /// The words before the first field (`avc:  denied  { read } for`), known once the first field was given.
    #[must_use]
    pub fn lead(&self) -> &'a [u8] {
        self.lead.of(self.text)
    }

    /// The words before the first inner field (`PAM: accounting`).
    #[must_use]
    pub fn inner_lead(&self) -> &'a [u8] {
        self.inner_lead.of(self.text)
    }

    pub(crate) fn lead_piece(&self) -> Piece {
        self.lead
    }

    pub(crate) fn inner_lead_piece(&self) -> Piece {
        self.inner_lead
    }

    /// The next field as places in the text.
    pub fn next_token(&mut self) -> Option<Token> {
        let met = match self.met.take() {
            Some(met) => met,
            None => self.seek_name()?,
        };
        let mut name = met.name;
        if let Some(era) = self.before.take() {
            name = of_era(name, era);
        }
        self.at = met.end + 1;
        self.led = true;
        if name == name::MSG && self.place == Place::Outer && self.text.get(self.at) == Some(&b'\'') {
            self.go_inside();
            return self.next_token();
        }
        let (value, form) = self.value(name.class());
        Some(Token { name, key: Piece::new(met.start, met.end), value, form, place: self.place })
    }

    /// Skips words until a name is met; steps from part to part.
    fn seek_name(&mut self) -> Option<Met> {
        loop {
            self.skip_blanks();
            if self.at >= self.end {
                if self.place != Place::Inner {
                    return None;
                }
                self.go_outside();
                continue;
            }
            if self.text[self.at] == TAIL && self.place != Place::Inner {
                self.enter(Place::Tail, self.at + 1, self.text.len());
                continue;
            }
            match self.name_at(self.at) {
                Ok(met) => return Some(met),
                Err(end) => self.word(end),
            }
        }
    }

    /// A name that starts at `start` and ends before `=`, else where the word ends.
    #[inline]
    fn name_at(&mut self, start: usize) -> Result<Met, usize> {
        let opens = self.text[start] == b'(';
        let start = start + usize::from(opens);
        let mut word = 0;
        let rest = &self.text[start..self.end];
        for (len, &byte) in rest.iter().enumerate() {
            match byte {
                b'=' if len > 0 => {
                    self.bracket |= opens;
                    return Ok(Met { start, end: start + len, name: find(word, &rest[..len]) });
                }
                b' ' => return Err(start + len),
                TAIL if self.place != Place::Inner => return Err(start + len),
                _ => word = fold(word, byte),
            }
        }
        Err(self.end)
    }

    /// A word outside of any value.
    fn word(&mut self, end: usize) {
        let word = &self.text[self.at..end];
        self.before = match word {
            b"old" => Some(Era::Old),
            b"new" => Some(Era::New),
            _ => None,
        };
        if !self.led && self.before.is_none() {
            let lead = if self.place == Place::Inner { &mut self.inner_lead } else { &mut self.lead };
            let start = if lead.end == 0 { self.at } else { lead.start as usize };
            *lead = Piece::new(start, end);
        }
        self.at = end;
    }

    #[inline]
    fn skip_blanks(&mut self) {
        while self.at < self.end && self.text[self.at] == b' ' {
            self.at += 1;
        }
    }

    fn enter(&mut self, place: Place, at: usize, end: usize) {
        (self.place, self.at, self.end) = (place, at, end);
        (self.led, self.unclosed, self.bracket) = (place != Place::Inner, false, false);
    }

    /// `msg='`: the inner part ends at the quote before the tail, else at the last quote, else with the text.
    fn go_inside(&mut self) {
        let start = self.at + 1;
        let rest = &self.text[start..];
        let len = memmem::find(rest, b"'\x1d").or_else(|| memrchr(b'\'', rest)).unwrap_or(rest.len());
        self.enter(Place::Inner, start, start + len);
    }

    fn go_outside(&mut self) {
        // No second inner part can follow: it ended at the last quote, or the tail follows.
        self.enter(Place::Outer, (self.end + 1).min(self.text.len()), self.text.len());
        self.led = true;
    }

    #[inline]
    fn value(&mut self, class: Class) -> (Piece, Form) {
        match self.text[..self.end].get(self.at) {
            Some(b'"') if !self.unclosed => match self.closing_quote() {
                Some(close) => {
                    let piece = Piece::new(self.at + 1, close);
                    self.at = close + 1;
                    (piece, Form::Quoted)
                }
                None => {
                    self.unclosed = true;
                    (self.bare(class), Form::Bare)
                }
            },
            Some(b'{') if self.place == Place::Tail => (self.braced(), Form::Bare),
            _ => (self.bare(class), Form::Bare),
        }
    }

    fn closing_quote(&self) -> Option<usize> {
        let mut from = self.at + 1;
        loop {
            let at = from + memchr(b'"', &self.text[from..self.end])?;
            match self.text[..self.end].get(at + 1) {
                None | Some(b' ' | b',' | b')' | b'\'' | &TAIL) => return Some(at),
                Some(_) => from = at + 1,
            }
        }
    }

    fn braced(&mut self) -> Piece {
        let start = self.at;
        self.at = memchr(b'}', &self.text[start..self.end]).map_or(self.end, |len| start + len + 1);
        Piece::new(start, self.at)
    }

    fn bare(&mut self, class: Class) -> Piece {
        let start = self.at;
        let mut end = self.word_end(start);
        self.at = end;
        if class != Class::Number && end > start {
            end = self.with_words(end);
        }
        if self.bracket {
            while end > start && matches!(self.text[end - 1], b',' | b')') {
                end -= 1;
            }
        }
        Piece::new(start, end)
    }

    /// Where a bare word that starts at `start` ends.
    #[inline]
    fn word_end(&self, start: usize) -> usize {
        // Most words are short; for long ones (PROCTITLE) a vector search pays.
        const SHORT: usize = 16;
        let tail = if self.place == Place::Inner { b' ' } else { TAIL };
        let rest = &self.text[start..self.end];
        let (head, behind) = rest.split_at(rest.len().min(SHORT));
        head.iter()
            .position(|&byte| byte == b' ' || byte == tail)
            .or_else(|| memchr2(b' ', tail, behind).map(|at| head.len() + at))
            .map_or(self.end, |len| start + len)
    }

    /// Lengthens a value by the words behind it; keeps the name that ends them. A lone `:` separates.
    fn with_words(&mut self, mut end: usize) -> usize {
        loop {
            self.skip_blanks();
            if self.at >= self.end || self.text[self.at] == TAIL && self.place != Place::Inner {
                return end;
            }
            match self.name_at(self.at) {
                Ok(met) => {
                    self.met = Some(met);
                    return end;
                }
                Err(word_end) if &self.text[self.at..word_end] == b":" => {
                    self.at = word_end;
                    return end;
                }
                Err(word_end) => (self.at, end) = (word_end, word_end),
            }
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let token = self.next_token()?;
        let value = Value { raw: token.value.of(self.text), form: token.form };
        Some(Field { name: token.name, key: token.key.of(self.text), value, place: token.place })
    }
}

fn of_era(name: Name, era: Era) -> Name {
    match (name, era) {
        (name::AUID, Era::Old) => name::OLD_AUID,
        (name::AUID, Era::New) => name::NEW_AUID,
        (name::SES, Era::Old) => name::OLD_SES,
        (name::SES, Era::New) => name::NEW_SES,
        _ => name,
    }
}
