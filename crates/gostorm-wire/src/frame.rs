//! Cuts a peer's byte stream into messages (BEP 3, 5, 6, 10, 52).
//!
//! The reading half of a peer connection keeps a small buffer and calls
//! [`next_frame`] on it until it says [`Step::Incomplete`]. A block's payload
//! is not part of a frame: after [`Step::Block`] the reader takes `span.len`
//! bytes from the stream straight into the block's own buffer. What always
//! holds: `need` is at most 4 + `message_len_max`, so a hostile length prefix
//! cannot make the caller grow its buffer; spans are 1 byte at least and end
//! below 2^32.

use bytes::Bytes;

use crate::block::{BLOCK_LEN, BlockSpan, PieceIndex};
use crate::hash_request::{BODY_LEN, HashRequest};
use crate::message::{Message, PIECE_HEADER_LEN, ids};
use crate::violation::Violation;

/// The most bytes that a request, cancel or reject may name: 128 KiB. BEP 3
/// says 16 KiB is what all use and that implementations close connections which
/// ask for more; libtorrent's tolerance is this larger one.
pub const REQUEST_LEN_MAX: u32 = 128 * 1024;

/// The length prefix of a hash request or its reject (BEP 52).
#[expect(clippy::cast_possible_truncation, reason = "a body is 48 bytes")]
const HASH_REQUEST_LEN: u32 = 1 + BODY_LEN as u32;

/// What is accepted from a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// The largest length prefix of a message other than `piece`. 1 MiB holds
    /// the bitfield of 8 million pieces and any extension message.
    pub message_len_max: u32,
    /// The largest payload of a `piece` message. 16 KiB ([`BLOCK_LEN`]): we
    /// never ask for more, so a longer block was not asked for.
    pub block_len_max: u32,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self {
            message_len_max: 1024 * 1024,
            block_len_max: BLOCK_LEN,
        }
    }
}

/// What the bytes in the buffer amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Not a whole message yet.
    Incomplete {
        /// The total bytes the buffer must hold before the next call can say
        /// more; always above its present length.
        need: usize,
    },
    /// A message.
    Message {
        /// The message.
        message: Message,
        /// The bytes of the buffer that it took.
        consumed: usize,
    },
    /// The header of a `piece` message; `span.len` bytes of payload follow in
    /// the stream.
    Block {
        /// What the payload is, as on the wire.
        span: BlockSpan,
        /// The bytes of the buffer that the header took:
        /// [`PIECE_HEADER_LEN`].
        consumed: usize,
    },
}

/// Reads the next message, or the next block header, at the start of `buf`.
///
/// # Errors
/// A [`Violation`] as soon as it is visible, before the bytes of an oversized
/// message have arrived.
pub fn next_frame(buf: &[u8], limits: &FrameLimits) -> Result<Step, Violation> {
    let Some((prefix, body)) = buf.split_first_chunk::<4>() else {
        return Ok(Step::Incomplete { need: 4 });
    };
    let len = u32::from_be_bytes(*prefix);
    if len == 0 {
        return Ok(Step::Message {
            message: Message::KeepAlive,
            consumed: 4,
        });
    }
    let Some((&id, body)) = body.split_first() else {
        return too_long(None, len, limits).map_or(Ok(Step::Incomplete { need: 5 }), Err);
    };
    if id == ids::PIECE {
        return block(len, body, limits);
    }
    if let Some(violation) = too_long(Some(id), len, limits) {
        return Err(violation);
    }
    let name = check_len(id, len)?;
    // A length prefix that fits u32 fits usize on every target we build for;
    // saturating only means that the message never completes.
    let len = usize::try_from(len).unwrap_or(usize::MAX - 4);
    let Some(payload) = body.get(..len - 1) else {
        return Ok(Step::Incomplete { need: 4 + len });
    };
    Ok(Step::Message {
        message: message(name, id, payload)?,
        consumed: 4 + len,
    })
}

/// Before the id is known a length may still be that of a piece message.
fn too_long(id: Option<u8>, len: u32, limits: &FrameLimits) -> Option<Violation> {
    let max = match id {
        Some(_) => limits.message_len_max,
        None => limits
            .message_len_max
            .max(limits.block_len_max.saturating_add(9)),
    };
    (len > max).then_some(Violation::MessageTooLong { id, len, max })
}

fn block(len: u32, body: &[u8], limits: &FrameLimits) -> Result<Step, Violation> {
    let name = "piece";
    let Some(payload_len) = len.checked_sub(9) else {
        return Err(Violation::WrongLength {
            name,
            len,
            expected: 10,
        });
    };
    let max = limits.block_len_max;
    if payload_len > max {
        return Err(Violation::MessageTooLong {
            id: Some(ids::PIECE),
            len,
            max: max.saturating_add(9),
        });
    }
    let Some(([piece, begin], _)) = fields::<2>(body) else {
        return Ok(Step::Incomplete {
            need: PIECE_HEADER_LEN,
        });
    };
    let span = BlockSpan {
        piece: PieceIndex(piece),
        begin,
        len: payload_len,
    };
    check_span(name, span, max)?;
    Ok(Step::Block {
        span,
        consumed: PIECE_HEADER_LEN,
    })
}

/// The name of a message. One of a fixed length must have it; bitfields and
/// unknown ids may have any.
fn check_len(id: u8, len: u32) -> Result<&'static str, Violation> {
    let (name, expected) = match id {
        ids::CHOKE => ("choke", 1),
        ids::UNCHOKE => ("unchoke", 1),
        ids::INTERESTED => ("interested", 1),
        ids::NOT_INTERESTED => ("not interested", 1),
        ids::HAVE => ("have", 5),
        ids::BITFIELD => ("bitfield", len),
        ids::REQUEST => ("request", 13),
        ids::CANCEL => ("cancel", 13),
        ids::PORT => ("port", 3),
        ids::SUGGEST => ("suggest", 5),
        ids::HAVE_ALL => ("have all", 1),
        ids::HAVE_NONE => ("have none", 1),
        ids::REJECT => ("reject", 13),
        ids::ALLOWED_FAST => ("allowed fast", 5),
        // Two bytes at least: its own id, and that of the extension.
        ids::EXTENDED => ("extended", len.max(2)),
        ids::HASH_REQUEST => ("hash request", HASH_REQUEST_LEN),
        ids::HASHES => ("hashes", len.max(HASH_REQUEST_LEN)),
        ids::HASH_REJECT => ("hash reject", HASH_REQUEST_LEN),
        _ => ("unknown", len),
    };
    if len == expected {
        return Ok(name);
    }
    Err(Violation::WrongLength {
        name,
        len,
        expected,
    })
}

/// Reads what follows a message's id.
fn message(name: &'static str, id: u8, payload: &[u8]) -> Result<Message, Violation> {
    let piece = || exact(name, payload).map(|field| PieceIndex(u32::from_be_bytes(*field)));
    let span = || span(name, payload);
    Ok(match id {
        ids::CHOKE => Message::Choke,
        ids::UNCHOKE => Message::Unchoke,
        ids::INTERESTED => Message::Interested,
        ids::NOT_INTERESTED => Message::NotInterested,
        ids::HAVE => Message::Have(piece()?),
        ids::BITFIELD => Message::Bitfield(Bytes::copy_from_slice(payload)),
        ids::REQUEST => Message::Request(span()?),
        ids::CANCEL => Message::Cancel(span()?),
        ids::PORT => Message::Port(u16::from_be_bytes(*exact(name, payload)?)),
        ids::SUGGEST => Message::Suggest(piece()?),
        ids::HAVE_ALL => Message::HaveAll,
        ids::HAVE_NONE => Message::HaveNone,
        ids::REJECT => Message::Reject(span()?),
        ids::ALLOWED_FAST => Message::AllowedFast(piece()?),
        ids::EXTENDED => {
            let (&id, payload) = payload
                .split_first()
                .ok_or_else(|| wrong_length(name, payload, 2))?;
            Message::Extended {
                id,
                payload: Bytes::copy_from_slice(payload),
            }
        }
        ids::HASH_REQUEST => Message::HashRequest(HashRequest::read(name, payload)?.0),
        ids::HASHES => {
            let (request, hashes) = HashRequest::read(name, payload)?;
            if hashes.len() != request.answer_len() {
                let body = BODY_LEN + request.answer_len();
                return Err(wrong_length(name, payload, body + 1));
            }
            Message::Hashes {
                request,
                hashes: Bytes::copy_from_slice(hashes),
            }
        }
        ids::HASH_REJECT => Message::HashReject(HashRequest::read(name, payload)?.0),
        id => Message::Unknown { id },
    })
}

/// A payload of `N` bytes.
fn exact<'a, const N: usize>(
    name: &'static str,
    payload: &'a [u8],
) -> Result<&'a [u8; N], Violation> {
    payload
        .try_into()
        .map_err(|_| wrong_length(name, payload, N + 1))
}

fn wrong_length(name: &'static str, payload: &[u8], expected: usize) -> Violation {
    let len = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    Violation::WrongLength {
        name,
        len: len(payload.len().saturating_add(1)),
        expected: len(expected),
    }
}

fn span(name: &'static str, payload: &[u8]) -> Result<BlockSpan, Violation> {
    let Some(([piece, begin, len], _)) = fields::<3>(payload) else {
        return Err(wrong_length(name, payload, 13));
    };
    let span = BlockSpan {
        piece: PieceIndex(piece),
        begin,
        len,
    };
    check_span(name, span, REQUEST_LEN_MAX)?;
    Ok(span)
}

fn check_span(name: &'static str, span: BlockSpan, max: u32) -> Result<(), Violation> {
    if span.len == 0 || span.len > max {
        return Err(Violation::BlockLength { name, span, max });
    }
    if span.begin.checked_add(span.len).is_none() {
        return Err(Violation::BlockOverflow { name, span });
    }
    Ok(())
}

/// The first `N` big-endian numbers of `bytes`, and what follows.
fn fields<const N: usize>(bytes: &[u8]) -> Option<([u32; N], &[u8])> {
    let mut rest = bytes;
    let mut numbers = [0; N];
    for number in &mut numbers {
        let (field, after) = rest.split_first_chunk::<4>()?;
        *number = u32::from_be_bytes(*field);
        rest = after;
    }
    Some((numbers, rest))
}
