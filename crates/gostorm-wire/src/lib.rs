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
pub mod blocklist;
pub mod client;
pub mod compact;
pub mod dont_have;
pub mod extension;
pub mod fast;
pub mod frame;
#[doc(hidden)]
pub mod fuzzing;
pub mod handshake;
pub mod hash;
pub mod hash_request;
pub mod id;
pub mod krpc;
pub mod lsd;
pub mod magnet;
pub mod merkle;
pub mod message;
pub mod metainfo;
pub mod mse;
pub mod nat;
pub mod pex;
pub mod tracker;
pub mod upload_only;
pub mod ut_metadata;
pub mod violation;
pub mod web_seed;

pub use block::{BLOCK_LEN, BlockSpan, PieceIndex};
pub use blocklist::{Blocklist, BlocklistError, BlocklistParser, BlocklistReport};
pub use dont_have::DontHave;
pub use extension::{EXTENDED_HANDSHAKE_ID, ExtendedHandshake};
pub use frame::{FrameLimits, Step, next_frame};
pub use handshake::{HANDSHAKE_LEN, Handshake, Reserved};
pub use hash::{Sha1, sha1, sha256};
pub use hash_request::HashRequest;
pub use id::{IdError, InfoHash, InfoHashV2, PeerId};
pub use magnet::{Magnet, MagnetError, PeerHint};
pub use merkle::Node;
pub use message::{Message, PIECE_HEADER_LEN, encode_piece_header};
pub use metainfo::{FileEntry, FileTree, Info, Metainfo, MetainfoError, PieceLayers};
pub use pex::{Pex, PexFlags};
pub use tracker::{AnnounceError, AnnounceEvent, AnnounceRequest, AnnounceResponse, RetryIn};
pub use ut_metadata::{METADATA_LEN_MAX, UtMetadata};
pub use violation::Violation;
