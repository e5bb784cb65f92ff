//! Documents as tantivy takes them, many on one sheet of memory.
//!
//! A document is needed twice: by tantivy's thread, which indexes it, and by the writer, which keeps it until the commit that
//! makes it durable. Both share the sheet, so it is neither copied nor made again, and the allocator is asked once for
//! [`FULL`] documents instead of several times for each.
//!
//! ```text
//! Splitter -> Parts -> Sheet.push ... Sheet.seal -> Docs -> tantivy
//!                                                    \-> kept until the commit
//! ```

use std::sync::Arc;

use tantivy::schema::Field as Column;
use tantivy::schema::document::{Document, ReferenceValue, ReferenceValueLeaf};

use super::split::{Cell, Parts};

/// Documents of a sheet, and bytes of its text beyond which it takes no more. tantivy queues 10,000 sheets before it makes us wait: what is queued is bounded by
/// what is kept for the commit.
pub(super) const FULL: usize = 64;
const FULL_BYTES: usize = 1 << 20;

/// Where documents are gathered; its memory is used again.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    text: String,
    cells: Vec<(Column, Cell)>,
    places: Vec<Place>,
}

/// A sheet that is written: exactly as large as its documents.
#[derive(Debug)]
struct Sealed {
    text: Box<str>,
    cells: Box<[(Column, Cell)]>,
    places: Box<[Place]>,
}

/// Where a document begins on its sheet, and the blob of its rest; it ends where the next begins.
#[derive(Clone, Copy, Debug)]
struct Place {
    text: usize,
    rest: usize,
    end: usize,
    cells: usize,
    cells_end: usize,
}

/// A document of a sheet.
#[derive(Clone, Debug)]
pub(super) struct Doc {
    sheet: Arc<Sealed>,
    place: usize,
}

impl Sheet {
    /// Writes a document on it.
    pub(super) fn push(&mut self, parts: &Parts) {
        let (text, cells) = (self.text.len(), self.cells.len());
        self.text.push_str(parts.text());
        let rest = self.text.len();
        self.text.push_str(parts.rest());
        self.cells.extend_from_slice(parts.cells());
        self.places.push(Place { text, rest, end: self.text.len(), cells, cells_end: self.cells.len() });
    }

    pub(super) fn is_full(&self) -> bool {
        self.places.len() >= FULL || self.text.len() >= FULL_BYTES
    }

    /// Appends its documents to `docs` and is empty then.
    pub(super) fn seal(&mut self, docs: &mut Vec<Doc>) {
        if self.places.is_empty() {
            return;
        }
        let sealed = Sealed {
            text: self.text.as_str().into(),
            cells: self.cells.as_slice().into(),
            places: self.places.as_slice().into(),
        };
        let sheet = Arc::new(sealed);
        docs.extend((0..self.places.len()).map(|place| Doc { sheet: sheet.clone(), place }));
        self.text.clear();
        self.cells.clear();
        self.places.clear();
    }
}

impl Document for Doc {
    type Value<'a> = Leaf<'a>;
    type FieldsValuesIter<'a> = Cells<'a>;

    fn iter_fields_and_values(&self) -> Cells<'_> {
        let place = self.sheet.places[self.place];
        Cells {
            text: &self.sheet.text[place.text..place.rest],
            rest: &self.sheet.text[place.rest..place.end],
            at: self.sheet.cells[place.cells..place.cells_end].iter(),
        }
    }
}

/// The cells of a [`Doc`] for tantivy.
pub(super) struct Cells<'a> {
    text: &'a str,
    rest: &'a str,
    at: std::slice::Iter<'a, (Column, Cell)>,
}

impl<'a> Iterator for Cells<'a> {
    type Item = (Column, Leaf<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let &(column, cell) = self.at.next()?;
        Some((column, Leaf(cell.leaf(self.text, self.rest))))
    }
}

/// A leaf as tantivy's document trait wants it.
#[derive(Clone, Debug)]
pub(super) struct Leaf<'a>(ReferenceValueLeaf<'a>);

impl<'a> tantivy::schema::document::Value<'a> for Leaf<'a> {
    type ArrayIter = std::iter::Empty<Self>;
    type ObjectIter = std::iter::Empty<(&'a str, Self)>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        ReferenceValue::Leaf(self.0.clone())
    }
}
