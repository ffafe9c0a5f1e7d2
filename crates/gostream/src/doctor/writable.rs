//! May we write into a directory, or make it?
//!
//! A directory that is there is tried with a file of no name; of one that is
//! missing, the nearest one above it is asked for permission. Nothing is made.

use std::{
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use super::finding::Finding;

pub(super) struct Place {
    path: PathBuf,
    /// Whether it is there already.
    exists: bool,
    writable: io::Result<()>,
}

/// Tries it.
pub(super) fn look(path: &Path) -> Place {
    let exists = path.exists();
    let writable = if exists {
        // Unnamed (O_TMPFILE) where the file system can, else removed at once.
        tempfile::tempfile_in(path).map(drop)
    } else {
        let above = path.ancestors().find(|above| above.exists());
        let above = above.unwrap_or(Path::new("/"));
        access(above, Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from)
    };
    Place {
        path: path.to_owned(),
        exists,
        writable,
    }
}

pub(super) fn judge(what: &str, place: &Place) -> Finding {
    let about = format!("{what} directory {}", place.path.display());
    match (&place.writable, place.exists) {
        (Ok(()), true) => Finding::ok(about, "can be written"),
        (Ok(()), false) => Finding::ok(about, "will be made at the first start"),
        (Err(error), exists) => Finding::error(
            about,
            format!(
                "cannot be {}: {error}",
                if exists { "written" } else { "made" }
            ),
            "give it to the user that runs GoStream (chown), or choose another with --data-dir",
        ),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::doctor::Level;

    #[test]
    fn looking_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("a/b");
        assert_eq!(judge("state", &look(&missing)).level, Level::Ok);
        assert_eq!(judge("state", &look(dir.path())).level, Level::Ok);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let place = Place {
            path: "/x".into(),
            exists: true,
            writable: Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        };
        assert_eq!(judge("state", &place).level, Level::Error);
        // A file in the place of a directory.
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(judge("state", &look(file.path())).level, Level::Error);
    }
}
