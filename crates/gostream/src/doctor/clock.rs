//! Is the clock sane?
//!
//! A Raspberry Pi has no battery for its clock: after a power cut it is wrong
//! until the network sets it. Then certificates look invalid, and files seem
//! to come from the future.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::finding::Finding;

const ABOUT: &str = "clock";

/// 2025-01-01 00:00 UTC in seconds of Unix time: before this was written.
const NOT_BEFORE: Duration = Duration::from_secs(1_735_689_600);

/// Clocks are set back a little at times.
const GRACE: Duration = Duration::from_secs(120);

/// Most files that are looked at.
const FILES_MAX: usize = 10_000;

pub(super) struct Clock {
    now: SystemTime,
    newest_file: Option<SystemTime>,
}

/// The time, and that of the newest file in the state directory.
pub(super) fn look(state: &Path) -> Clock {
    let files = fs::read_dir(state).into_iter().flatten().flatten();
    Clock {
        now: SystemTime::now(),
        newest_file: files
            .take(FILES_MAX)
            .filter_map(|file| file.metadata().ok()?.modified().ok())
            .max(),
    }
}

pub(super) fn judge(clock: &Clock) -> Finding {
    let remedy = "set it: timedatectl set-ntp true";
    let since_epoch = clock.now.duration_since(UNIX_EPOCH).unwrap_or_default();
    if since_epoch < NOT_BEFORE {
        return Finding::error(ABOUT, "is before the year 2025", remedy);
    }
    let behind = clock
        .newest_file
        .and_then(|newest| newest.duration_since(clock.now).ok())
        .unwrap_or_default();
    if behind > GRACE {
        let seen = format!(
            "is {} minutes behind the newest file of the state directory",
            behind.as_secs() / 60
        );
        return Finding::error(ABOUT, seen, remedy);
    }
    Finding::ok(ABOUT, "is plausible")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_clock_before_its_own_files_is_wrong() {
        let now = UNIX_EPOCH + NOT_BEFORE + Duration::from_secs(1_000_000);
        let level = |now, newest_file| judge(&Clock { now, newest_file }).level;
        assert_eq!(level(UNIX_EPOCH, None), Level::Error);
        assert_eq!(level(now, None), Level::Ok);
        assert_eq!(level(now, Some(now + GRACE)), Level::Ok);
        assert_eq!(level(now, Some(now + GRACE * 2)), Level::Error);
    }
}
