//! A sorted map from numbers to values; two versions of one map share all that is the same in both.
//!
//! The entries lie in order, cut into chunks. A copy copies the list of chunks and none of their entries; a change
//! then copies the one chunk that it falls into. So an old snapshot stays as it is for as long as anybody reads it,
//! the next one costs what differs, and what differs is found by looking at the chunks that only one of them has.

use std::sync::Arc;

use rustc_hash::FxHashSet;

/// The most entries in a chunk: with a hundred thousand entries, a change copies about a thousand pointers to chunks
/// and as many as this of entries.
const CHUNK: usize = 128;

#[derive(Clone, Debug)]
pub(super) struct Chunks<V> {
    /// None is empty.
    chunks: Vec<Chunk<V>>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Chunk<V> {
    /// The key of its first entry.
    first: u64,
    entries: Arc<Vec<(u64, V)>>,
}

impl<V> Default for Chunks<V> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
        }
    }
}

impl<V: Clone> Chunks<V> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, key: u64) -> Option<&V> {
        let entries = &self.chunks.get(self.chunk_of(key))?.entries;
        let at = entries.binary_search_by_key(&key, |entry| entry.0).ok()?;
        Some(&entries[at].1)
    }

    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        let chunk = self.chunk_of(key);
        let entries = &self.chunks.get(chunk)?.entries;
        let at = entries.binary_search_by_key(&key, |entry| entry.0).ok()?;
        Some(&mut Arc::make_mut(&mut self.chunks[chunk].entries)[at].1)
    }

    /// Puts a value in, in place of the one that is there.
    pub(super) fn insert(&mut self, key: u64, value: V) {
        let at = self.chunk_of(key);
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(Chunk::new(vec![(key, value)]));
            self.len += 1;
            return;
        };
        let entries = Arc::make_mut(&mut chunk.entries);
        match entries.binary_search_by_key(&key, |entry| entry.0) {
            Ok(there) => entries[there].1 = value,
            Err(place) if entries.len() < CHUNK => {
                if entries.len() == entries.capacity() {
                    let more = entries.len().max(4).min(CHUNK - entries.len());
                    entries.reserve_exact(more);
                }
                entries.insert(place, (key, value));
                chunk.first = entries[0].0;
                self.len += 1;
            }
            Err(_) => {
                let behind = entries.split_off(CHUNK / 2);
                self.chunks.insert(at + 1, Chunk::new(behind));
                self.insert(key, value);
            }
        }
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<V> {
        let at = self.chunk_of(key);
        let chunk = self.chunks.get_mut(at)?;
        let found = chunk.entries.binary_search_by_key(&key, |entry| entry.0);
        let place = found.ok()?;
        let entries = Arc::make_mut(&mut chunk.entries);
        let (_, value) = entries.remove(place);
        match entries.first() {
            Some(first) => chunk.first = first.0,
            None => {
                self.chunks.remove(at);
            }
        }
        self.len -= 1;
        Some(value)
    }

    /// The entries from `least` on, in order.
    pub(super) fn from(&self, least: u64) -> impl Iterator<Item = (u64, &V)> {
        let chunk = self.chunk_of(least);
        let all = self.chunks[chunk.min(self.chunks.len())..].iter();
        let entries = all.flat_map(|chunk| chunk.entries.iter());
        let entries = entries.map(|(key, value)| (*key, value));
        entries.skip_while(move |(key, _)| *key < least)
    }

    /// What `self` and `later` have at each key whose chunk is not the same one in both, in order: all that differs is
    /// among it, and what lies beside it. The cost is that of the differences, for two versions of one map.
    pub(super) fn beside<'a>(&'a self, later: &'a Self) -> Vec<(Option<&'a V>, Option<&'a V>)> {
        let held: FxHashSet<_> = self.chunks.iter().map(Chunk::address).collect();
        let in_later = later.chunks.iter().map(Chunk::address);
        let shared: FxHashSet<_> = in_later.filter(|chunk| held.contains(chunk)).collect();
        let own = |map: &'a Self| {
            let chunks = map.chunks.iter();
            let own = chunks.filter(|chunk| !shared.contains(&chunk.address()));
            own.flat_map(|chunk| chunk.entries.iter())
        };
        let (mut left, mut right) = (own(self).peekable(), own(later).peekable());
        let mut pairs = Vec::new();
        loop {
            // Which of the two has the next key; both have it when neither is before the other.
            let (has_left, has_right) = match (left.peek(), right.peek()) {
                (None, None) => return pairs,
                (Some((a, _)), Some((b, _))) => (a <= b, b <= a),
                (a, b) => (a.is_some(), b.is_some()),
            };
            let old = if has_left { left.next() } else { None };
            let new = if has_right { right.next() } else { None };
            pairs.push((old.map(|entry| &entry.1), new.map(|entry| &entry.1)));
        }
    }

    /// Bytes of memory that the map takes, without what its values point to.
    pub(super) fn memory(&self) -> usize {
        let entries = self.chunks.iter().map(|chunk| chunk.entries.capacity());
        let lists = self.chunks.capacity() * size_of::<Chunk<V>>();
        lists + entries.sum::<usize>() * size_of::<(u64, V)>() + self.chunks.len() * 40
    }

    /// The chunk that has the key, if any has; 0 when there is none.
    fn chunk_of(&self, key: u64) -> usize {
        let behind = self.chunks.partition_point(|chunk| chunk.first <= key);
        behind.saturating_sub(1)
    }
}

impl<V> Chunk<V> {
    fn new(entries: Vec<(u64, V)>) -> Self {
        Self {
            first: entries[0].0,
            entries: Arc::new(entries),
        }
    }

    fn address(&self) -> *const Vec<(u64, V)> {
        Arc::as_ptr(&self.entries)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn entries(map: &Chunks<u32>) -> Vec<(u64, u32)> {
        map.from(0).map(|(key, value)| (key, *value)).collect()
    }

    fn changed(map: &Chunks<u32>, steps: &[(u64, Option<u32>)]) -> Chunks<u32> {
        let mut map = map.clone();
        for (key, value) in steps {
            match value {
                Some(value) => map.insert(*key, *value),
                None => drop(map.remove(*key)),
            }
        }
        map
    }

    fn steps(most: usize) -> impl Strategy<Value = Vec<(u64, Option<u32>)>> {
        prop::collection::vec((0_u64..400, any::<Option<u32>>()), 0..most)
    }

    proptest! {
        #[test]
        fn a_map_does_what_the_reference_does(first in steps(600), second in steps(100), least in 0_u64..500) {
            let old = changed(&Chunks::default(), &first);
            let new = changed(&old, &second);
            let apply = |reference: &mut BTreeMap<u64, u32>, steps: &[(u64, Option<u32>)]| {
                for (key, value) in steps {
                    match value {
                        Some(value) => drop(reference.insert(*key, *value)),
                        None => drop(reference.remove(key)),
                    }
                }
            };
            let mut before = BTreeMap::new();
            apply(&mut before, &first);
            let mut after = before.clone();
            apply(&mut after, &second);
            for (map, reference) in [(&old, &before), (&new, &after)] {
                prop_assert_eq!(map.len(), reference.len());
                prop_assert_eq!(entries(map), reference.iter().map(|(k, v)| (*k, *v)).collect::<Vec<_>>());
                prop_assert_eq!(map.get(least), reference.get(&least));
                let rest: Vec<u64> = map.from(least).map(|(key, _)| key).collect();
                prop_assert_eq!(rest, reference.range(least..).map(|(key, _)| *key).collect::<Vec<_>>());
            }
            let told: Vec<_> = old.beside(&new).into_iter().filter(|(old, new)| old != new).collect();
            let keys: std::collections::BTreeSet<&u64> = before.keys().chain(after.keys()).collect();
            let expected: Vec<_> = keys
                .into_iter()
                .map(|key| (before.get(key), after.get(key)))
                .filter(|(old, new)| old != new)
                .collect();
            prop_assert_eq!(told, expected);
        }
    }

    #[test]
    fn a_change_leaves_all_chunks_but_one_to_both() {
        let mut old = Chunks::default();
        for key in 0..10_000_u64 {
            old.insert(key, 0);
        }
        for key in [0, 63, 64, 5_000, 9_999] {
            let mut new = old.clone();
            new.insert(key, 1);
            assert!(old.beside(&new).len() <= CHUNK);
        }
    }
}
