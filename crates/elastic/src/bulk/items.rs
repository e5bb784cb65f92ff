//! Reading a body item by item.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserializer as _, IgnoredAny, MapAccess, Visitor};

use super::Action;

/// One item of a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item<'a> {
    /// What to do.
    pub action: Action,
    /// `_index`, if the action line names one.
    pub index: Option<Cow<'a, str>>,
    /// `_id`, if the action line names one.
    pub id: Option<Cow<'a, str>>,
    /// The document line without its line end, not looked at; `None` for `delete`, which has none.
    pub document: Option<&'a [u8]>,
    /// Where the action line begins in the body.
    pub at: usize,
}

/// A body that is refused whole.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line} (byte {at}): {reason}")]
pub struct BadBody {
    /// Which line, from 1.
    pub line: usize,
    /// Where that line begins in the body.
    pub at: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// The items of a body in order. After an error nothing more comes. Blank lines between items are passed over.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    body: &'a [u8],
    at: usize,
    line: usize,
    failed: bool,
}

impl<'a> Items<'a> {
    /// Begins to read a body.
    #[must_use]
    pub fn new(body: &'a [u8]) -> Self {
        Self { body, at: 0, line: 0, failed: false }
    }

    /// The next line without its end; `None` at the end of the body.
    fn take_line(&mut self) -> Option<(usize, &'a [u8])> {
        let rest = self.body.get(self.at..).filter(|rest| !rest.is_empty())?;
        let at = self.at;
        let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        self.at += len + 1;
        self.line += 1;
        let line = &rest[..len];
        Some((at, line.strip_suffix(b"\r").unwrap_or(line)))
    }

    fn fail(&mut self, at: usize, reason: impl Into<String>) -> BadBody {
        self.failed = true;
        BadBody { line: self.line, at, reason: reason.into() }
    }

    fn item(&mut self) -> Option<Result<Item<'a>, BadBody>> {
        let (at, line) = loop {
            let (at, line) = self.take_line()?;
            if !line.trim_ascii().is_empty() {
                break (at, line);
            }
        };
        let head = match Head::read(line) {
            Ok(head) => head,
            Err(error) => return Some(Err(self.fail(at, format!("malformed action line: {error}")))),
        };
        let document = if head.action == Action::Delete {
            None
        } else {
            let Some((_, document)) = self.take_line() else {
                return Some(Err(self.fail(at, format!("the document of [{}] is missing", head.action))));
            };
            Some(document)
        };
        Some(Ok(Item { action: head.action, index: head.index, id: head.id, document, at }))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>, BadBody>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        // Without it nobody can tell a whole last line from one that a broken connection cut short.
        if self.at == 0 && self.body.last() != Some(&b'\n') {
            self.line = memchr::memchr_iter(b'\n', self.body).count() + 1;
            return Some(Err(self.fail(0, "the bulk request must be terminated by a newline [\\n]")));
        }
        self.item()
    }
}

impl std::iter::FusedIterator for Items<'_> {}

/// What an action line says.
struct Head<'a> {
    action: Action,
    index: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
}

impl<'a> Head<'a> {
    fn read(line: &'a [u8]) -> serde_json::Result<Self> {
        if let Some(head) = Self::read_plain(line) {
            return Ok(head);
        }
        let text = str::from_utf8(line).map_err(de::Error::custom)?;
        let mut json = serde_json::Deserializer::from_str(text);
        let head = json.deserialize_map(HeadVisitor)?;
        json.end()?;
        Ok(head)
    }

    /// The form that [`super::write_create`] and most shippers write, read without a parser: no white space, `_index` then
    /// `_id`, no escapes. Anything else is `None`, and read the slow way.
    fn read_plain(line: &'a [u8]) -> Option<Self> {
        let text = str::from_utf8(line).ok()?.strip_suffix("\"}}")?;
        let (action, rest) = if let Some(rest) = text.strip_prefix(r#"{"create":{"_index":""#) {
            (Action::Create, rest)
        } else {
            (Action::Index, text.strip_prefix(r#"{"index":{"_index":""#)?)
        };
        let (index, id) = rest.split_once(r#"","_id":""#)?;
        let plain = |text: &str| text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
        (plain(index) && plain(id)).then_some(Self { action, index: Some(index.into()), id: Some(id.into()) })
    }
}

struct HeadVisitor;

impl<'de> Visitor<'de> for HeadVisitor {
    type Value = Head<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one action")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head<'de>, A::Error> {
        let Some(Text(name)) = map.next_key()? else {
            return Err(de::Error::custom("expected an action, found an empty object"));
        };
        let action = Action::named(&name).ok_or_else(|| {
            de::Error::custom(format!("expected one of [create, delete, index, update] but found [{name}]"))
        })?;
        let mut head = Head { action, index: None, id: None };
        map.next_value_seed(Parameters(&mut head))?;
        match map.next_key::<Text<'_>>()? {
            None => Ok(head),
            Some(Text(name)) => Err(de::Error::custom(format!("one action per line, found [{name}] as well"))),
        }
    }
}

/// Fills in what stands inside the action.
struct Parameters<'h, 'a>(&'h mut Head<'a>);

impl<'de> de::DeserializeSeed<'de> for Parameters<'_, 'de> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Parameters<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the item's parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(name)) = map.next_key()? {
            match &*name {
                "_index" => self.0.index = map.next_value::<Option<Text<'de>>>()?.map(|text| text.0),
                "_id" => self.0.id = map.next_value::<Option<Text<'de>>>()?.map(|text| text.0),
                // They steer what we do not have (shards, pipelines, mappings) and change no document.
                "_type"
                | "routing"
                | "pipeline"
                | "op_type"
                | "require_alias"
                | "require_data_stream"
                | "dynamic_templates"
                | "list_executed_pipelines"
                | "retry_on_conflict" => {
                    map.next_value::<IgnoredAny>()?;
                }
                _ => return Err(de::Error::custom(format!("unknown parameter [{name}]"))),
            }
        }
        Ok(())
    }
}

/// A string, borrowed where it has no escapes; a number is its text, as Elasticsearch takes `_id: 5`.
struct Text<'a>(Cow<'a, str>);

impl<'de> de::Deserialize<'de> for Text<'de> {
    fn deserialize<D: de::Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(text.to_owned().into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
        Ok(Text(number.to_string().into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
        Ok(Text(number.to_string().into()))
    }
}
