//! The tantivy schema of a window, and how to find a field in it.
//!
//! A window keeps the catalogue that it was written with (`schema.json`) and is read by name: a catalogue that has grown
//! or whose places moved since does not matter. A field whose kind changed is told apart ([`Fields::home`] gives
//! [`Home::Changed`]) and is then answered event by event.
//!
//! | kind | postings | column | `_rest` |
//! |---|---|---|---|
//! | keyword, path, ip | whole value | yes | values that are no text, or over 8,191 bytes |
//! | long, double, bool, date | - | yes | values of another type |
//! | text | tokens | - | yes |
//! | flattened, names outside the catalogue | `key NUL value` | `key NUL value` | values that are no scalar |
//! | stored, structured | - | - | yes |
//!
//! Names outside the catalogue share one column (`_dyn`), so a document with thousands of keys costs values, not columns.
//! Beside the fields each event has `_agent`, `_epoch`, `_seq` (its id, never a term), `_ingest` (its order),
//! `_words` (tokens of all flagged fields), `_has` (names of fields that lie in `_rest`) and `_odd` (names of fields that
//! hold values which postings and columns cannot answer for: such events are looked at one by one).

use std::io;
use std::path::Path;

use schema::field::{CATALOGUE, Field, Kind};
use serde::{Deserialize, Serialize};
use tantivy::schema::{
    FAST, IndexRecordOption, NumericOptions, STORED, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer};

/// The layout that this build writes; a window with a newer one is named as unreadable.
pub(super) const FORMAT: u32 = 1;
/// Longest value, in bytes, that is a term and a column entry. tantivy silently drops terms over 65,530.
pub(super) const MAX_TERM: usize = 8191;
/// Longest key of a flattened field or name outside the catalogue that is indexed.
pub(super) const MAX_KEY: usize = 1024;
/// Separates key and value in keyed columns.
pub(super) const NUL: char = '\0';

const TOKENIZER: &str = "auditng-tokens";

pub(super) const AGENT: &str = "_agent";
pub(super) const EPOCH: &str = "_epoch";
pub(super) const SEQ: &str = "_seq";
pub(super) const INGEST: &str = "_ingest";
pub(super) const WORDS: &str = "_words";
pub(super) const DYN: &str = "_dyn";
pub(super) const HAS: &str = "_has";
pub(super) const ODD: &str = "_odd";
pub(super) const REST: &str = "_rest";

/// The tantivy fields beside the catalogue.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    pub(super) agent: tantivy::schema::Field,
    pub(super) epoch: tantivy::schema::Field,
    pub(super) seq: tantivy::schema::Field,
    pub(super) ingest: tantivy::schema::Field,
    pub(super) words: tantivy::schema::Field,
    pub(super) dynamic: tantivy::schema::Field,
    pub(super) has: tantivy::schema::Field,
    pub(super) odd: tantivy::schema::Field,
    pub(super) rest: tantivy::schema::Field,
    /// By place in today's catalogue.
    homes: Vec<Home>,
}

/// Where a field of today's catalogue lies in a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Home {
    /// In a field of its own name and of its kind.
    Here(tantivy::schema::Field),
    /// The window is older than the field: among the names outside the catalogue.
    Dynamic,
    /// The window holds it as another kind.
    Changed,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    fields: Vec<StoredField>,
}

#[derive(Serialize, Deserialize)]
struct StoredField {
    name: String,
    kind: String,
}

/// A window's schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    #[error("cannot read schema.json: {0}")]
    Read(#[from] io::Error),
    #[error("schema.json is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    #[error("its format {0} is newer than this build's {FORMAT}")]
    Newer(u32),
    #[error("its index lacks the field {0}")]
    Lacks(String),
}

/// The schema of a new window.
pub(super) fn build() -> Schema {
    let mut builder = SchemaBuilder::new();
    for info in &CATALOGUE {
        add(&mut builder, info.name, info.kind);
    }
    builder.add_text_field(AGENT, keyword());
    builder.add_u64_field(EPOCH, FAST);
    builder.add_u64_field(SEQ, FAST);
    builder.add_u64_field(INGEST, FAST);
    builder.add_text_field(WORDS, tokens());
    builder.add_text_field(DYN, keyword());
    builder.add_text_field(HAS, postings_only());
    builder.add_text_field(ODD, postings_only());
    builder.add_text_field(REST, STORED);
    builder.build()
}

fn add(builder: &mut SchemaBuilder, name: &str, kind: Kind) {
    let column = NumericOptions::from(FAST);
    match kind {
        Kind::Keyword | Kind::Path | Kind::Ip | Kind::Flattened => builder.add_text_field(name, keyword()),
        Kind::Text => builder.add_text_field(name, tokens()),
        // Milliseconds as a plain number: tantivy's own dates end in the year 2262 and refuse the document beyond.
        Kind::Long | Kind::Date => builder.add_i64_field(name, column),
        Kind::Double => builder.add_f64_field(name, column),
        Kind::Bool => builder.add_bool_field(name, column),
        Kind::Stored | Kind::Structured => return,
    };
}

fn indexing(tokenizer: &str) -> TextFieldIndexing {
    TextFieldIndexing::default()
        .set_tokenizer(tokenizer)
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::Basic)
}

fn keyword() -> TextOptions {
    TextOptions::default().set_indexing_options(indexing("raw")).set_fast("raw")
}

fn postings_only() -> TextOptions {
    TextOptions::default().set_indexing_options(indexing("raw"))
}

fn tokens() -> TextOptions {
    TextOptions::default().set_indexing_options(indexing(TOKENIZER))
}

/// Makes our tokenizer known to an index.
pub(super) fn register(index: &tantivy::Index) {
    index.tokenizers().register(TOKENIZER, TextAnalyzer::builder(Spaces::default()).build());
}

/// Writes `schema.json` for a new window.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    let fields =
        CATALOGUE.iter().map(|info| StoredField { name: info.name.to_owned(), kind: info.kind.name().to_owned() });
    let stored = Stored { format: FORMAT, fields: fields.collect() };
    let text = serde_json::to_string(&stored).map_err(io::Error::other)?;
    super::window::write_durably(&folder.join("schema.json"), text.as_bytes())
}

impl Fields {
    /// Reads `schema.json` beside an opened index.
    pub(super) fn read(folder: &Path, schema: &Schema) -> Result<Self, SchemaError> {
        let stored: Stored = serde_json::from_str(&std::fs::read_to_string(folder.join("schema.json"))?)?;
        if stored.format > FORMAT {
            return Err(SchemaError::Newer(stored.format));
        }
        let own = |name: &str| schema.get_field(name).map_err(|_| SchemaError::Lacks(name.to_owned()));
        let kinds: std::collections::HashMap<&str, &str> =
            stored.fields.iter().map(|field| (field.name.as_str(), field.kind.as_str())).collect();
        let home = |field: Field| match kinds.get(field.name()) {
            None => Home::Dynamic,
            Some(&kind) if kind != field.kind().name() => Home::Changed,
            Some(_) => schema.get_field(field.name()).map_or(Home::Changed, Home::Here),
        };
        Ok(Self {
            agent: own(AGENT)?,
            epoch: own(EPOCH)?,
            seq: own(SEQ)?,
            ingest: own(INGEST)?,
            words: own(WORDS)?,
            dynamic: own(DYN)?,
            has: own(HAS)?,
            odd: own(ODD)?,
            rest: own(REST)?,
            homes: Field::all().map(home).collect(),
        })
    }

    /// Where a field of the catalogue lies. Stored and structured fields have no home of their own and are
    /// [`Home::Changed`] like every field that only `_rest` can answer for.
    pub(super) fn home(&self, field: Field) -> Home {
        self.homes.get(field.index()).copied().unwrap_or(Home::Dynamic)
    }
}

/// Splits at spaces only: the tokens were made by [`super::words`] before.
#[derive(Clone, Default)]
struct Spaces {
    token: Token,
}

struct SpacesStream<'a> {
    rest: &'a str,
    token: &'a mut Token,
}

impl Tokenizer for Spaces {
    type TokenStream<'a> = SpacesStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> SpacesStream<'a> {
        self.token.reset();
        SpacesStream { rest: text, token: &mut self.token }
    }
}

impl TokenStream for SpacesStream<'_> {
    fn advance(&mut self) -> bool {
        // Tokens are short: looking at each byte is quicker than preparing a search.
        let end = self.rest.bytes().position(|byte| byte == b' ').unwrap_or(self.rest.len());
        let (token, rest) = (&self.rest[..end], self.rest.get(end + 1..).unwrap_or(""));
        self.rest = rest;
        self.token.text.clear();
        self.token.text.push_str(token);
        self.token.position = self.token.position.wrapping_add(1);
        !token.is_empty()
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
