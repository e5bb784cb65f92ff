//! One tantivy segment with its columns opened once.
//!
//! Only this file and `writer` know how tantivy is asked; queries, sorts and aggregations see columns, sets of documents
//! and dictionaries. Nothing here decides what matches.

use std::sync::{Arc, OnceLock};

use roaring::RoaringBitmap;
use schema::event::Value;
use schema::field::{self, Field, Kind};
use schema::search::FieldRef;
use schema::{EventId, IngestSeq};
use tantivy::columnar::column_index::ColumnIndex;
use tantivy::columnar::{Column, ColumnValues, StrColumn};
use tantivy::index::SegmentReader;
use tantivy::postings::{BlockSegmentPostings, TermInfo};
use tantivy::schema::IndexRecordOption;
use tantivy::store::StoreReader;

use super::schema::{AGENT, DYN, EPOCH, Fields, Home, INGEST, NUL, SEQ};
use super::split;
use crate::{Context, SearchError};

/// How many documents or terms are looked at between two looks at the deadline.
pub(super) const STRIDE: usize = 4096;

/// A segment of a window.
pub(super) struct Segment {
    reader: SegmentReader,
    fields: Arc<Fields>,
    columns: Box<[OnceLock<Option<Values>>]>,
    dynamic: OnceLock<Option<Values>>,
    ids: OnceLock<Option<Ids>>,
    ingest: OnceLock<Option<Column<u64>>>,
    names: OnceLock<Vec<String>>,
}

/// The values of one field.
#[derive(Clone)]
pub(super) enum Values {
    Text(StrColumn),
    Long(Column<i64>),
    Double(Column<f64>),
    Bool(Column<bool>),
}

struct Ids {
    agent: StrColumn,
    epoch: Column<u64>,
    seq: Column<u64>,
}

impl Segment {
    pub(super) fn new(reader: SegmentReader, fields: Arc<Fields>) -> Self {
        let columns = Field::all().map(|_| OnceLock::new()).collect();
        Self {
            reader,
            fields,
            columns,
            dynamic: OnceLock::new(),
            ids: OnceLock::new(),
            ingest: OnceLock::new(),
            names: OnceLock::new(),
        }
    }

    /// Documents in it; their numbers are `0..documents`.
    pub(super) fn documents(&self) -> u32 {
        self.reader.max_doc()
    }

    pub(super) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// All documents.
    pub(super) fn all(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.documents());
        all
    }

    /// The column of a catalogue field, if it is of the field's kind and has values.
    pub(super) fn values(&self, field: Field) -> Result<Option<&Values>, SearchError> {
        if !matches!(self.fields.home(field), Home::Here(_)) {
            return Ok(None);
        }
        self.opened(&self.columns[field.index()], field.name(), field.kind())
    }

    /// The shared column of names outside the catalogue.
    pub(super) fn dynamic(&self) -> Result<Option<&Values>, SearchError> {
        self.opened(&self.dynamic, DYN, Kind::Keyword)
    }

    fn opened<'a>(
        &self,
        slot: &'a OnceLock<Option<Values>>,
        name: &str,
        kind: Kind,
    ) -> Result<Option<&'a Values>, SearchError> {
        if let Some(values) = slot.get() {
            return Ok(values.as_ref());
        }
        let opened = self.open(name, kind)?;
        Ok(slot.get_or_init(|| opened).as_ref())
    }

    fn open(&self, name: &str, kind: Kind) -> Result<Option<Values>, SearchError> {
        let columns = self.reader.fast_fields();
        let values = match kind {
            Kind::Keyword | Kind::Path | Kind::Ip | Kind::Flattened => columns.str(name)?.map(Values::Text),
            Kind::Long | Kind::Date => columns.column_opt(name)?.map(Values::Long),
            Kind::Double => columns.column_opt(name)?.map(Values::Double),
            Kind::Bool => columns.column_opt(name)?.map(Values::Bool),
            Kind::Text | Kind::Stored | Kind::Structured => None,
        };
        Ok(values.filter(|values| !values.is_empty()))
    }

    /// Where the values of a field named in a search lie: the column, and the key in it if it is a keyed one.
    pub(super) fn place<'a>(
        &'a self,
        field: &'a FieldRef,
    ) -> Result<Option<(&'a Values, Option<&'a str>)>, SearchError> {
        Ok(match field {
            FieldRef::Known(known) if self.fields.home(*known) == Home::Dynamic => {
                self.dynamic()?.map(|values| (values, Some(known.name())))
            }
            FieldRef::Known(known) => self.values(*known)?.map(|values| (values, None)),
            FieldRef::Keyed(known, key) => self.values(*known)?.map(|values| (values, Some(key.as_str()))),
            FieldRef::Other(name) => self.dynamic()?.map(|values| (values, Some(name.as_str()))),
        })
    }

    /// The tantivy field with the postings of a field named in a search, and the key in front of its terms.
    pub(super) fn postings_of<'a>(&self, field: &'a FieldRef) -> Option<(tantivy::schema::Field, Option<&'a str>)> {
        match field {
            FieldRef::Known(known) => match self.fields.home(*known) {
                Home::Here(column) => Some((column, None)),
                Home::Dynamic => Some((self.fields.dynamic, Some(known.name()))),
                Home::Changed => None,
            },
            FieldRef::Keyed(known, key) => match self.fields.home(*known) {
                Home::Here(column) => Some((column, Some(key))),
                Home::Dynamic | Home::Changed => None,
            },
            FieldRef::Other(name) => Some((self.fields.dynamic, Some(name))),
        }
    }

    /// Documents with this term.
    pub(super) fn with_term(&self, column: tantivy::schema::Field, term: &str) -> Result<RoaringBitmap, SearchError> {
        let index = self.reader.inverted_index(column)?;
        match index.terms().get(term.as_bytes())? {
            Some(info) => docs_of(&index.read_block_postings_from_terminfo(&info, IndexRecordOption::Basic)?),
            None => Ok(RoaringBitmap::new()),
        }
    }

    /// How many documents have this term.
    pub(super) fn count_with_term(&self, column: tantivy::schema::Field, term: &str) -> Result<u32, SearchError> {
        let index = self.reader.inverted_index(column)?;
        Ok(index.terms().get(term.as_bytes())?.map_or(0, |info| info.doc_freq))
    }

    /// Documents with a term that begins with `prefix` and passes `test`, which gets the term without the prefix.
    pub(super) fn with_terms(
        &self,
        column: tantivy::schema::Field,
        prefix: &str,
        context: &Context,
        test: &mut dyn FnMut(&str) -> bool,
    ) -> Result<RoaringBitmap, SearchError> {
        let index = self.reader.inverted_index(column)?;
        let mut found: Vec<TermInfo> = Vec::new();
        let mut range = index.terms().range();
        if !prefix.is_empty() {
            range = range.ge(prefix.as_bytes());
        }
        let mut terms = range.into_stream()?;
        let mut looked = 0_usize;
        while terms.advance() {
            let Some(rest) = terms.key().strip_prefix(prefix.as_bytes()) else { break };
            looked += 1;
            if looked.is_multiple_of(STRIDE) {
                context.check()?;
            }
            if str::from_utf8(rest).is_ok_and(&mut *test) {
                found.push(terms.value().clone());
            }
        }
        let mut docs = RoaringBitmap::new();
        for (at, info) in found.iter().enumerate() {
            if at.is_multiple_of(STRIDE) {
                context.check()?;
            }
            docs |= docs_of(&index.read_block_postings_from_terminfo(info, IndexRecordOption::Basic)?)?;
        }
        Ok(docs)
    }

    /// Documents whose values of this field postings and columns cannot answer for.
    pub(super) fn odd(&self, field: Field) -> Result<RoaringBitmap, SearchError> {
        self.with_term(self.fields.odd, split::odd_name(field))
    }

    /// Documents with a long token.
    pub(super) fn odd_words(&self) -> Result<RoaringBitmap, SearchError> {
        self.with_term(self.fields.odd, super::schema::WORDS)
    }

    /// Documents with a field that lies in the rest.
    pub(super) fn has(&self, field: Field) -> Result<RoaringBitmap, SearchError> {
        self.with_term(self.fields.has, field.name())
    }

    fn ids(&self) -> Result<Option<&Ids>, SearchError> {
        if let Some(ids) = self.ids.get() {
            return Ok(ids.as_ref());
        }
        let columns = self.reader.fast_fields();
        let opened = match (columns.str(AGENT)?, columns.column_opt(EPOCH)?, columns.column_opt(SEQ)?) {
            (Some(agent), Some(epoch), Some(seq)) => Some(Ids { agent, epoch, seq }),
            _ => None,
        };
        Ok(self.ids.get_or_init(|| opened).as_ref())
    }

    /// `event.id` of a document where it is one of ours.
    pub(super) fn id(&self, doc: u32) -> Result<Option<EventId>, SearchError> {
        let Some(ids) = self.ids()? else { return Ok(None) };
        let (Some(agent), Some(epoch), Some(seq)) =
            (ids.agent.term_ords(doc).next(), ids.epoch.first(doc), ids.seq.first(doc))
        else {
            return Ok(None);
        };
        let mut text = String::new();
        ids.agent.ord_to_str(agent, &mut text)?;
        let epoch = u32::try_from(epoch).unwrap_or(u32::MAX);
        Ok(text.parse().ok().map(|agent| EventId::from_sequence(agent, epoch, seq)))
    }

    /// `event.id` of a document as text, whoever made it; empty where it has none in a column.
    pub(super) fn id_text(&self, doc: u32) -> Result<String, SearchError> {
        if let Some(id) = self.id(doc)? {
            return Ok(id.to_string());
        }
        let mut text = String::new();
        if let Some(Values::Text(column)) = self.values(field::EVENT_ID)?
            && let Some(ord) = column.term_ords(doc).next()
        {
            column.ord_to_str(ord, &mut text)?;
        }
        Ok(text)
    }

    /// Documents whose id is one of ours.
    pub(super) fn with_own_id(&self) -> Result<RoaringBitmap, SearchError> {
        let Some(ids) = self.ids()? else { return Ok(RoaringBitmap::new()) };
        Ok(self.present(&ids.seq.index))
    }

    /// The document with this id, if it is here: the agent's postings, then two columns.
    pub(super) fn find(&self, id: EventId) -> Result<RoaringBitmap, SearchError> {
        let Some(ids) = self.ids()? else { return Ok(RoaringBitmap::new()) };
        if id.sequence() < ids.seq.min_value() || id.sequence() > ids.seq.max_value() {
            return Ok(RoaringBitmap::new());
        }
        let docs = self.with_term(self.fields.agent, &id.agent.to_string())?;
        let same = |doc: &u32| {
            ids.seq.first(*doc) == Some(id.sequence()) && ids.epoch.first(*doc) == Some(u64::from(id.epoch))
        };
        Ok(docs.into_iter().filter(same).collect())
    }

    /// The ingest order of a document.
    pub(super) fn seq(&self, doc: u32) -> Result<IngestSeq, SearchError> {
        Ok(IngestSeq(self.ingest()?.and_then(|column| column.first(doc)).unwrap_or(0)))
    }

    fn ingest(&self) -> Result<Option<&Column<u64>>, SearchError> {
        if let Some(ingest) = self.ingest.get() {
            return Ok(ingest.as_ref());
        }
        let opened = self.reader.fast_fields().column_opt(INGEST)?;
        Ok(self.ingest.get_or_init(|| opened).as_ref())
    }

    /// Names of the fields in it, found once.
    pub(super) fn names(
        &self,
        find: impl FnOnce() -> Result<Vec<String>, SearchError>,
    ) -> Result<&[String], SearchError> {
        if self.names.get().is_none() {
            let found = find()?;
            self.names.get_or_init(|| found);
        }
        Ok(self.names.get().map_or(&[], Vec::as_slice))
    }

    /// Documents that have an entry in a column.
    pub(super) fn present(&self, index: &ColumnIndex) -> RoaringBitmap {
        match index {
            ColumnIndex::Empty { .. } => RoaringBitmap::new(),
            ColumnIndex::Full => self.all(),
            index => (0..self.documents()).filter(|&doc| index.has_value(doc)).collect(),
        }
    }

    /// Reads blobs; `blocks` of 32 KiB are kept unpacked.
    pub(super) fn blobs(&self, blocks: usize) -> Result<StoreReader, SearchError> {
        Ok(self.reader.get_store_reader(blocks)?)
    }

    /// Keys of a keyed column that begin with `prefix`, each once, until `limit`.
    pub(super) fn keys(values: &Values, prefix: &str, limit: usize) -> Result<Vec<String>, SearchError> {
        let Values::Text(column) = values else { return Ok(Vec::new()) };
        let mut keys: Vec<String> = Vec::new();
        let mut from = prefix.as_bytes().to_vec();
        while keys.len() < limit {
            let mut terms = column.dictionary().range().ge(&from).into_stream()?;
            if !terms.advance() || !terms.key().starts_with(prefix.as_bytes()) {
                break;
            }
            let Some(key) = str::from_utf8(terms.key()).ok().and_then(|term| term.split_once(NUL)) else { break };
            from = key.0.as_bytes().to_vec();
            from.push(1);
            keys.push(key.0.to_owned());
        }
        Ok(keys)
    }
}

impl Values {
    pub(super) fn index(&self) -> &ColumnIndex {
        match self {
            Self::Text(column) => &column.ords().index,
            Self::Long(column) => &column.index,
            Self::Double(column) => &column.index,
            Self::Bool(column) => &column.index,
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Text(column) => column.ords().values.num_vals() == 0,
            Self::Long(column) => column.values.num_vals() == 0,
            Self::Double(column) => column.values.num_vals() == 0,
            Self::Bool(column) => column.values.num_vals() == 0,
        }
    }
}

/// Reads the values of documents, which ascend, from a column in which each has one. A stretch without gaps is unpacked at
/// once, several times quicker than value by value.
pub(super) fn read<T: PartialOrd + 'static>(values: &dyn ColumnValues<T>, docs: &[u32], out: &mut [T]) {
    match (docs.first(), docs.last()) {
        (Some(&first), Some(&last)) if last.checked_sub(first).is_some_and(|gap| gap as usize + 1 == docs.len()) => {
            values.get_range(u64::from(first), out);
        }
        _ => values.get_vals(docs, out),
    }
}

/// The ordinals of a keyed column that belong to a key.
pub(super) fn ordinals(column: &StrColumn, key: &str) -> Result<std::ops::Range<u64>, SearchError> {
    let ordinal = |bound: &[u8]| -> Result<u64, SearchError> {
        use tantivy::columnar::TermOrdHit;
        Ok(match column.dictionary().term_ord_or_next(bound)? {
            TermOrdHit::Exact(ord) => ord,
            TermOrdHit::Next(ord) => ord.min(column.dictionary().num_terms() as u64),
        })
    };
    let from = format!("{key}{NUL}");
    let to = format!("{key}\u{1}");
    Ok(ordinal(from.as_bytes())?..ordinal(to.as_bytes())?)
}

/// Calls `each` with every term of the column that begins with `prefix`, in order.
pub(super) fn for_each_term(
    column: &StrColumn,
    prefix: &str,
    context: &Context,
    mut each: impl FnMut(u64, &str),
) -> Result<(), SearchError> {
    let range = column.dictionary().range();
    let range = if prefix.is_empty() { range } else { range.ge(prefix.as_bytes()) };
    let mut terms = range.into_stream()?;
    let mut looked = 0_usize;
    while terms.advance() {
        if !terms.key().starts_with(prefix.as_bytes()) {
            break;
        }
        looked += 1;
        if looked.is_multiple_of(STRIDE) {
            context.check()?;
        }
        if let Ok(term) = str::from_utf8(terms.key()) {
            each(terms.term_ord(), term);
        }
    }
    Ok(())
}

/// The terms at these ordinals, which must be sorted.
pub(super) fn terms_at(column: &StrColumn, ords: &[u64]) -> Result<Vec<String>, SearchError> {
    let mut terms = Vec::with_capacity(ords.len());
    column.dictionary().sorted_ords_to_term_cb(ords, |term| terms.push(String::from_utf8_lossy(term).into_owned()))?;
    Ok(terms)
}

/// A value of a keyed column without its key.
pub(super) fn without_key<'a>(term: &'a str, key: &str) -> Value<'a> {
    split::keyed_value(term.get(key.len() + 1..).unwrap_or(""))
}

fn docs_of(postings: &BlockSegmentPostings) -> Result<RoaringBitmap, SearchError> {
    let mut postings = postings.clone();
    let mut docs = Vec::with_capacity(postings.doc_freq() as usize);
    while postings.block_len() > 0 {
        docs.extend_from_slice(postings.docs());
        postings.advance();
    }
    RoaringBitmap::from_sorted_iter(docs)
        .map_err(|error| SearchError::Failed(format!("postings out of order: {error}")))
}
