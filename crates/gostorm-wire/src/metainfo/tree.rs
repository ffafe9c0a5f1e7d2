//! The file tree of a v2 torrent (BEP 52).
//!
//! Called by `info`. The keys of nested dictionaries are the components of the
//! paths; a dictionary under the empty key is a file. What always holds for a
//! list from here: each file that has bytes begins at a piece and has a root;
//! the files stand in the order of the tree, whose keys are sorted, which is
//! what makes piece numbers certain; all else is as `files` has it.

use super::error::{Key, MetainfoError, quoted};
use super::fields::{bytes_of, int_of, once};
use super::files::{FileEntry, end_of, refuse_duplicates};
use super::limits::{COMPONENTS_MAX, FILES_MAX, PATH_DEPTH_MAX};
use super::path::component;
use crate::bencode::{Dict, Value};
use crate::block::BLOCK_LEN;
use crate::merkle::{Node, layers_over};

const KEY: Key = Key::of("info.file tree");

/// A deep tree is scanned once for each of its levels: so many times its length
/// at most, lest a small file keep us busy for long.
const SCANS_MAX: usize = 40;

/// The hash tree of one file that has bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileTree {
    /// The file: its position among the files of the torrent.
    pub file: usize,
    /// The piece that it begins with.
    pub first_piece: u32,
    /// Bytes in the file, at least 1.
    pub length: u64,
    /// The root of its hashes.
    pub root: Node,
}

impl FileTree {
    /// Blocks of the file.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.length.div_ceil(u64::from(BLOCK_LEN))
    }

    /// The layer of the root: 0 for a file of one block.
    #[must_use]
    pub fn height(&self) -> u32 {
        layers_over(self.blocks())
    }

    /// Pieces of the file.
    #[must_use]
    pub fn pieces(&self, piece_length: u32) -> u32 {
        let pieces = self.length.div_ceil(u64::from(piece_length));
        // The number of all pieces was checked to fit.
        u32::try_from(pieces).unwrap_or(u32::MAX)
    }
}

/// The files of a tree, and the trees of their hashes.
pub(super) struct Forest {
    pub(super) files: Vec<FileEntry>,
    pub(super) trees: Vec<FileTree>,
    /// The tree is one file of the torrent's own name.
    pub(super) single: bool,
}

/// Reads `file tree` of a torrent with this name.
pub(super) fn read(
    tree: Dict<'_>,
    text_len: usize,
    name: &str,
    piece_length: u32,
) -> Result<Forest, MetainfoError> {
    let mut reader = Reader {
        forest: Forest {
            files: Vec::new(),
            trees: Vec::new(),
            single: false,
        },
        path: Vec::new(),
        components: 0,
        scans_left: text_len.saturating_mul(SCANS_MAX),
        piece_length,
    };
    reader.directory(tree)?;
    let Reader { mut forest, .. } = reader;
    refuse_duplicates(&forest.files)?;
    forest.single = match forest.files.as_slice() {
        [only] => only.path == [name],
        _ => false,
    };
    Ok(forest)
}

struct Reader {
    forest: Forest,
    path: Vec<String>,
    components: usize,
    scans_left: usize,
    piece_length: u32,
}

impl Reader {
    fn wrong(&self, why: &'static str) -> MetainfoError {
        MetainfoError::FileTree {
            path: quoted(&self.path.join("/")),
            why,
        }
    }

    /// Recurses as deep as paths may be.
    fn directory(&mut self, dict: Dict<'_>) -> Result<(), MetainfoError> {
        let mut last: Option<&[u8]> = None;
        for (key, value) in dict {
            if last.is_some_and(|last| last >= key) {
                return Err(self.wrong("its keys are not sorted, or one is there twice"));
            }
            last = Some(key);
            self.scans_left = self
                .scans_left
                .checked_sub(value.raw().len())
                .ok_or(MetainfoError::TooManyComponents { key: KEY })?;
            if self.path.len() == PATH_DEPTH_MAX {
                return Err(MetainfoError::TooManyComponents { key: KEY });
            }
            self.path.push(component(key, KEY)?);
            self.entry(value)?;
            self.path.pop();
        }
        Ok(())
    }

    fn entry(&mut self, value: Value<'_>) -> Result<(), MetainfoError> {
        let dict = value
            .as_dict()
            .ok_or_else(|| self.wrong("it is not a dictionary"))?;
        let mut entries = dict.iter();
        match entries.next() {
            Some((b"", file)) => {
                if entries.next().is_some() {
                    return Err(self.wrong("it is a file and a directory"));
                }
                let file = file
                    .as_dict()
                    .ok_or_else(|| self.wrong("its properties are not a dictionary"))?;
                self.file(file)
            }
            Some(_) => self.directory(dict),
            // An empty directory holds nothing to show.
            None => Ok(()),
        }
    }

    fn file(&mut self, dict: Dict<'_>) -> Result<(), MetainfoError> {
        let attr = match once(dict, b"attr", KEY)? {
            Some(value) => bytes_of(value, KEY)?,
            None => b"",
        };
        let length = match once(dict, b"length", KEY)? {
            Some(value) => int_of(value, KEY)?,
            // A symbolic link need not have a length (BEP 47); it is empty here.
            None if attr.contains(&b'l') => 0,
            None => return Err(self.wrong("it has no length")),
        };
        let index = self.forest.files.len();
        if index == FILES_MAX {
            return Err(MetainfoError::TooManyFiles);
        }
        self.components += self.path.len();
        if self.components > COMPONENTS_MAX {
            return Err(MetainfoError::TooManyComponents { key: KEY });
        }
        let end = self.forest.files.last();
        let end = end.map_or(0, |file| file.offset + file.length);
        let offset = if length == 0 {
            end
        } else {
            end.next_multiple_of(u64::from(self.piece_length))
        };
        let file = FileEntry {
            path: self.path.clone(),
            length,
            offset,
            padding: attr.contains(&b'p'),
        };
        end_of(&file, KEY)?;
        self.forest.files.push(file);
        if length > 0 {
            let root = self.root(dict)?;
            let first_piece = u32::try_from(offset / u64::from(self.piece_length))
                .map_err(|_| MetainfoError::TotalLength { key: KEY })?;
            self.forest.trees.push(FileTree {
                file: index,
                first_piece,
                length,
                root,
            });
        }
        Ok(())
    }

    fn root(&self, dict: Dict<'_>) -> Result<Node, MetainfoError> {
        let value = once(dict, b"pieces root", KEY)?;
        value
            .and_then(Value::as_bytes)
            .and_then(|bytes| bytes.try_into().ok())
            .map(Node)
            .ok_or_else(|| self.wrong("its pieces root is not there or not 32 bytes"))
    }
}
