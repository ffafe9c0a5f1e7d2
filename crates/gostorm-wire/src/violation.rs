//! What a remote peer did against the protocol, as a value.
//!
//! Returned by the decoders of peer bytes: handshake, frames, extension
//! messages. It is not a failure of ours: the caller closes the connection,
//! counts it, and may log it once. Where it holds text from the peer, that text
//! is bounded.

use crate::bencode::BencodeError;
use crate::block::BlockSpan;

/// A peer's breach of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The first 20 bytes are not the BitTorrent protocol string (BEP 3).
    #[error("the handshake is not BitTorrent's")]
    NotBitTorrent,
    /// A public key of the encryption handshake that leads to no secret, or is none.
    #[error("the key of the encryption handshake is none")]
    MseKey,
    /// The mark behind the first padding of the encryption handshake does not come.
    #[error("the encryption handshake has no mark behind its padding")]
    MseSync,
    /// The verification constant of the encryption handshake is wrong.
    #[error("the encryption handshake does not decrypt to its constant")]
    MseConstant,
    /// A padding of the encryption handshake that is too long.
    #[error("a padding of {len} bytes; at most 512 are accepted")]
    MsePad {
        /// The length that it says.
        len: usize,
    },
    /// An initial payload of the encryption handshake that is too long.
    #[error(
        "an initial payload of {len} bytes; at most {} are accepted",
        crate::mse::INITIAL_MAX
    )]
    MseInitial {
        /// The length that it says.
        len: usize,
    },
    /// The methods offered, or the one selected, have none that we are content with.
    #[error("encryption methods {bits:#x}, of which none is accepted")]
    MseMethod {
        /// The bit field: 1 plaintext, 2 RC4.
        bits: u32,
    },
    /// A length prefix above the limit.
    #[error("a message of {len} bytes ({}); at most {max} are accepted", id_text(*.id))]
    MessageTooLong {
        /// The message's id, when its byte has arrived.
        id: Option<u8>,
        /// The length prefix.
        len: u32,
        /// The limit.
        max: u32,
    },
    /// A message whose length does not fit its kind.
    #[error("message {name} has {len} bytes instead of {expected}")]
    WrongLength {
        /// The message's name in the specification.
        name: &'static str,
        /// The length prefix.
        len: u32,
        /// The length it must have.
        expected: u32,
    },
    /// A piece message, request, cancel or reject of no bytes or of too many.
    #[error("message {name} names {span}; 1 to {max} bytes are accepted")]
    BlockLength {
        /// The message's name in the specification.
        name: &'static str,
        /// What it names.
        span: BlockSpan,
        /// The limit.
        max: u32,
    },
    /// A block that would end after byte 2^32 of its piece.
    #[error("message {name} names {span}, which ends beyond any piece")]
    BlockOverflow {
        /// The message's name in the specification.
        name: &'static str,
        /// What it names.
        span: BlockSpan,
    },
    /// A part of a hash tree that no tree has, or that is too large (BEP 52).
    #[error(
        "message {name} names {count} hashes from {index} of layer {layer} with {proof_layers} \
         layers of proof"
    )]
    HashRange {
        /// The message's name in the specification.
        name: &'static str,
        /// The layer.
        layer: u32,
        /// The first hash.
        index: u32,
        /// How many.
        count: u32,
        /// Layers of proof.
        proof_layers: u32,
    },
    /// An extension message that is not bencoded (BEP 10).
    #[error("extension message {name}: {source}")]
    NotBencode {
        /// Which extension message.
        name: &'static str,
        /// What is wrong.
        source: BencodeError,
    },
    /// An extension message that is bencoded, but not a dictionary (BEP 10).
    #[error("extension message {name} is not a dictionary")]
    NotADictionary {
        /// Which extension message.
        name: &'static str,
    },
    /// A key of an extension message is missing or has the wrong type.
    #[error("extension message {name}: key \"{key}\" {wrong}")]
    ExtensionKey {
        /// Which extension message.
        name: &'static str,
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        wrong: &'static str,
    },
    /// A peer exchange message of more addresses than any client sends (BEP 11).
    #[error("a peer exchange of {count} addresses; at most {max} are accepted")]
    TooManyPeers {
        /// How many.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// A metadata size that no info dictionary can have (BEP 9).
    #[error("metadata of {size} bytes; 1 to {max} are accepted")]
    MetadataSize {
        /// The size as stated; i64's ends when it does not fit.
        size: i64,
        /// The limit.
        max: u32,
    },
    /// A piece of metadata that is not where or as long as it must be (BEP 9).
    #[error("metadata piece {piece} of {len} bytes does not fit a total of {total}")]
    MetadataPiece {
        /// The piece.
        piece: u32,
        /// The bytes that came with it.
        len: usize,
        /// The total size stated.
        total: u32,
    },
}

fn id_text(id: Option<u8>) -> String {
    id.map_or_else(|| "id not seen".to_owned(), |id| format!("id {id}"))
}
