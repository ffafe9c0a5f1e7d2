//! The film of the demonstration and its torrent.
//!
//! Made once by `run`: the film is written to a file, the torrent from the file. The seeder reads the file, so
//! that the film is never in this process's memory but for what GoStream itself holds of it.

use std::fs::File;
use std::io::{self, BufWriter, Read as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use gostorm_wire::metainfo::encode_single_file;
use gostorm_wire::{Metainfo, Sha1};

use super::matroska;

/// The file's name, which is the torrent's too.
const NAME: &str = "GoStream Demonstration (2026).mkv";
const TITLE: &str = "GoStream Demonstration";
/// Bytes in a piece: what makers of torrents choose for a file of this size.
const PIECE_LEN: u32 = 256 * 1024;
/// The same, as a length in memory.
const PIECE_BYTES: usize = 256 * 1024;

/// Why there is nothing to share.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShareError {
    /// The file system refused.
    #[error("cannot make the film {}: {source}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The torrent does not read back.
    #[error("the torrent of the film is not usable: {0}")]
    Torrent(#[from] gostorm_wire::MetainfoError),
}

/// A film that can be shared.
#[derive(Debug)]
pub(super) struct Share {
    /// The torrent; has one file.
    pub(super) metainfo: Metainfo,
    /// SHA-256 of the film.
    pub(super) sha256: [u8; 32],
    /// The film.
    pub(super) file: File,
}

impl Share {
    /// Writes a film of so many seconds (2.3 MB each) into `directory`, and its torrent.
    pub(super) fn make(directory: &Path, seconds: u32) -> Result<Self, ShareError> {
        let path = directory.join(NAME);
        let io = |source| ShareError::Io {
            path: path.clone(),
            source,
        };
        let mut file = File::create_new(&path).map_err(io)?;
        matroska::write(&mut BufWriter::new(&mut file), TITLE, seconds).map_err(io)?;
        let file = File::open(&path).map_err(io)?;
        let (pieces, length, sha256) = hash(&file).map_err(io)?;
        let torrent = encode_single_file(None, NAME, length, PIECE_LEN, &pieces);
        Ok(Self {
            metainfo: Metainfo::parse(&torrent)?,
            sha256,
            file,
        })
    }

    /// Bytes of the film.
    pub(super) fn length(&self) -> u64 {
        self.metainfo.info.total_length()
    }
}

/// The SHA-1 of each piece, the length, and the SHA-256 of all.
fn hash(mut file: &File) -> io::Result<(Vec<[u8; 20]>, u64, [u8; 32])> {
    let mut pieces = Vec::new();
    let mut whole = Context::new(&SHA256);
    let mut length = 0;
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    loop {
        piece.clear();
        let read = file.by_ref().take(u64::from(PIECE_LEN));
        let read = { read }.read_to_end(&mut piece)?;
        if read == 0 {
            break;
        }
        let mut sha1 = Sha1::new();
        sha1.update(&piece);
        pieces.push(sha1.finish());
        whole.update(&piece);
        length += u64::try_from(read).unwrap_or(0);
    }
    Ok((pieces, length, sha256_bytes(whole)))
}

/// The end of a SHA-256.
pub(super) fn sha256_bytes(context: Context) -> [u8; 32] {
    let mut bytes = [0; 32];
    // A SHA-256 has 32 bytes by definition, so the lengths agree.
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}
