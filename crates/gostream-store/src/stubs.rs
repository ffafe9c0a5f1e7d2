//! The stub tree: the folder of small files that the mount shows as films.
//!
//! [`StubTree`] is the only writer of that folder. Paths are relative to its root, names separated by `/`, and
//! are checked before the disk is touched: neither `..` nor a symbolic link leads out. Stubs are written whole
//! ([`crate::atomic`]), a stub of another torrent or a real film is never overwritten, and a stub that would
//! not change is not touched, so that its time stays. Reading a whole tree is in [`crate::scan`], removing and
//! moving in [`crate::edit`].

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gostream_library::{Stub, StubError, path as names, stub::STUB_BYTES_MAX};

use crate::{
    atomic::{self, MODE_PUBLIC},
    error::TreeError,
};

/// A stub tree on disk. Clones share the lock that keeps changes apart.
#[derive(Debug, Clone)]
pub struct StubTree {
    root: PathBuf,
    /// Held while something is changed: a check and the change that follows belong together.
    changes: Arc<Mutex<()>>,
}

/// What [`StubTree::write`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// There was nothing.
    Created,
    /// There was another stub of the same torrent, or a broken one.
    Replaced,
    /// The same was there; the file was not touched.
    Unchanged,
}

/// What lies at a path where a stub is to be written.
enum Present {
    Nothing,
    Stub(Stub, Vec<u8>),
    Broken,
}

impl StubTree {
    /// A tree with that root, which need not exist yet; nothing is touched.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            changes: Arc::default(),
        }
    }

    /// The root folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Reads one stub. Follows a symbolic link only if it stays inside the tree.
    pub fn read(&self, relative: &str) -> Result<Stub, TreeError> {
        is_stub_name(relative)?;
        let path = self.existing(relative)?;
        let bytes = read_small(&path).map_err(|e| not_found_or(e, relative, &path, "read"))?;
        Stub::parse(&bytes).map_err(|source| TreeError::Broken {
            path: relative.to_owned(),
            source,
        })
    }

    /// Writes a stub atomically, making folders as needed.
    ///
    /// A stub of the same torrent is replaced, its unknown keys are kept; one that cannot be read is replaced;
    /// one of another torrent is [`TreeError::OtherTorrent`]; a file too large for a stub is
    /// [`TreeError::RealFilm`]. The root must exist: it is not made, lest films land under a disk that is not
    /// mounted.
    pub fn write(&self, relative: &str, stub: &Stub) -> Result<Written, TreeError> {
        is_stub_name(relative)?;
        let _changes = self.lock();
        let path = self.inside(relative)?;
        let broken = |source| TreeError::Broken {
            path: relative.to_owned(),
            source,
        };
        let (bytes, done) = match present(relative, &path)? {
            Present::Nothing => (stub.to_json_bytes().map_err(broken)?, Written::Created),
            Present::Broken => {
                tracing::warn!(path = relative, "replacing a stub that cannot be read");
                (stub.to_json_bytes().map_err(broken)?, Written::Replaced)
            }
            Present::Stub(there, _) if there.hash != stub.hash => {
                return Err(TreeError::OtherTorrent {
                    path: relative.to_owned(),
                    found: there.hash,
                });
            }
            Present::Stub(there, old) => {
                let mut merged = stub.clone();
                for (key, value) in there.extra {
                    merged.extra.entry(key).or_insert(value);
                }
                let bytes = merged.to_json_bytes().map_err(broken)?;
                if bytes == old {
                    return Ok(Written::Unchanged);
                }
                (bytes, Written::Replaced)
            }
        };
        self.put(&path, &bytes)?;
        Ok(done)
    }

    /// Writes a side-car atomically, making folders as needed and replacing what is there.
    pub fn write_sidecar(&self, relative: &str, bytes: &[u8]) -> Result<(), TreeError> {
        if is_stub_name(relative).is_ok() {
            return Err(TreeError::StubName {
                path: relative.to_owned(),
            });
        }
        let _changes = self.lock();
        let path = self.inside(relative)?;
        if path.is_dir() {
            return Err(TreeError::NotAFile {
                path: relative.to_owned(),
            });
        }
        self.put(&path, bytes)
    }

    /// The path on disk of something that exists, symbolic links followed; never outside the tree. For
    /// opening side-cars.
    pub fn existing(&self, relative: &str) -> Result<PathBuf, TreeError> {
        names::check(relative)?;
        let root = self.canonical_root()?;
        let joined = self.root.join(relative);
        let path = joined
            .canonicalize()
            .map_err(|e| not_found_or(e, relative, &joined, "find"))?;
        if path.starts_with(root) {
            Ok(path)
        } else {
            Err(TreeError::Outside {
                path: relative.to_owned(),
            })
        }
    }

    /// The path on disk where something is to be changed: no folder above it may lead out of the tree. Its last
    /// name need not exist, and is not followed if it is a link.
    pub(crate) fn inside(&self, relative: &str) -> Result<PathBuf, TreeError> {
        names::check(relative)?;
        let root = self.canonical_root()?;
        let path = self.root.join(relative);
        for folder in path.ancestors().skip(1) {
            match folder.canonicalize() {
                Ok(folder) if folder.starts_with(&root) => return Ok(path),
                Ok(_) => break,
                // Not made yet: what holds it decides. A dangling link fails later, when it is to be made.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(TreeError::io(folder, "find", e)),
            }
        }
        Err(TreeError::Outside {
            path: relative.to_owned(),
        })
    }

    /// The root with links resolved; [`TreeError::RootMissing`] if it is no folder.
    pub(crate) fn canonical_root(&self) -> Result<PathBuf, TreeError> {
        match self.root.canonicalize() {
            Ok(root) if root.is_dir() => Ok(root),
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(TreeError::io(&self.root, "find", e))
            }
            Ok(_) | Err(_) => Err(TreeError::RootMissing {
                path: self.root.clone(),
            }),
        }
    }

    /// Keeps other changes out. The lock guards no data, so a panic under it spoils nothing.
    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), TreeError> {
        if let Some(folder) = path.parent() {
            atomic::create_folders(folder)?;
        }
        Ok(atomic::write(path, bytes, MODE_PUBLIC)?)
    }
}

/// True for a name that ends exactly in `.mkv` and has something before it.
pub(crate) fn has_stub_name(relative: &str) -> bool {
    let (_, name) = names::split(relative);
    name.len() > 4 && name.ends_with(".mkv")
}

fn is_stub_name(relative: &str) -> Result<(), TreeError> {
    if has_stub_name(relative) {
        Ok(())
    } else {
        Err(TreeError::NotAStubName {
            path: relative.to_owned(),
        })
    }
}

/// Looks at what a new stub would replace.
fn present(relative: &str, path: &Path) -> Result<Present, TreeError> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Present::Nothing),
        Err(e) => return Err(TreeError::io(path, "find", e)),
        Ok(found) if !found.is_file() => {
            return Err(TreeError::NotAFile {
                path: relative.to_owned(),
            });
        }
        Ok(_) => {}
    }
    let bytes = read_small(path).map_err(|e| TreeError::io(path, "read", e))?;
    match Stub::parse(&bytes) {
        Ok(stub) => Ok(Present::Stub(stub, bytes)),
        Err(StubError::TooLarge { .. }) => Err(TreeError::RealFilm {
            path: relative.to_owned(),
        }),
        Err(_) => Ok(Present::Broken),
    }
}

/// Reads a file, but no more than one byte past the largest stub.
pub(crate) fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(1024);
    let limit = u64::try_from(STUB_BYTES_MAX + 1).unwrap_or(u64::MAX);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Turns "no such file" into [`TreeError::NotFound`], anything else into [`TreeError::Io`].
pub(crate) fn not_found_or(
    error: io::Error,
    relative: &str,
    path: &Path,
    doing: &'static str,
) -> TreeError {
    if error.kind() == io::ErrorKind::NotFound {
        TreeError::NotFound {
            path: relative.to_owned(),
        }
    } else {
        TreeError::io(path, doing, error)
    }
}

#[cfg(test)]
#[path = "stubs_tests.rs"]
mod tests;
