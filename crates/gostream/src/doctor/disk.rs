//! Is there room for the database and the stubs?
//!
//! They take little: films are never stored here.

use std::{io, path::Path};

use rustix::fs::statvfs;

use super::finding::Finding;
use crate::config::ByteSize;

const ABOUT: &str = "free disk";

/// Below this the database cannot grow: 16 MiB.
const LEAST: ByteSize = ByteSize::mib(16);

/// Below this it will not last: 256 MiB.
const ENOUGH: ByteSize = ByteSize::mib(256);

/// Bytes that are free for us where the directory is, or will be.
pub(super) fn look(directory: &Path) -> io::Result<ByteSize> {
    let there = directory.ancestors().find(|above| above.exists());
    let stat = statvfs(there.unwrap_or(Path::new("/")))?;
    Ok(ByteSize::bytes(stat.f_bavail.saturating_mul(stat.f_frsize)))
}

pub(super) fn judge(free: &io::Result<ByteSize>) -> Finding {
    let remedy = "free some space, or move state_dir to another disk";
    match free {
        Err(error) => Finding::warning(ABOUT, format!("cannot be read: {error}"), remedy),
        Ok(free) => {
            let seen = format!("{} MiB beside the database", free.as_mib());
            if *free < LEAST {
                Finding::error(ABOUT, seen, remedy)
            } else if *free < ENOUGH {
                Finding::warning(ABOUT, seen, remedy)
            } else {
                Finding::ok(ABOUT, seen)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn little_space_is_a_warning_and_none_an_error() {
        let level = |mib| judge(&Ok(ByteSize::mib(mib))).level;
        assert_eq!(level(15), Level::Error);
        assert_eq!(level(255), Level::Warning);
        assert_eq!(level(256), Level::Ok);
        let unknown = judge(&Err(io::ErrorKind::PermissionDenied.into()));
        assert_eq!(unknown.level, Level::Warning);
    }
}
