//! A bounded map that keeps what was used last: two generations, of which the older one goes when the younger one is full.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// At most `bound` entries; at least the last `bound / 2` that were used are there.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    bound: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Recent<K, V> {
    pub(crate) fn new(bound: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), bound }
    }

    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if let Some(found) = self.young.get(key) {
            return Some(found.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.put(key, value.clone());
        Some(value)
    }

    pub(crate) fn has<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.young.contains_key(key) || self.old.contains_key(key)
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.bound / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    /// Changes entries: `None` leaves one as it is.
    pub(crate) fn change(&mut self, mut with: impl FnMut(&V) -> Option<V>) {
        for value in self.young.values_mut().chain(self.old.values_mut()) {
            if let Some(other) = with(value) {
                *value = other;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_bound_holds() {
        let mut recent = Recent::new(100);
        for n in 0..10_000 {
            recent.put(n, n);
            assert_eq!(recent.get(&0), Some(0));
            assert!(recent.young.len() + recent.old.len() <= 100);
        }
        assert_eq!(recent.get(&5_000), None);
        recent.change(|n| (*n == 0).then_some(7));
        assert_eq!((recent.get(&0), recent.get(&9_999)), (Some(7), Some(9_999)));
    }
}
