//! Writes events that hold catalogue fields only, as nearly all do: which objects a field lies in is known beforehand, so
//! going from one field to the next compares numbers and copies ready-made text.

use std::sync::LazyLock;

use super::{Event, Slot, is_list, push_json_string};
use crate::Field;
use crate::field::{self, Kind};

/// Where a field stands in the document.
struct Place {
    /// The objects around it, outermost first; of a flattened field also itself.
    objects: Box<[Object]>,
    /// `,"name":`; empty for a flattened field, whose keys are written instead.
    leaf: Box<str>,
}

struct Object {
    number: u16,
    /// `,"name":{`
    opening: Box<str>,
}

static PLACES: LazyLock<Box<[Place]>> = LazyLock::new(|| {
    let mut known: Vec<&'static str> = Vec::new();
    Field::all().map(|field| place(field, &mut known)).collect()
});

fn place(field: Field, known: &mut Vec<&'static str>) -> Place {
    let name = field.name();
    let flattened = field.kind() == Kind::Flattened;
    let ends = name.match_indices('.').map(|(dot, _)| dot).chain(flattened.then_some(name.len()));
    let objects = ends.map(|end| object(&name[..end], known)).collect();
    let leaf = if flattened { Box::default() } else { format!(",\"{}\":", last(name)).into() };
    Place { objects, leaf }
}

fn object(path: &'static str, known: &mut Vec<&'static str>) -> Object {
    let at = known.iter().position(|other| *other == path).unwrap_or_else(|| {
        known.push(path);
        known.len() - 1
    });
    // Fewer objects than fields, and those are numbered by u16.
    let number = u16::try_from(at).unwrap_or(u16::MAX);
    Object { number, opening: format!(",\"{}\":{{", last(path)).into() }
}

fn last(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(_, last)| last)
}

/// Most events have fewer entries; more cost an allocation.
const ON_STACK: usize = 128;
const FIELDS: usize = field::COUNT as usize;

/// Writes the slots, none of which is [`field::OTHER`], as one JSON object.
pub(super) fn write(event: &Event, slots: &[Slot], out: &mut String) {
    let mut stack = [0; 2 * ON_STACK];
    let mut heap = Vec::new();
    let memory = match stack.get_mut(..2 * slots.len()) {
        Some(memory) => memory,
        None => {
            heap.resize(2 * slots.len(), 0);
            &mut heap[..]
        }
    };
    let (order, next) = memory.split_at_mut(slots.len());
    sort(event, slots, order, next);
    Writer { event, out, open: &[], first: true }.write(order.iter().map(|&at| &slots[at]));
}

/// Fills `order` with the places of the slots, in order of field, key, and pushing.
fn sort(event: &Event, slots: &[Slot], order: &mut [usize], next: &mut [usize]) {
    let rings = Rings::of(slots, next);
    let mut rest = order;
    for field in rings.fields() {
        let len = rings.unroll(field, rest);
        let (places, behind) = rest.split_at_mut(len);
        if len > 1 && slots[places[0]].field.kind() == Kind::Flattened {
            sort_keys(event, slots, places);
        }
        rest = behind;
    }
}

/// The slots of each field chained in a ring, in the order of pushing: they come in order of their fields without a
/// comparison.
struct Rings<'m> {
    /// A bit for each field that has a ring.
    present: [u64; FIELDS.div_ceil(64)],
    /// The last slot of each ring.
    last: [usize; FIELDS],
    /// Behind each slot the next one of its field, behind the last one the first.
    next: &'m mut [usize],
}

impl<'m> Rings<'m> {
    fn of(slots: &[Slot], next: &'m mut [usize]) -> Self {
        let mut rings = Self { present: [0; FIELDS.div_ceil(64)], last: [0; FIELDS], next };
        for (at, slot) in slots.iter().enumerate() {
            rings.push(slot.field.index(), at);
        }
        rings
    }

    fn push(&mut self, field: usize, at: usize) {
        let (word, bit) = (&mut self.present[field / 64], 1 << (field % 64));
        let first = if *word & bit == 0 { at } else { std::mem::replace(&mut self.next[self.last[field]], at) };
        self.next[at] = first;
        self.last[field] = at;
        *word |= bit;
    }

    fn fields(&self) -> impl Iterator<Item = usize> + use<> {
        self.present.into_iter().enumerate().flat_map(|(word, bits)| {
            let rest = std::iter::successors(Some(bits), |rest| (*rest != 0).then(|| rest & (rest - 1)));
            rest.take_while(|&rest| rest != 0).map(move |rest| 64 * word + rest.trailing_zeros() as usize)
        })
    }

    /// Writes the places of a field's slots; gives how many they are.
    fn unroll(&self, field: usize, places: &mut [usize]) -> usize {
        let last = self.last[field];
        let mut at = self.next[last];
        for (len, place) in places.iter_mut().enumerate() {
            *place = at;
            if at == last {
                return len + 1;
            }
            at = self.next[at];
        }
        places.len()
    }
}

fn sort_keys(event: &Event, slots: &[Slot], places: &mut [usize]) {
    let key = |at: &usize| event.piece(slots[*at].key);
    // The first byte decides most comparisons without a call.
    let first = |key: &str| key.as_bytes().first().copied();
    places.sort_by(|a, b| first(key(a)).cmp(&first(key(b))).then_with(|| key(a).cmp(key(b))));
}

/// Keys of equal length mostly differ in the last byte (`a0`, `a1`).
fn same_key(a: &str, b: &str) -> bool {
    a.as_bytes().last() == b.as_bytes().last() && a == b
}

struct Writer<'a> {
    event: &'a Event,
    out: &'a mut String,
    /// The objects that are open.
    open: &'static [Object],
    /// Nothing written yet in the innermost open object.
    first: bool,
}

impl<'a> Writer<'a> {
    fn write(mut self, slots: impl Iterator<Item = &'a Slot>) {
        let places = &**PLACES;
        let event = self.event;
        let mut slots = slots.peekable();
        self.out.push('{');
        while let Some(slot) = slots.next() {
            let Some(place) = places.get(slot.field.index()) else { continue };
            let info = slot.field.info();
            let flattened = info.kind == Kind::Flattened;
            self.name(place, flattened.then(|| event.piece(slot.key)));
            let same = |next: &Slot| {
                next.field == slot.field && (!flattened || same_key(event.piece(next.key), event.piece(slot.key)))
            };
            let several = slots.peek().is_some_and(|next| same(next));
            let list = several || (info.many && !is_list(event, slot.value));
            if list {
                self.out.push('[');
            }
            event.write_value(slot.value, self.out);
            while let Some(next) = slots.next_if(|next| same(next)) {
                self.out.push(',');
                event.write_value(next.value, self.out);
            }
            if list {
                self.out.push(']');
            }
        }
        self.close(0);
        self.out.push('}');
    }

    fn name(&mut self, place: &'static Place, key: Option<&str>) {
        let common = self.open.iter().zip(&place.objects).take_while(|(a, b)| a.number == b.number).count();
        self.close(common);
        for object in &place.objects[common..] {
            self.separated(&object.opening);
            self.first = true;
        }
        self.open = &place.objects;
        match key {
            Some(key) => {
                self.separated(",");
                push_json_string(key, self.out);
                self.out.push(':');
            }
            None => self.separated(&place.leaf),
        }
    }

    fn close(&mut self, to: usize) {
        for _ in to..self.open.len() {
            self.out.push('}');
            self.first = false;
        }
    }

    /// Writes text that begins with a comma, without it if nothing stands before.
    fn separated(&mut self, text: &'static str) {
        let comma = usize::from(std::mem::take(&mut self.first));
        self.out.push_str(&text[comma..]);
    }
}
