//! A .torrent file, read and validated once (BEP 3, 12, 19, 27, 47).
//!
//! [`Metainfo::parse`] is for files and downloads, [`Info::parse`] for the info
//! dictionary that came from peers. Everything that the engine relies on is
//! checked here: lengths that add up, as many hashes as pieces, paths that stay
//! inside the torrent. An [`Info`] therefore cannot be wrong later. A hybrid of
//! v1 and v2 (BEP 52) is read as v1; one that is v2 only is refused. Outside
//! the info dictionary only the structure must be right: a tracker entry that
//! makes no sense is skipped.

mod build;
mod error;
mod fields;
mod files;
mod info;
mod limits;
mod outer;
mod path;

pub use build::encode_single_file;
pub use error::{Key, MetainfoError};
pub use files::FileEntry;
pub use info::Info;
pub use limits::{FILES_MAX, PIECE_LENGTH_MAX, PIECE_LENGTH_MIN, TOTAL_LENGTH_MAX};
pub use outer::{Metainfo, TORRENT_LEN_MAX};
