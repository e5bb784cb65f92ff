//! Writes events that hold catalogue fields only, as nearly all do: which objects a field lies in is known beforehand, so
//! going from one field to the next compares numbers and copies ready-made text.

use std::sync::LazyLock;

use super::{Event, Slot, is_list, push_json_string};
use crate::Field;
use crate::field::Kind;

/// Where a field stands in the document.
struct Place {
    /// The objects around it, outermost first; of a flattened field also itself.
    objects: Box<[Object]>,
    /// `"name":`; empty for a flattened field, whose keys are written instead.
    leaf: Box<str>,
}

struct Object {
    number: u16,
    /// `"name":{`
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
    let leaf = if flattened { Box::default() } else { format!("\"{}\":", last(name)).into() };
    Place { objects, leaf }
}

fn object(path: &'static str, known: &mut Vec<&'static str>) -> Object {
    let at = known.iter().position(|other| *other == path).unwrap_or_else(|| {
        known.push(path);
        known.len() - 1
    });
    // Fewer objects than fields, and those are numbered by u16.
    let number = u16::try_from(at).unwrap_or(u16::MAX);
    Object { number, opening: format!("\"{}\":{{", last(path)).into() }
}

fn last(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(_, last)| last)
}

/// Most events have fewer entries; more cost an allocation.
const ON_STACK: usize = 128;

/// Writes the slots, none of which is [`crate::field::OTHER`], as one JSON object.
pub(super) fn write(event: &Event, slots: &[Slot], out: &mut String) {
    let mut stack = [0_u64; ON_STACK];
    let mut heap = Vec::new();
    let order = match stack.get_mut(..slots.len()) {
        Some(order) => order,
        None => {
            heap.resize(slots.len(), 0);
            &mut heap[..]
        }
    };
    sort(event, slots, order);
    Writer { event, out, open: &[], first: true }.write(order.iter().map(|&key| &slots[place_of(key)]));
}

/// Fills `order` with field and place in one number, in order of field, key, and pushing.
fn sort(event: &Event, slots: &[Slot], order: &mut [u64]) {
    for (at, (slot, key)) in slots.iter().zip(order.iter_mut()).enumerate() {
        *key = (slot.field.index() as u64) << 32 | at as u64;
    }
    order.sort_unstable();
    for run in order.chunk_by_mut(|a, b| a >> 32 == b >> 32) {
        let key = |key: &u64| event.piece(slots[place_of(*key)].key);
        if run.len() > 1 && slots[place_of(run[0])].field.kind() == Kind::Flattened {
            // The first byte decides most comparisons without a call.
            let first = |key: &str| key.as_bytes().first().copied();
            run.sort_by(|a, b| first(key(a)).cmp(&first(key(b))).then_with(|| key(a).cmp(key(b))));
        }
    }
}

/// Keys of equal length mostly differ in the last byte (`a0`, `a1`).
fn same_key(a: &str, b: &str) -> bool {
    a.as_bytes().last() == b.as_bytes().last() && a == b
}

fn place_of(key: u64) -> usize {
    // The lower half is an index into the slots.
    usize::try_from(key & u64::from(u32::MAX)).unwrap_or(usize::MAX)
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
            self.comma();
            self.out.push_str(&object.opening);
            self.first = true;
        }
        self.open = &place.objects;
        self.comma();
        match key {
            Some(key) => {
                push_json_string(key, self.out);
                self.out.push(':');
            }
            None => self.out.push_str(&place.leaf),
        }
    }

    fn close(&mut self, to: usize) {
        for _ in to..self.open.len() {
            self.out.push('}');
            self.first = false;
        }
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
    }
}
