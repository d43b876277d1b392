//! Values that many share, by number.

use std::{
    collections::BTreeMap,
    ops::{Index, IndexMut},
};

/// Values by a key and by a small number, kept while somebody holds them.
///
/// Numbers are given again, so that arrays over them stay as small as the most that lived at once.
#[derive(Clone, Debug)]
pub(crate) struct Interner<K, V> {
    ids: BTreeMap<K, u32>,
    slots: Vec<Option<Slot<K, V>>>,
    free: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Slot<K, V> {
    key: K,
    value: V,
    holders: u32,
}

impl<K, V> Default for Interner<K, V> {
    fn default() -> Self {
        Self {
            ids: BTreeMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<K: Ord + Clone, V> Interner<K, V> {
    /// Holds the value of a key that is known.
    pub(crate) fn hold(&mut self, key: &K) -> Option<u32> {
        let id = *self.ids.get(key)?;
        if let Some(Some(slot)) = self.slots.get_mut(id as usize) {
            slot.holders = slot.holders.saturating_add(1);
        }
        Some(id)
    }

    /// Returns how many hold a value.
    pub(crate) fn holders(&self, id: u32) -> u32 {
        let slot = self.slots.get(id as usize).and_then(Option::as_ref);
        slot.map_or(0, |slot| slot.holders)
    }

    /// Takes a value in, held once.
    pub(crate) fn insert(&mut self, key: K, value: V) -> u32 {
        let slot = Some(Slot {
            key: key.clone(),
            value,
            holders: 1,
        });
        let id = if let Some(id) = self.free.pop() {
            self.slots[id as usize] = slot;
            id
        } else {
            self.slots.push(slot);
            u32::try_from(self.slots.len())
                .expect("four billion do not fit into memory")
                .saturating_sub(1)
        };
        self.ids.insert(key, id);
        id
    }

    /// Lets go; returns the value when nobody holds it any more.
    pub(crate) fn release(&mut self, id: u32) -> Option<V> {
        let place = self.slots.get_mut(id as usize)?;
        let slot = place.as_mut()?;
        slot.holders = slot.holders.saturating_sub(1);
        if slot.holders > 0 {
            return None;
        }
        let slot = place.take()?;
        self.ids.remove(&slot.key);
        self.free.push(id);
        Some(slot.value)
    }

    /// Returns the keys from one on, in order, with their numbers.
    pub(crate) fn range(&self, from: K) -> impl Iterator<Item = (&K, u32)> {
        self.ids.range(from..).map(|(key, &id)| (key, id))
    }

    pub(crate) fn find(&self, key: &K) -> Option<u32> {
        self.ids.get(key).copied()
    }

    pub(crate) fn get(&self, id: u32) -> Option<&V> {
        self.slots
            .get(id as usize)?
            .as_ref()
            .map(|slot| &slot.value)
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut V> {
        self.slots
            .get_mut(id as usize)?
            .as_mut()
            .map(|slot| &mut slot.value)
    }

    pub(crate) fn key(&self, id: u32) -> Option<&K> {
        self.slots.get(id as usize)?.as_ref().map(|slot| &slot.key)
    }

    /// Returns one more than the largest number ever given.
    pub(crate) fn bound(&self) -> usize {
        self.slots.len()
    }

    /// Returns all values with their numbers, in the order of the numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &V)> {
        (0..)
            .zip(&self.slots)
            .filter_map(|(id, slot)| Some((id, &slot.as_ref()?.value)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut V)> {
        (0..)
            .zip(&mut self.slots)
            .filter_map(|(id, slot)| Some((id, &mut slot.as_mut()?.value)))
    }
}

impl<K, V> Index<u32> for Interner<K, V> {
    type Output = V;

    fn index(&self, id: u32) -> &V {
        let slot = self.slots[id as usize].as_ref();
        &slot.expect("a number is used while it is held").value
    }
}

impl<K, V> IndexMut<u32> for Interner<K, V> {
    fn index_mut(&mut self, id: u32) -> &mut V {
        let slot = self.slots[id as usize].as_mut();
        &mut slot.expect("a number is used while it is held").value
    }
}
