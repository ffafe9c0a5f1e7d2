//! Reads the stubs that the walk found, on a few threads.

use std::{io, num::NonZeroUsize, sync::Arc, thread};

use gostream_library::{Film, Stub, Tails};

use super::list::Unread;
use crate::{
    found::{Earlier, Found, FoundKind},
    stubs::read_small,
};

/// Threads that read stubs. More do not help an SD card, and leave cores to playback.
const THREADS_MAX: usize = 4;
/// Fewer stubs than this are read on the caller's thread.
const SHARE_MIN: usize = 64;

/// What was read, and what was taken over from the earlier scan since it cannot be read now.
pub(super) fn all(
    mut unread: Vec<Unread>,
    earlier: Option<&dyn Earlier>,
) -> (Vec<Found>, Vec<(String, String)>) {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = unread
        .len()
        .div_ceil(threads.min(THREADS_MAX))
        .max(SHARE_MIN);
    let part = |part: Vec<Unread>| {
        let mut kept = Vec::new();
        let mut tails = Tails::default();
        let read = part
            .into_iter()
            .filter_map(|one| read(one, earlier, &mut tails, &mut kept));
        (read.collect::<Vec<_>>(), kept)
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
        let (mut all, mut all_kept) = part(unread);
        for reader in readers {
            match reader.join() {
                Ok((read, kept)) => {
                    all.extend(read);
                    all_kept.extend(kept);
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        (all, all_kept)
    })
}

/// Reads one; none if it vanished.
fn read(
    stub: Unread,
    earlier: Option<&dyn Earlier>,
    tails: &mut Tails,
    kept: &mut Vec<(String, String)>,
) -> Option<Found> {
    let Unread {
        path,
        on_disk,
        mtime,
        stamp,
    } = stub;
    let kind = match read_small(&on_disk) {
        Ok(bytes) => match Stub::parse(&bytes) {
            Ok(stub) => FoundKind::Film(Arc::new(Film::new(&stub, tails))),
            Err(error) => FoundKind::Broken(error.to_string()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            let before = earlier.and_then(|earlier| earlier.at(&path));
            if let Some(known) = before
                && matches!(known.kind, FoundKind::Film(_))
            {
                kept.push((path, error.to_string()));
                return Some(known);
            }
            FoundKind::Broken(error.to_string())
        }
    };
    Some(Found {
        path,
        kind,
        mtime,
        stamp,
    })
}
