//! The info dictionary: what the torrent is (BEP 3, 27, 47, 52).
//!
//! [`Info::parse`] is the only way to an [`Info`], which is why its fields are
//! private: piece length is a power of two within bounds, each piece has a
//! SHA-1, or is a part of a file that has a root, or both; files lie one behind
//! the other from 0 to the total length (those with roots begin at pieces); and
//! the total is 1 to 2^53.
//!
//! Where files begin at pieces, the last piece of a file may be shorter than the
//! others: what fills it up, the padding of a hybrid, is zeros and is neither
//! asked for nor kept.

use bytes::Bytes;

use super::error::{Key, MetainfoError};
use super::fields::{bytes_of, dict_of, int_of, list_of, number_text, once};
use super::files::{self, FileEntry};
use super::hybrid;
use super::limits::{PIECE_LENGTH_MAX, PIECE_LENGTH_MIN};
use super::path::component;
use super::tree::{self, FileTree, Forest};
use crate::bencode::{Dict, Value};
use crate::block::PieceIndex;
use crate::hash::{sha1, sha256};
use crate::id::{InfoHash, InfoHashV2};
use crate::ut_metadata::METADATA_LEN_MAX;

/// The validated content of an info dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    name: String,
    piece_length: u32,
    /// v1: 20 bytes for each piece; shares the memory of the dictionary's text.
    pieces: Option<Bytes>,
    piece_count: u32,
    /// v2: the hash trees of the files that have bytes, in order.
    trees: Vec<FileTree>,
    /// The pieces that end a file before they are full, and their bytes, in order.
    tails: Vec<(PieceIndex, u32)>,
    files: Vec<FileEntry>,
    multi_file: bool,
    total_length: u64,
    private: bool,
}

impl Info {
    /// Reads an info dictionary: its exact text, nothing after it.
    ///
    /// # Errors
    /// A [`MetainfoError`] that names the key.
    pub fn parse(info_dict: &[u8]) -> Result<Self, MetainfoError> {
        check_size(info_dict)?;
        Self::read(&Bytes::copy_from_slice(info_dict))
    }

    /// The SHA-1 of an info dictionary: the name of its v1 or hybrid torrent.
    #[must_use]
    pub fn info_hash_of(info_dict: &[u8]) -> InfoHash {
        InfoHash(sha1(info_dict))
    }

    /// The SHA-256 of an info dictionary: the name of its v2 or hybrid torrent.
    #[must_use]
    pub fn info_hash_v2_of(info_dict: &[u8]) -> InfoHashV2 {
        InfoHashV2(sha256(info_dict))
    }

    /// True when these bytes are the info dictionary of the torrent named `key`:
    /// it is their SHA-1, or begins their SHA-256, which must be `v2` when that
    /// is known.
    #[must_use]
    pub fn is_named(info_dict: &[u8], key: InfoHash, v2: Option<InfoHashV2>) -> bool {
        let ours = Self::info_hash_v2_of(info_dict);
        v2.is_none_or(|v2| v2 == ours)
            && (key == ours.truncated() || key == Self::info_hash_of(info_dict))
    }

    /// As [`Info::parse`], sharing the memory of `text`.
    pub(super) fn read(text: &Bytes) -> Result<Self, MetainfoError> {
        check_size(text)?;
        let dict = dict_of(Value::parse(text)?, Key::of("info"))?;
        let key = Key::of("info.pieces");
        let pieces = once(dict, b"pieces", key)?;
        let pieces = pieces.map(|value| bytes_of(value, key)).transpose()?;
        let piece_length = piece_length(dict)?;
        let name = name(dict)?;
        let mut forest = forest(dict, &name, piece_length)?;
        let (files, multi_file) = match (pieces, &mut forest) {
            (None, None) => return Err(MetainfoError::Missing { key }),
            (None, Some(forest)) => (std::mem::take(&mut forest.files), !forest.single),
            (Some(_), None) => files(dict, &name)?,
            (Some(_), Some(forest)) => {
                let (files, multi_file) = files(dict, &name)?;
                hybrid::join(&files, forest, piece_length)?;
                (files, multi_file)
            }
        };
        let total_length = files.last().map_or(0, |file| file.offset + file.length);
        if total_length == 0 {
            return Err(MetainfoError::Empty);
        }
        let private = once(dict, b"private", Key::of("info.private"))?
            .map(|value| int_of(value, Key::of("info.private")))
            .transpose()?;
        let trees = forest.map_or_else(Vec::new, |forest| forest.trees);
        Ok(Self {
            name,
            piece_length,
            piece_count: piece_count(pieces, total_length, piece_length)?,
            pieces: pieces.map(|pieces| text.slice_ref(pieces)),
            tails: tails(&trees, piece_length),
            trees,
            files,
            multi_file,
            total_length,
            private: private.is_some_and(|flag| flag != 0),
        })
    }

    /// The name: of the file, or of the directory of several. A safe path
    /// component.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes in a piece, save the last one: a power of two from
    /// [`PIECE_LENGTH_MIN`] to [`PIECE_LENGTH_MAX`].
    #[must_use]
    pub fn piece_length(&self) -> u32 {
        self.piece_length
    }

    /// How many pieces; at least 1.
    #[must_use]
    pub fn piece_count(&self) -> u32 {
        self.piece_count
    }

    /// Bytes in this piece: the last one of the torrent may be shorter than the
    /// others, and in a v2 torrent the last one of each file. `None` when there
    /// is no such piece.
    #[must_use]
    pub fn piece_len(&self, piece: PieceIndex) -> Option<u32> {
        let full = self.full_len(piece)?;
        let tail = self.tails.binary_search_by_key(&piece, |(tail, _)| *tail);
        Some(tail.map_or(full, |at| self.tails[at].1))
    }

    /// Bytes of a piece with the padding of a hybrid.
    fn full_len(&self, piece: PieceIndex) -> Option<u32> {
        if piece.0 >= self.piece_count {
            return None;
        }
        let begin = u64::from(piece.0) * u64::from(self.piece_length);
        let left = self.total_length - begin;
        Some(u32::try_from(left).map_or(self.piece_length, |left| left.min(self.piece_length)))
    }

    /// The pieces that end a file of a v2 torrent before they are full, and how
    /// many bytes they have; in order.
    #[must_use]
    pub fn tails(&self) -> &[(PieceIndex, u32)] {
        &self.tails
    }

    /// The SHA-1 of a piece, and how many zeros of padding it is of beside the
    /// bytes of the piece; `None` when there is no such piece, or the torrent is
    /// of v2 alone.
    #[must_use]
    pub fn piece_sha1(&self, piece: PieceIndex) -> Option<(&[u8; 20], u32)> {
        let hashes = self.pieces.as_ref()?.as_chunks().0;
        let zeros = self.full_len(piece)? - self.piece_len(piece)?;
        Some((hashes.get(usize::try_from(piece.0).ok()?)?, zeros))
    }

    /// The torrent is of v1, perhaps of v2 as well.
    #[must_use]
    pub fn has_v1(&self) -> bool {
        self.pieces.is_some()
    }

    /// The torrent is of v2, perhaps of v1 as well.
    #[must_use]
    pub fn has_v2(&self) -> bool {
        !self.trees.is_empty()
    }

    /// The hash trees of the files that have bytes, in the order of their pieces;
    /// empty when the torrent is of v1 alone.
    #[must_use]
    pub fn trees(&self) -> &[FileTree] {
        &self.trees
    }

    /// The files in the order of the torrent, padding included: the position
    /// here is the file index that stubs and magnets name. At least one.
    #[must_use]
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// The torrent is a directory of files rather than a single one. (A
    /// directory may have one file.)
    #[must_use]
    pub fn multi_file(&self) -> bool {
        self.multi_file
    }

    /// Where the last file ends, in bytes; 1 to [`TOTAL_LENGTH_MAX`](super::TOTAL_LENGTH_MAX). With v1 the
    /// sum of the lengths of the files, padding included.
    #[must_use]
    pub fn total_length(&self) -> u64 {
        self.total_length
    }

    /// Peers may only come from the torrent's own trackers (BEP 27).
    #[must_use]
    pub fn private(&self) -> bool {
        self.private
    }
}

fn check_size(text: &[u8]) -> Result<(), MetainfoError> {
    let max = usize::try_from(METADATA_LEN_MAX).unwrap_or(usize::MAX);
    if text.len() > max {
        return Err(MetainfoError::TooLarge {
            what: "the info dictionary",
            len: text.len(),
            max,
        });
    }
    Ok(())
}

/// The v2 part, when there is one.
fn forest(dict: Dict<'_>, name: &str, piece_length: u32) -> Result<Option<Forest>, MetainfoError> {
    let key = Key::of("info.meta version");
    let version = once(dict, b"meta version", key)?;
    if let Some(value) = version.filter(|value| value.as_u64() != Some(2)) {
        let value = number_text(value);
        return Err(MetainfoError::MetaVersion { value });
    }
    let key = Key::of("info.file tree");
    let Some(value) = once(dict, b"file tree", key)? else {
        return match version {
            Some(_) => Err(MetainfoError::Missing { key }),
            None => Ok(None),
        };
    };
    if version.is_none() {
        let key = Key::of("info.meta version");
        return Err(MetainfoError::Missing { key });
    }
    let tree = dict_of(value, key)?;
    tree::read(tree, value.raw().len(), name, piece_length).map(Some)
}

/// The pieces at the ends of files that have bytes, where these are not full.
fn tails(trees: &[FileTree], piece_length: u32) -> Vec<(PieceIndex, u32)> {
    let tail = |tree: &FileTree| {
        let rest = u32::try_from(tree.length % u64::from(piece_length)).unwrap_or(0);
        let last = tree.first_piece + tree.pieces(piece_length) - 1;
        (rest > 0).then_some((PieceIndex(last), rest))
    };
    trees.iter().filter_map(tail).collect()
}

fn piece_length(dict: Dict<'_>) -> Result<u32, MetainfoError> {
    let key = Key::of("info.piece length");
    let value = once(dict, b"piece length", key)?.ok_or(MetainfoError::Missing { key })?;
    if !value.is_int() {
        return Err(MetainfoError::WrongType {
            key,
            expected: "a number",
        });
    }
    value
        .as_u64()
        .and_then(|length| u32::try_from(length).ok())
        .filter(|length| {
            (PIECE_LENGTH_MIN..=PIECE_LENGTH_MAX).contains(length) && length.is_power_of_two()
        })
        .ok_or_else(|| MetainfoError::PieceLength {
            value: number_text(value),
        })
}

fn name(dict: Dict<'_>) -> Result<String, MetainfoError> {
    let utf8 = Key::of("info.name.utf-8");
    if let Some(value) = once(dict, b"name.utf-8", utf8)? {
        return component(bytes_of(value, utf8)?, utf8);
    }
    let key = Key::of("info.name");
    let value = once(dict, b"name", key)?.ok_or(MetainfoError::Missing { key })?;
    component(bytes_of(value, key)?, key)
}

fn files(dict: Dict<'_>, name: &str) -> Result<(Vec<FileEntry>, bool), MetainfoError> {
    let (length_key, files_key) = (Key::of("info.length"), Key::of("info.files"));
    let length = once(dict, b"length", length_key)?;
    match (length, once(dict, b"files", files_key)?) {
        (Some(_), Some(_)) => Err(MetainfoError::Ambiguous),
        (None, None) => Err(MetainfoError::Missing { key: length_key }),
        (None, Some(list)) => Ok((files::read(list_of(list, files_key)?)?, true)),
        (Some(length), None) => {
            let file = FileEntry {
                path: vec![name.to_owned()],
                length: int_of(length, length_key)?,
                offset: 0,
                padding: false,
            };
            files::end_of(&file, length_key)?;
            Ok((vec![file], false))
        }
    }
}

fn piece_count(
    pieces: Option<&[u8]>,
    total_length: u64,
    piece_length: u32,
) -> Result<u32, MetainfoError> {
    let needed = total_length.div_ceil(u64::from(piece_length));
    let Some(pieces) = pieces else {
        let key = Key::of("info.file tree");
        return u32::try_from(needed).map_err(|_| MetainfoError::TotalLength { key });
    };
    if !pieces.len().is_multiple_of(20) {
        return Err(MetainfoError::PiecesLength { len: pieces.len() });
    }
    let hashes = pieces.len() / 20;
    u32::try_from(needed)
        .ok()
        .filter(|needed| usize::try_from(*needed) == Ok(hashes))
        .ok_or(MetainfoError::PieceCount {
            hashes,
            pieces: needed,
            total_length,
        })
}
