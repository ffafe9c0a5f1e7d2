//! What a scan of the stub tree finds, and what it may be told of an earlier one.
//!
//! Made by [`crate::scan`], kept by the mount's tree, told to the next scan through [`Earlier`].

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
    time::SystemTime,
};

use gostream_library::{Film, Stamp};
use rustc_hash::FxHashMap;

/// One thing in the tree.
#[derive(Clone, Debug)]
pub struct Found {
    /// Path relative to the root, names separated by `/`; empty: the root.
    pub path: String,
    /// What it is.
    pub kind: FoundKind,
    /// When its content last changed.
    pub mtime: SystemTime,
    /// Which file of the disk it is.
    pub stamp: Stamp,
}

/// What a thing in the tree is.
#[derive(Clone, Debug)]
pub enum FoundKind {
    /// A folder.
    Dir,
    /// A stub: a name that ends in `.mkv` and at most 10 KiB. The film that it stands for.
    Film(Arc<Film>),
    /// A stub by its name and size that cannot be used, and why.
    Broken(String),
    /// Any other file.
    SideCar {
        /// Its size in bytes.
        len: u64,
    },
}

/// What an earlier scan found.
pub trait Earlier {
    /// The thing at this path; the empty path is the root.
    fn at(&self, path: &str) -> Option<Known>;
    /// What lay directly in this folder, by name; nothing if there was no such folder.
    fn children(&self, folder: &str) -> FxHashMap<&str, Known>;
}

/// A thing as an earlier scan found it.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// What it was.
    pub kind: KnownKind,
    /// As in [`Found`].
    pub mtime: SystemTime,
    /// As in [`Found`].
    pub stamp: Stamp,
}

/// What a thing was; see [`FoundKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownKind {
    /// A folder.
    Dir,
    /// A stub.
    Film,
    /// A stub that could not be used.
    Broken,
    /// Any other file.
    SideCar,
}

/// What changed in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// What has these names, and the folder itself.
    Names(HashSet<String>),
    /// Anything in it.
    All,
}

/// What a scan is to do.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// What the last scan found; without it, all is read.
    pub earlier: Option<&'a dyn Earlier>,
    /// The folders in which something changed, and what: nothing else is looked at besides new folders. All of
    /// them if none is given.
    pub changed: Option<&'a HashMap<String, Told>>,
    /// Called with each folder (and its path on disk) just before it is looked into: changes are to be told
    /// from here on.
    pub enter: &'a dyn Fn(&str, &Path),
}
