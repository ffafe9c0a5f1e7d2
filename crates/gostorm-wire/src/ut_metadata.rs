//! `ut_metadata`: the info dictionary from peers, in pieces of 16 KiB (BEP 9).
//!
//! The payload is a bencoded dictionary; in a data message the piece's bytes
//! follow it. The driver speaks it both ways: before the info dictionary is
//! known it asks, afterwards it answers. What always holds for a decoded
//! [`UtMetadata::Data`]: the total size is within bounds, the piece lies in it,
//! and the payload has exactly that piece's length.

use bytes::Bytes;

use crate::bencode::{Dict, Value, put_bytes, put_int};
use crate::violation::Violation;

/// The largest info dictionary that we take: 32 MiB, 1.6 million piece hashes.
pub const METADATA_LEN_MAX: u32 = 32 * 1024 * 1024;

/// The length of a metadata piece, save the last one (BEP 9).
pub const METADATA_PIECE_LEN: u32 = 16 * 1024;

const NAME: &str = "ut_metadata";

/// A `ut_metadata` message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UtMetadata {
    /// Asks for a piece of the info dictionary.
    Request {
        /// The piece, from 0.
        piece: u32,
    },
    /// A piece of the info dictionary.
    Data {
        /// The piece, from 0.
        piece: u32,
        /// The size of the whole info dictionary in bytes.
        total_size: u32,
        /// The bytes: [`METADATA_PIECE_LEN`], or fewer for the last piece.
        payload: Bytes,
    },
    /// The sender will not give the piece.
    Reject {
        /// The piece, from 0.
        piece: u32,
    },
    /// A kind of message that BEP 9 does not have; to be ignored.
    Unknown {
        /// Its `msg_type`.
        msg_type: u64,
    },
}

impl UtMetadata {
    /// The payload of the extension message.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let (msg_type, piece, data) = match self {
            Self::Request { piece } => (0, Some(piece), None),
            Self::Data {
                piece,
                total_size,
                payload,
            } => (1, Some(piece), Some((total_size, payload))),
            Self::Reject { piece } => (2, Some(piece), None),
            Self::Unknown { msg_type } => (*msg_type, None, None),
        };
        let mut out = b"d8:msg_type".to_vec();
        put_int(&mut out, msg_type);
        if let Some(piece) = piece {
            put_bytes(&mut out, b"piece");
            put_int(&mut out, *piece);
        }
        if let Some((total_size, _)) = data {
            put_bytes(&mut out, b"total_size");
            put_int(&mut out, *total_size);
        }
        out.push(b'e');
        if let Some((_, payload)) = data {
            out.extend_from_slice(payload);
        }
        out.into()
    }

    /// Reads the payload of an extension message; a data message's bytes share
    /// its memory.
    ///
    /// # Errors
    /// A [`Violation`] when it is not a bencoded dictionary, a key is missing,
    /// or a data message's numbers and length do not fit each other.
    pub fn decode(payload: &Bytes) -> Result<Self, Violation> {
        let (value, rest) = Value::parse_prefix(payload)
            .map_err(|source| Violation::NotBencode { name: NAME, source })?;
        let dict = value
            .as_dict()
            .ok_or(Violation::NotADictionary { name: NAME })?;
        let msg_type = number::<u64>(dict, "msg_type")?;
        let piece = || number::<u32>(dict, "piece");
        match msg_type {
            0 => Ok(Self::Request { piece: piece()? }),
            1 => data(
                piece()?,
                number(dict, "total_size")?,
                payload.slice_ref(rest),
            ),
            2 => Ok(Self::Reject { piece: piece()? }),
            msg_type => Ok(Self::Unknown { msg_type }),
        }
    }
}

/// How many pieces an info dictionary of `total_size` bytes has.
#[must_use]
pub const fn metadata_piece_count(total_size: u32) -> u32 {
    total_size.div_ceil(METADATA_PIECE_LEN)
}

/// The length of a piece of an info dictionary of `total_size` bytes; `None`
/// when there is no such piece.
#[must_use]
pub fn metadata_piece_len(total_size: u32, piece: u32) -> Option<u32> {
    let begin = piece.checked_mul(METADATA_PIECE_LEN)?;
    let left = total_size.checked_sub(begin)?;
    (left > 0).then_some(left.min(METADATA_PIECE_LEN))
}

fn data(piece: u32, total: i64, payload: Bytes) -> Result<UtMetadata, Violation> {
    let total_size = u32::try_from(total)
        .ok()
        .filter(|size| (1..=METADATA_LEN_MAX).contains(size))
        .ok_or(Violation::MetadataSize {
            size: total,
            max: METADATA_LEN_MAX,
        })?;
    let expected = metadata_piece_len(total_size, piece);
    if expected.is_none_or(|len| usize::try_from(len) != Ok(payload.len())) {
        return Err(Violation::MetadataPiece {
            piece,
            len: payload.len(),
            total: total_size,
        });
    }
    Ok(UtMetadata::Data {
        piece,
        total_size,
        payload,
    })
}

fn number<T: TryFrom<i128>>(dict: Dict<'_>, key: &'static str) -> Result<T, Violation> {
    let wrong = |wrong| Violation::ExtensionKey {
        name: NAME,
        key,
        wrong,
    };
    let value = dict.get(key.as_bytes()).ok_or(wrong("is missing"))?;
    let wide = value.as_i64().map(i128::from);
    let wide = wide.or_else(|| value.as_u64().map(i128::from));
    wide.and_then(|number| T::try_from(number).ok())
        .ok_or(wrong("is not a number in range"))
}
