//! Reads the stubs that the walk found, on a few threads.

use std::{io, num::NonZeroUsize, sync::Arc, thread};

use gostream_library::{Film, Stub, Tails};

use super::list::Unread;
use crate::{
    found::{Found, FoundKind, KnownKind},
    stubs::read_small,
};

/// Threads that read stubs. More do not help an SD card, and leave cores to playback.
const THREADS_MAX: usize = 4;
/// Fewer stubs than this are read on the caller's thread.
const SHARE_MIN: usize = 64;

/// What became of the stubs.
#[derive(Default)]
pub(super) struct Read {
    pub(super) found: Vec<Found>,
    /// What the earlier scan knew and that vanished meanwhile.
    pub(super) gone: Vec<String>,
    /// What cannot be read now and stays as it was, and why.
    pub(super) kept: Vec<(String, String)>,
}

/// Reads them all.
pub(super) fn all(mut unread: Vec<Unread>) -> Read {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = unread
        .len()
        .div_ceil(threads.min(THREADS_MAX))
        .max(SHARE_MIN);
    let part = |part: Vec<Unread>| {
        let mut read = Read::default();
        let mut tails = Tails::default();
        for stub in part {
            read.take(stub, &mut tails);
        }
        read
    };
    let mut parts = Vec::new();
    while unread.len() > share {
        let rest = unread.split_off(share);
        parts.push(std::mem::replace(&mut unread, rest));
    }
    thread::scope(|scope| {
        let readers: Vec<_> = parts
            .into_iter()
            .map(|one| scope.spawn(|| part(one)))
            .collect();
        let mut all = part(unread);
        for reader in readers {
            match reader.join() {
                Ok(read) => {
                    all.found.extend(read.found);
                    all.gone.extend(read.gone);
                    all.kept.extend(read.kept);
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}

impl Read {
    /// Reads one.
    fn take(&mut self, stub: Unread, tails: &mut Tails) {
        let Unread { path, before, .. } = stub;
        let kind = match read_small(&stub.on_disk) {
            Ok(bytes) => match Stub::parse(&bytes) {
                Ok(stub) => FoundKind::Film(Arc::new(Film::new(&stub, tails))),
                Err(error) => FoundKind::Broken(error.to_string()),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.gone.extend(before.map(|_| path));
                return;
            }
            Err(error) if before == Some(KnownKind::Film) => {
                self.kept.push((path, error.to_string()));
                return;
            }
            Err(error) => FoundKind::Broken(error.to_string()),
        };
        self.found.push(Found {
            path,
            kind,
            mtime: stub.mtime,
            stamp: stub.stamp,
        });
    }
}
