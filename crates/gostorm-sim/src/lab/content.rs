//! The bytes of the lab's film: a function of the offset, so that gigabytes need no memory.
//!
//! Peers fill blocks from it, tests compare what they read with it.

use bytes::Bytes;
use gostorm_wire::bencode::put_bytes;
use gostorm_wire::metainfo::encode_single_file;
use gostorm_wire::{Info, InfoHash, Metainfo, MetainfoError, Sha1};

use crate::rng::mix;

/// Bytes that one number of the pattern gives.
const WORD: usize = 8;
const WORD_U64: u64 = 8;
/// Bytes hashed at a time while the torrent is made.
const STEP: u32 = 16 * 1024;

/// A film and its torrent.
#[derive(Clone, Debug)]
pub struct Content {
    seed: u64,
    len: u64,
    piece_len: u32,
    info: Bytes,
    info_hash: InfoHash,
}

impl Content {
    /// A film of `len` bytes in pieces of `piece_len`; hashes all of it once.
    ///
    /// # Errors
    /// When the numbers make no valid torrent.
    pub fn new(seed: u64, len: u64, piece_len: u32) -> Result<Self, MetainfoError> {
        let hashes = hashes(seed, len, piece_len);
        let name = format!("film-{seed}.mkv");
        let torrent = encode_single_file(None, &name, len, piece_len, &hashes);
        let metainfo = Metainfo::parse(&torrent)?;
        Ok(Self {
            seed,
            len,
            piece_len,
            info: metainfo.info_bytes,
            info_hash: metainfo.info_hash,
        })
    }

    /// The same film as a private torrent (BEP 27).
    #[must_use]
    pub fn private(mut self) -> Self {
        let mut info = self.info.to_vec();
        // It is the last key of the dictionary.
        info.pop();
        info.extend_from_slice(b"7:privatei1ee");
        self.info = info.into();
        self.info_hash = Info::info_hash_of(&self.info);
        self
    }

    /// A torrent of which there is only this info dict, valid or not.
    #[must_use]
    pub fn of_info(info: Bytes) -> Self {
        Self {
            seed: 0,
            len: 0,
            piece_len: 1,
            info_hash: Info::info_hash_of(&info),
            info,
        }
    }

    /// Its bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// True when it has none, which no valid torrent is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes in a piece, save the last one.
    #[must_use]
    pub const fn piece_len(&self) -> u32 {
        self.piece_len
    }

    /// How many pieces.
    #[must_use]
    pub fn pieces(&self) -> u32 {
        u32::try_from(self.len.div_ceil(u64::from(self.piece_len))).unwrap_or(u32::MAX)
    }

    /// The info dict.
    #[must_use]
    pub fn info(&self) -> Bytes {
        self.info.clone()
    }

    /// The `.torrent` file, with this announce URL.
    #[must_use]
    pub fn torrent(&self, announce: &str) -> Vec<u8> {
        let mut out = b"d".to_vec();
        put_bytes(&mut out, b"announce");
        put_bytes(&mut out, announce.as_bytes());
        put_bytes(&mut out, b"info");
        out.extend_from_slice(&self.info);
        out.push(b'e');
        out
    }

    /// The torrent's name.
    #[must_use]
    pub const fn info_hash(&self) -> InfoHash {
        self.info_hash
    }

    /// Writes the film's bytes from `offset` on into `out`; beyond its end the pattern just goes on.
    pub fn fill(&self, offset: u64, out: &mut [u8]) {
        fill(self.seed, offset, out);
    }

    /// The `len` bytes from `offset` on.
    #[must_use]
    pub fn bytes(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.fill(offset, &mut bytes);
        bytes
    }

    /// True when `bytes` are the film's from `offset` on.
    #[must_use]
    pub fn matches(&self, offset: u64, bytes: &[u8]) -> bool {
        self.bytes(offset, bytes.len()) == bytes
    }
}

fn fill(seed: u64, offset: u64, out: &mut [u8]) {
    let mut word = offset / WORD_U64;
    // The remainder of a division by 8.
    let skip = usize::try_from(offset % WORD_U64).unwrap_or(0);
    let head = if skip == 0 {
        0
    } else {
        (WORD - skip).min(out.len())
    };
    let (first, rest) = out.split_at_mut(head);
    if head > 0 {
        first.copy_from_slice(&number(seed, word)[skip..skip + head]);
        word += 1;
    }
    for part in rest.chunks_mut(WORD) {
        part.copy_from_slice(&number(seed, word)[..part.len()]);
        word += 1;
    }
}

fn number(seed: u64, word: u64) -> [u8; WORD] {
    mix(seed ^ mix(word)).to_le_bytes()
}

fn hashes(seed: u64, len: u64, piece_len: u32) -> Vec<[u8; 20]> {
    let mut hashes = Vec::new();
    let mut buffer = vec![0; STEP as usize];
    let mut offset = 0;
    while offset < len && piece_len > 0 {
        let end = len.min(offset + u64::from(piece_len));
        let mut sha1 = Sha1::new();
        while offset < end {
            let step = usize::try_from(end - offset)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            fill(seed, offset, &mut buffer[..step]);
            sha1.update(&buffer[..step]);
            offset += step as u64;
        }
        hashes.push(sha1.finish());
    }
    hashes
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use gostorm_wire::{PieceIndex, sha1};

    use super::*;

    #[test]
    fn any_part_is_cut_from_the_same_bytes() {
        let content = Content::new(3, 100_000, 16 << 10).unwrap();
        let whole = content.bytes(0, 100_000);
        for (offset, len) in [(0, 1), (1, 3), (7, 9), (8, 8), (13, 70_001), (99_999, 1)] {
            let from = usize::try_from(offset).unwrap();
            assert_eq!(content.bytes(offset, len), whole[from..from + len]);
            assert!(content.matches(offset, &whole[from..from + len]));
        }
        assert!(!content.matches(1, &whole[..8]));
    }

    #[test]
    fn the_hashes_are_of_the_pieces() {
        let content = Content::new(4, 100_000, 32 << 10).unwrap();
        let info = Info::parse(&content.info()).unwrap();
        assert_eq!(content.pieces(), 4);
        assert_eq!(
            info.piece_sha1(PieceIndex(3)),
            Some((&sha1(&content.bytes(98_304, 100_000 - 98_304)), 0))
        );
        assert_eq!(Info::info_hash_of(&content.info()), content.info_hash());
    }

    #[test]
    fn the_torrent_file_names_the_tracker_and_the_film() {
        let content = Content::new(5, 100_000, 32 << 10).unwrap();
        let torrent = Metainfo::parse(&content.torrent("http://127.0.0.1:1/announce")).unwrap();
        assert_eq!(torrent.info_hash, content.info_hash());
        assert!(format!("{torrent:?}").contains("http://127.0.0.1:1/announce"));
    }

    #[test]
    fn another_seed_is_another_film() {
        let one = Content::new(1, 20_000, 16 << 10).unwrap();
        let other = Content::new(2, 20_000, 16 << 10).unwrap();
        assert_ne!(one.bytes(0, 64), other.bytes(0, 64));
        assert_ne!(one.info_hash(), other.info_hash());
    }
}
