//! The slab that holds the lives, and what they weigh.
//!
//! Slots stand in blocks that never move, so growing copies nothing and a full table weighs what it holds. Strings are shared
//! ([`Image`], places, folders) and counted once.

use std::sync::Arc;

use super::Life;
use super::life::{Image, Where};

/// Names a life as long as the table knows it; never another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Key {
    index: u32,
    /// Odd, so never zero: an optional key needs no more room.
    generation: std::num::NonZeroU32,
}

/// Lives in one block.
const BLOCK: usize = 1024;
/// Beside its slot a life has a place and a file of its own (with the counts of their [`Arc`]s) and its share of the index by
/// pid and of the queues: 16 bytes each, and half again for what they keep free.
const BESIDE: usize = size_of::<Where>() + 32 + size_of::<super::hash::FileId>() + 32 + 3 * 24;

#[derive(Debug)]
struct Slot {
    generation: std::num::NonZeroU32,
    life: Option<Life>,
}

/// Lives by key, with their bytes added up.
#[derive(Debug, Default)]
pub(super) struct Lives {
    blocks: Vec<Vec<Slot>>,
    free: Vec<u32>,
    strings: usize,
}

impl Lives {
    pub(super) fn insert(&mut self, life: Life) -> Key {
        self.hold(&life);
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.slot_mut(index)
        {
            slot.life = Some(life);
            return Key { index, generation: slot.generation };
        }
        let slot = Slot { generation: std::num::NonZeroU32::MIN, life: Some(life) };
        match self.blocks.last_mut().filter(|block| block.len() < BLOCK) {
            Some(block) => block.push(slot),
            None => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(slot);
                self.blocks.push(block);
            }
        }
        // The table's bound is far below 2^32 lives.
        Key { index: u32::try_from(self.slots() - 1).unwrap_or(u32::MAX), generation: std::num::NonZeroU32::MIN }
    }

    pub(super) fn get(&self, key: Key) -> Option<&Life> {
        let slot = self.blocks.get(key.index as usize / BLOCK)?.get(key.index as usize % BLOCK)?;
        slot.life.as_ref().filter(|_| slot.generation == key.generation)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Life> {
        let slot = self.slot_mut(key.index)?;
        slot.life.as_mut().filter(|_| slot.generation == key.generation)
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Life> {
        let slot = self.slot_mut(key.index)?;
        if slot.generation != key.generation {
            return None;
        }
        let life = slot.life.take()?;
        slot.generation = slot.generation.checked_add(2).unwrap_or(std::num::NonZeroU32::MIN);
        self.free.push(key.index);
        self.release(&life);
        Some(life)
    }

    /// The life in a slot, for going round.
    pub(super) fn nth(&self, index: usize) -> Option<(Key, &Life)> {
        let slot = self.blocks.get(index / BLOCK)?.get(index % BLOCK)?;
        let key = Key { index: u32::try_from(index).ok()?, generation: slot.generation };
        slot.life.as_ref().map(|life| (key, life))
    }

    pub(super) fn slots(&self) -> usize {
        self.blocks.iter().map(Vec::len).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Life)> {
        (0..self.slots()).filter_map(|index| self.nth(index))
    }

    pub(super) fn len(&self) -> usize {
        self.slots() - self.free.len()
    }

    /// Slots, what stands beside them, and strings.
    pub(super) fn bytes(&self) -> usize {
        self.slots() * size_of::<Slot>() + self.len() * BESIDE + self.strings
    }

    /// Gives a life another program; the one before is remembered for events that are older than the exec.
    pub(super) fn set_image(&mut self, key: Key, image: Arc<Image>) {
        let mut gone = None;
        if let Some(life) = self.get_mut(key) {
            gone = Some(std::mem::replace(&mut life.image, Arc::clone(&image)));
        }
        let fresh = Arc::strong_count(&image) == 2;
        self.strings += if fresh && gone.is_some() { image.bytes() } else { 0 };
        self.drop_image(gone);
    }

    /// At an exec: what was until now is what was before. `unknown` stands for a program and a place that were read so late
    /// that they may be those of after the exec.
    pub(super) fn set_earlier(&mut self, key: Key, at_ns: i64, unknown: (&Arc<Image>, &Arc<Where>)) {
        let Some(life) = self.get_mut(key) else { return };
        let late = life.read_ns > at_ns;
        let (image, place) = if late { unknown } else { (&life.image, &life.place) };
        let before = life.earlier.replace((Arc::clone(image), Arc::clone(place)));
        life.earlier_exec_ns = life.exec_ns;
        self.drop_image(before.map(|(image, _)| image));
    }

    pub(super) fn set_earlier_image(&mut self, key: Key, image: Arc<Image>) {
        self.strings += image.bytes();
        let Some((earlier, _)) = self.get_mut(key).and_then(|life| life.earlier.as_mut()) else { return };
        let before = std::mem::replace(earlier, image);
        self.drop_image(Some(before));
    }

    pub(super) fn set_cwd(&mut self, key: Key, cwd: Arc<super::Text>) {
        let fresh = Arc::strong_count(&cwd) == 1;
        self.strings += if fresh { cwd.len() } else { 0 };
        let Some(life) = self.get_mut(key) else { return };
        let before = life.cwd.replace(cwd);
        self.drop_cwd(before);
    }

    #[cfg(test)]
    pub(super) fn strings(&self) -> usize {
        self.strings
    }

    fn hold(&mut self, life: &Life) {
        let fresh = |count: usize, bytes: usize| if count == 1 { bytes } else { 0 };
        self.strings += fresh(Arc::strong_count(&life.image), life.image.bytes());
        self.strings += life.cwd.as_ref().map_or(0, |cwd| fresh(Arc::strong_count(cwd), cwd.len()));
        self.strings += if life.creator.is_some() { 48 } else { 0 };
    }

    fn release(&mut self, life: &Life) {
        let earlier = life.earlier.as_ref().map(|(image, _)| image);
        let same = earlier.is_some_and(|image| Arc::ptr_eq(image, &life.image));
        let last = |image: &Arc<Image>, own: usize| if Arc::strong_count(image) == own { image.bytes() } else { 0 };
        let images = last(&life.image, 1 + usize::from(same))
            + earlier.filter(|_| !same).map_or(0, |image| last(image, 1))
            + life.cwd.as_ref().filter(|cwd| Arc::strong_count(cwd) == 1).map_or(0, |cwd| cwd.len())
            + if life.creator.is_some() { 48 } else { 0 };
        self.strings = self.strings.saturating_sub(images);
    }

    pub(super) fn note_creator(&mut self) {
        self.strings += 48;
    }

    fn drop_image(&mut self, image: Option<Arc<Image>>) {
        if let Some(image) = image.filter(|image| Arc::strong_count(image) == 1) {
            self.strings = self.strings.saturating_sub(image.bytes());
        }
    }

    fn drop_cwd(&mut self, cwd: Option<Arc<super::Text>>) {
        if let Some(cwd) = cwd.filter(|cwd| Arc::strong_count(cwd) == 1) {
            self.strings = self.strings.saturating_sub(cwd.len());
        }
    }

    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot> {
        self.blocks.get_mut(index as usize / BLOCK)?.get_mut(index as usize % BLOCK)
    }
}
