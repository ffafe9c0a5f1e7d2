//! BitTorrent on the wire: metainfo, magnet links, peer messages and tracker
//! answers. Bytes in, validated types out.
//!
//! This crate does no input or output: it owns no socket, clock, thread or
//! random source. `gostorm-core` uses its types, `gostorm` feeds it the bytes.
//! What always holds: no input panics, nothing allocates more than the order
//! of its input's size, and a value of a validated type ([`Info`],
//! [`Metainfo`], [`Magnet`], [`UtMetadata`]) cannot be wrong later. What a
//! remote peer does wrong is a [`Violation`], a value and not a failure of
//! ours; what a file, link or tracker has wrong is a typed error that names
//! the key and the place.

pub mod bencode;
pub mod block;
pub mod client;
pub mod dont_have;
pub mod extension;
pub mod frame;
#[doc(hidden)]
pub mod fuzzing;
pub mod handshake;
pub mod hash;
pub mod id;
pub mod magnet;
pub mod message;
pub mod metainfo;
pub mod tracker;
pub mod ut_metadata;
pub mod violation;

pub use block::{BLOCK_LEN, BlockSpan, PieceIndex};
pub use dont_have::DontHave;
pub use extension::{EXTENDED_HANDSHAKE_ID, ExtendedHandshake};
pub use frame::{FrameLimits, Step, next_frame};
pub use handshake::{HANDSHAKE_LEN, Handshake, Reserved};
pub use hash::{Sha1, sha1};
pub use id::{IdError, InfoHash, PeerId};
pub use magnet::{Magnet, MagnetError, PeerHint};
pub use message::{Message, PIECE_HEADER_LEN, encode_piece_header};
pub use metainfo::{FileEntry, Info, Metainfo, MetainfoError};
pub use tracker::{AnnounceError, AnnounceEvent, AnnounceRequest, AnnounceResponse};
pub use ut_metadata::{METADATA_LEN_MAX, UtMetadata};
pub use violation::Violation;
