//! The info dictionary: what the torrent is (BEP 3, 27, 47).
//!
//! [`Info::parse`] is the only way to an [`Info`], which is why its fields are
//! private: piece length is a power of two within bounds, there is one hash for
//! each piece, files lie one behind the other from 0 to the total length, and
//! the total is 1 to 2^53.

use bytes::Bytes;

use super::error::{Key, MetainfoError};
use super::fields::{bytes_of, dict_of, int_of, list_of, number_text, once};
use super::files::{self, FileEntry};
use super::limits::{PIECE_LENGTH_MAX, PIECE_LENGTH_MIN};
use super::path::component;
use crate::bencode::{Dict, Value};
use crate::block::PieceIndex;
use crate::hash::sha1;
use crate::id::InfoHash;
use crate::ut_metadata::METADATA_LEN_MAX;

/// The validated content of an info dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    name: String,
    piece_length: u32,
    /// 20 bytes for each piece; shares the memory of the dictionary's text.
    pieces: Bytes,
    piece_count: u32,
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

    /// The hash that names the torrent with this info dictionary.
    #[must_use]
    pub fn info_hash_of(info_dict: &[u8]) -> InfoHash {
        InfoHash(sha1(info_dict))
    }

    /// As [`Info::parse`], sharing the memory of `text`.
    pub(super) fn read(text: &Bytes) -> Result<Self, MetainfoError> {
        check_size(text)?;
        let dict = dict_of(Value::parse(text)?, Key::of("info"))?;
        let Some(pieces) = once(dict, b"pieces", Key::of("info.pieces"))? else {
            return Err(if is_v2(dict) {
                MetainfoError::V2Only
            } else {
                MetainfoError::Missing {
                    key: Key::of("info.pieces"),
                }
            });
        };
        let pieces = bytes_of(pieces, Key::of("info.pieces"))?;
        let piece_length = piece_length(dict)?;
        let name = name(dict)?;
        let (files, multi_file) = files(dict, &name)?;
        let total_length = files.last().map_or(0, |file| file.offset + file.length);
        if total_length == 0 {
            return Err(MetainfoError::Empty);
        }
        let private = once(dict, b"private", Key::of("info.private"))?
            .map(|value| int_of(value, Key::of("info.private")))
            .transpose()?;
        Ok(Self {
            name,
            piece_length,
            piece_count: piece_count(pieces, total_length, piece_length)?,
            pieces: text.slice_ref(pieces),
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

    /// Bytes in this piece: the last one may be shorter. `None` when there is
    /// no such piece.
    #[must_use]
    pub fn piece_len(&self, piece: PieceIndex) -> Option<u32> {
        if piece.0 >= self.piece_count {
            return None;
        }
        let begin = u64::from(piece.0) * u64::from(self.piece_length);
        let left = self.total_length - begin;
        Some(u32::try_from(left).map_or(self.piece_length, |left| left.min(self.piece_length)))
    }

    /// The SHA-1 of a piece.
    ///
    /// # Panics
    /// When there is no such piece, as indexing a slice does: the index must
    /// have been checked. [`Info::get_piece_hash`] takes any.
    #[must_use]
    pub fn piece_hash(&self, piece: PieceIndex) -> &[u8; 20] {
        &self.hashes()[index(piece)]
    }

    /// The SHA-1 of a piece, if there is such a piece.
    #[must_use]
    pub fn get_piece_hash(&self, piece: PieceIndex) -> Option<&[u8; 20]> {
        self.hashes().get(index(piece))
    }

    fn hashes(&self) -> &[[u8; 20]] {
        self.pieces.as_chunks().0
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

    /// The sum of the lengths of the files in bytes, padding included; 1 to
    /// [`TOTAL_LENGTH_MAX`](super::TOTAL_LENGTH_MAX).
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

fn index(piece: PieceIndex) -> usize {
    // Saturated it is out of bounds, as it should be.
    usize::try_from(piece.0).unwrap_or(usize::MAX)
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

fn is_v2(dict: Dict<'_>) -> bool {
    dict.get(b"file tree").is_some() || dict.get(b"meta version").and_then(Value::as_u64) == Some(2)
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

fn piece_count(pieces: &[u8], total_length: u64, piece_length: u32) -> Result<u32, MetainfoError> {
    if !pieces.len().is_multiple_of(20) {
        return Err(MetainfoError::PiecesLength { len: pieces.len() });
    }
    let hashes = pieces.len() / 20;
    let needed = total_length.div_ceil(u64::from(piece_length));
    u32::try_from(needed)
        .ok()
        .filter(|needed| usize::try_from(*needed) == Ok(hashes))
        .ok_or(MetainfoError::PieceCount {
            hashes,
            pieces: needed,
            total_length,
        })
}
