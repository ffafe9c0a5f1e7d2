//! Where a name may lie: relative paths below the root of the library.
//!
//! Used by the planner (for `--dir`), by the stub tree before it touches the disk, and by whoever turns a
//! path that came from outside into a name. A path that passed [`check`] cannot leave the root by its
//! letters (symbolic links are the stub tree's concern).

/// The longest name of one file or folder, in bytes (Linux `NAME_MAX`).
pub const NAME_BYTES_MAX: usize = 255;
/// The deepest path: folders and the file itself.
pub const DEPTH_MAX: usize = 16;

/// Why a relative path was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// There is nothing in it.
    #[error("an empty path")]
    Empty,
    /// It begins with `/`.
    #[error("{path:?} is absolute; a path inside the library is needed")]
    Absolute {
        /// The path as given.
        path: String,
    },
    /// One of its names is `.`, `..` or empty.
    #[error("{path:?} leaves the library or has an empty name in it ({name:?})")]
    BadName {
        /// The path as given.
        path: String,
        /// The name that is refused.
        name: String,
    },
    /// A control character or backslash, which some file servers cannot show.
    #[error("{path:?} has a character that is not allowed in a name: {character:?}")]
    BadCharacter {
        /// The path as given.
        path: String,
        /// The character that is refused.
        character: char,
    },
    /// A name over [`NAME_BYTES_MAX`] bytes.
    #[error("a name of {bytes} bytes is too long (at most {NAME_BYTES_MAX}): {name:?}")]
    TooLong {
        /// The name that is refused.
        name: String,
        /// Its length in bytes.
        bytes: usize,
    },
    /// More than [`DEPTH_MAX`] names.
    #[error("{path:?} is {depth} levels deep (at most {DEPTH_MAX})")]
    TooDeep {
        /// The path as given.
        path: String,
        /// Its number of names.
        depth: usize,
    },
}

/// Checks a path relative to the root of the library, names separated by `/`.
pub fn check(path: &str) -> Result<(), PathError> {
    if path.is_empty() {
        return Err(PathError::Empty);
    }
    if path.starts_with('/') {
        return Err(PathError::Absolute {
            path: path.to_owned(),
        });
    }
    let bad = |c: &char| c.is_control() || *c == '\\';
    if let Some(character) = path.chars().find(bad) {
        return Err(PathError::BadCharacter {
            path: path.to_owned(),
            character,
        });
    }
    let mut depth = 0;
    for name in path.split('/') {
        depth += 1;
        if name.is_empty() || name == "." || name == ".." {
            return Err(PathError::BadName {
                path: path.to_owned(),
                name: name.to_owned(),
            });
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(PathError::TooLong {
                name: name.to_owned(),
                bytes: name.len(),
            });
        }
    }
    if depth > DEPTH_MAX {
        return Err(PathError::TooDeep {
            path: path.to_owned(),
            depth,
        });
    }
    Ok(())
}

/// The folder of a path, empty at the root, and its last name.
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Joins a folder (empty: the root) and a name.
pub fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_pass() {
        for path in [
            "movies",
            "tv/Show (2019)/Season.01/a.mkv",
            ".plexmatch",
            "a/..b",
        ] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn nothing_leaves_the_root() {
        for path in [
            "", "/etc", "..", "a/../b", "a/..", "./a", "a//b", "a/", "a\\b", "a\0b", "a\nb",
        ] {
            assert!(check(path).is_err(), "{path:?}");
        }
        assert!(check(&"x".repeat(256)).is_err());
        assert!(check(&vec!["d"; 17].join("/")).is_err());
        assert_eq!(check(&vec!["d"; 16].join("/")), Ok(()));
    }

    #[test]
    fn split_and_join_are_inverse() {
        for path in ["a", "a/b", "a/b/c.mkv"] {
            let (folder, name) = split(path);
            assert_eq!(join(folder, name), path);
        }
    }
}
