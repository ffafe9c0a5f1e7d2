//! SHA-1 and SHA-256, in one place.
//!
//! Info-hashes and piece hashes of BitTorrent v1 (BEP 3) are SHA-1, those of
//! v2 (BEP 52) SHA-256. The one implementation is aws-lc-rs, which is several
//! times faster than the others on processors without SHA instructions. The
//! hasher of the engine uses [`Sha1`] incrementally, block by block; short
//! inputs and the blocks of a v2 torrent use [`sha1`] and [`sha256`].

use aws_lc_rs::digest::{Context, Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

/// The SHA-256 of `data`, 32 bytes.
#[must_use]
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    // A SHA-256 digest is 32 bytes by definition, so the lengths agree.
    out.copy_from_slice(digest(&SHA256, data).as_ref());
    out
}

/// The SHA-1 of `data`, 20 bytes.
#[must_use]
pub fn sha1(data: &[u8]) -> [u8; 20] {
    to_array(&digest(&SHA1_FOR_LEGACY_USE_ONLY, data))
}

/// A SHA-1 that is fed in order, part by part.
#[derive(Clone)]
pub struct Sha1(Context);

impl Sha1 {
    /// A hasher that has seen no bytes.
    #[must_use]
    pub fn new() -> Self {
        Self(Context::new(&SHA1_FOR_LEGACY_USE_ONLY))
    }

    /// Adds the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The hash of all bytes added so far, 20 bytes.
    #[must_use]
    pub fn finish(self) -> [u8; 20] {
        to_array(&self.0.finish())
    }
}

impl Default for Sha1 {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Sha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha1")
    }
}

fn to_array(digest: &Digest) -> [u8; 20] {
    let mut out = [0; 20];
    // A SHA-1 digest is 20 bytes by definition, so the lengths agree.
    out.copy_from_slice(digest.as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_abc_is_the_one_of_fips_180() {
        assert_eq!(
            data_encoding::HEXLOWER.encode(&sha1(b"abc")),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
    }

    #[test]
    fn the_sha_256_of_abc_is_the_one_of_fips_180() {
        assert_eq!(
            data_encoding::HEXLOWER.encode(&sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn parts_hash_to_the_same_as_the_whole() {
        let mut parts = Sha1::new();
        parts.update(b"ab");
        parts.update(b"");
        parts.update(b"c");
        assert_eq!(parts.finish(), sha1(b"abc"));
    }
}
