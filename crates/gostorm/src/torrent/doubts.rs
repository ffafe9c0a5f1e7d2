//! Who was served bytes that are not verified yet, and is told when these may be wrong.
//!
//! Used by `running` alone. A reader is kept when it closes: the kernel, or whoever else reads through it, keeps
//! the bytes. It is forgotten when the swarm has nothing exposed any more, so there are no more entries than streams
//! that were served so in between.

use std::ops::Range;

use gostorm_core::ReaderKey;
use rustc_hash::FxHashMap;

use crate::read::OnDoubt;

/// Someone who can be told.
struct Listener {
    file: usize,
    on_doubt: OnDoubt,
    /// It was served unverified bytes since the swarm had none exposed.
    served: bool,
    open: bool,
}

/// The readers that accept unverified bytes.
#[derive(Default)]
pub(super) struct Doubts {
    listeners: FxHashMap<ReaderKey, Listener>,
}

impl Doubts {
    /// A reader opened file number `file`.
    pub(super) fn open(&mut self, reader: ReaderKey, file: usize, on_doubt: OnDoubt) {
        let listener = Listener {
            file,
            on_doubt,
            served: false,
            open: true,
        };
        self.listeners.insert(reader, listener);
    }

    /// It gets unverified bytes now.
    pub(super) fn served(&mut self, reader: ReaderKey) {
        if let Some(listener) = self.listeners.get_mut(&reader) {
            listener.served = true;
        }
    }

    /// It closed.
    pub(super) fn close(&mut self, reader: ReaderKey) {
        if let Some(listener) = self.listeners.get_mut(&reader) {
            listener.open = false;
        }
    }

    /// Bytes of a file may be wrong; `range` is within the file.
    pub(super) fn tell(&self, file: usize, range: &Range<u64>) {
        let concerned = |listener: &&Listener| listener.file == file && listener.served;
        for listener in self.listeners.values().filter(concerned) {
            (listener.on_doubt)(range.clone());
        }
    }

    /// Nothing is exposed: all that was served is right, or was taken back.
    pub(super) fn settle(&mut self) {
        self.listeners.retain(|_, listener| listener.open);
        for listener in self.listeners.values_mut() {
            listener.served = false;
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;

    #[test]
    fn those_who_were_served_hear_of_it_also_when_they_have_closed() {
        let (tell, told) = mpsc::channel();
        let mut doubts = Doubts::default();
        for (reader, file) in [(1, 0), (2, 0), (3, 1), (4, 0)] {
            let tell = tell.clone();
            let on_doubt = move |range: Range<u64>| tell.send((reader, range.start)).unwrap();
            doubts.open(ReaderKey(reader), file, Arc::new(on_doubt));
        }
        for reader in [1, 3, 4] {
            doubts.served(ReaderKey(reader));
        }
        doubts.close(ReaderKey(4));
        doubts.tell(0, &(5..6));
        let mut heard: Vec<_> = told.try_iter().collect();
        heard.sort_unstable();
        assert_eq!(heard, [(1, 5), (4, 5)]);
        doubts.settle();
        assert_eq!(doubts.listeners.len(), 3);
        doubts.tell(0, &(5..6));
        assert_eq!(told.try_iter().count(), 0);
    }
}
