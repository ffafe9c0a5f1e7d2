//! A .torrent file, read and validated once (BEP 3, 12, 19, 27, 47,
//! 52).
//!
//! [`Metainfo::parse`] is for files and downloads, [`Info::parse`] for the info
//! dictionary that came from peers. Everything that the engine relies on is
//! checked here: lengths that add up, as many hashes as pieces, paths that stay
//! inside the torrent. An [`Info`] therefore cannot be wrong later. A torrent is
//! of v1, of v2, or a hybrid of both, whose two descriptions must agree (BEP 52).
//! Outside the info dictionary only the structure must be right: a tracker entry
//! that makes no sense is skipped; piece layers must lead to their roots.

mod build;
mod error;
mod fields;
mod files;
mod hybrid;
mod info;
mod layers;
mod limits;
mod outer;
mod path;
mod tree;

pub use build::{encode_single_file, encode_single_file_v2};
pub use error::{Key, MetainfoError};
pub use files::FileEntry;
pub use info::Info;
pub use layers::{PieceLayers, piece_layer};
pub use limits::{FILES_MAX, PIECE_LENGTH_MAX, PIECE_LENGTH_MIN, TOTAL_LENGTH_MAX};
pub use outer::{Metainfo, TORRENT_LEN_MAX};
pub use tree::FileTree;
