//! The peer messages as values, and how they are written (BEP 3, 5, 6, 10,
//! 52).
//!
//! The driver of a torrent encodes what the core wants said; `frame` decodes
//! what came. A `piece` message (id 7) is not a [`Message`]: its payload never
//! passes through here. It is written as [`encode_piece_header`] plus the
//! block, and read as [`Step::Block`](crate::frame::Step::Block).

use bytes::{BufMut, Bytes, BytesMut};

use crate::block::{BlockSpan, PieceIndex};
use crate::hash_request::{BODY_LEN, HashRequest};

/// The bytes of a `piece` message before its payload: length prefix, id, piece
/// and begin.
pub const PIECE_HEADER_LEN: usize = 13;

/// The ids of the messages.
pub(crate) mod ids {
    pub(crate) const CHOKE: u8 = 0;
    pub(crate) const UNCHOKE: u8 = 1;
    pub(crate) const INTERESTED: u8 = 2;
    pub(crate) const NOT_INTERESTED: u8 = 3;
    pub(crate) const HAVE: u8 = 4;
    pub(crate) const BITFIELD: u8 = 5;
    pub(crate) const REQUEST: u8 = 6;
    pub(crate) const PIECE: u8 = 7;
    pub(crate) const CANCEL: u8 = 8;
    pub(crate) const PORT: u8 = 9;
    pub(crate) const SUGGEST: u8 = 13;
    pub(crate) const HAVE_ALL: u8 = 14;
    pub(crate) const HAVE_NONE: u8 = 15;
    pub(crate) const REJECT: u8 = 16;
    pub(crate) const ALLOWED_FAST: u8 = 17;
    pub(crate) const EXTENDED: u8 = 20;
    pub(crate) const HASH_REQUEST: u8 = 21;
    pub(crate) const HASHES: u8 = 22;
    pub(crate) const HASH_REJECT: u8 = 23;
}

/// A peer message without block payload. What it names is as on the wire,
/// unchecked against a torrent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A length prefix of zero; keeps the connection open.
    KeepAlive,
    /// The sender will not answer requests.
    Choke,
    /// The sender will answer requests.
    Unchoke,
    /// The sender wants something the receiver has.
    Interested,
    /// The sender wants nothing.
    NotInterested,
    /// The sender has a piece now.
    Have(PieceIndex),
    /// All that the sender has: a bit per piece, the high bit of the first byte
    /// is piece 0.
    Bitfield(Bytes),
    /// Asks for a block.
    Request(BlockSpan),
    /// Takes a request back.
    Cancel(BlockSpan),
    /// The UDP port of the sender's DHT node (BEP 5).
    Port(u16),
    /// A piece that would be good to ask for (BEP 6).
    Suggest(PieceIndex),
    /// The sender has every piece (BEP 6).
    HaveAll,
    /// The sender has no piece (BEP 6).
    HaveNone,
    /// A request will not be answered (BEP 6).
    Reject(BlockSpan),
    /// A piece that may be asked for while choked (BEP 6).
    AllowedFast(PieceIndex),
    /// An extension message; id 0 is the extended handshake (BEP 10).
    Extended {
        /// The id that the receiver gave to the extension.
        id: u8,
        /// All after that byte.
        payload: Bytes,
    },
    /// Asks for hashes of a v2 torrent (BEP 52).
    HashRequest(HashRequest),
    /// Hashes of a v2 torrent (BEP 52).
    Hashes {
        /// Which they are.
        request: HashRequest,
        /// As many bytes as [`HashRequest::answer_len`] says: the hashes, then
        /// the proof from below to above.
        hashes: Bytes,
    },
    /// A request for hashes will not be answered (BEP 52).
    HashReject(HashRequest),
    /// A message of an id that we do not know; its content was skipped.
    Unknown {
        /// The id.
        id: u8,
    },
}

impl Message {
    /// Appends the message with its length prefix. A bitfield or extension
    /// payload is at most 2^32 - 3 bytes.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::KeepAlive => out.put_u32(0),
            Self::Choke => put_bare(out, ids::CHOKE),
            Self::Unchoke => put_bare(out, ids::UNCHOKE),
            Self::Interested => put_bare(out, ids::INTERESTED),
            Self::NotInterested => put_bare(out, ids::NOT_INTERESTED),
            Self::Have(piece) => put_piece(out, ids::HAVE, *piece),
            Self::Bitfield(bits) => {
                put_head(out, 1 + bits.len(), ids::BITFIELD);
                out.put_slice(bits);
            }
            Self::Request(span) => put_span(out, ids::REQUEST, *span),
            Self::Cancel(span) => put_span(out, ids::CANCEL, *span),
            Self::Port(port) => {
                put_head(out, 3, ids::PORT);
                out.put_u16(*port);
            }
            Self::Suggest(piece) => put_piece(out, ids::SUGGEST, *piece),
            Self::HaveAll => put_bare(out, ids::HAVE_ALL),
            Self::HaveNone => put_bare(out, ids::HAVE_NONE),
            Self::Reject(span) => put_span(out, ids::REJECT, *span),
            Self::AllowedFast(piece) => put_piece(out, ids::ALLOWED_FAST, *piece),
            Self::Extended { id, payload } => {
                put_head(out, 2 + payload.len(), ids::EXTENDED);
                out.put_u8(*id);
                out.put_slice(payload);
            }
            Self::HashRequest(request) => put_hash_request(out, ids::HASH_REQUEST, request, &[]),
            Self::Hashes { request, hashes } => {
                put_hash_request(out, ids::HASHES, request, hashes);
            }
            Self::HashReject(request) => put_hash_request(out, ids::HASH_REJECT, request, &[]),
            Self::Unknown { id } => put_bare(out, *id),
        }
    }
}

/// Appends the 13 bytes of a `piece` message that come before its payload; the
/// caller sends `span.len` bytes after them.
pub fn encode_piece_header(span: BlockSpan, out: &mut BytesMut) {
    out.put_u32(span.len.saturating_add(9));
    out.put_u8(ids::PIECE);
    out.put_u32(span.piece.0);
    out.put_u32(span.begin);
}

fn put_head(out: &mut BytesMut, len: usize, id: u8) {
    // The bound is the caller's (see `encode`): saturate rather than wrap.
    out.put_u32(u32::try_from(len).unwrap_or(u32::MAX));
    out.put_u8(id);
}

fn put_bare(out: &mut BytesMut, id: u8) {
    put_head(out, 1, id);
}

fn put_piece(out: &mut BytesMut, id: u8, piece: PieceIndex) {
    put_head(out, 5, id);
    out.put_u32(piece.0);
}

fn put_span(out: &mut BytesMut, id: u8, span: BlockSpan) {
    put_head(out, 13, id);
    out.put_u32(span.piece.0);
    out.put_u32(span.begin);
    out.put_u32(span.len);
}

fn put_hash_request(out: &mut BytesMut, id: u8, request: &HashRequest, hashes: &[u8]) {
    put_head(out, 1 + BODY_LEN + hashes.len(), id);
    request.write(out);
    out.put_slice(hashes);
}
