//! Proposals for inode numbers: pure functions of what a file is.
//!
//! The store asks for these when it first sees a key, settles collisions, and keeps what it gave for ever:
//! a changed inode makes a media server scan its library again. A number is never 0 (no inode) or 1 (the
//! root). Directories have bit 63 set, files have it clear.

use crate::hash::TorrentHash;

/// The inode of the root of the mount, as FUSE demands.
pub const ROOT_INODE: u64 = 1;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
const DIRECTORY_BIT: u64 = 1 << 63;

/// FNV-1a, 64 bits.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(FNV_OFFSET, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)
    })
}

/// The proposal for a film: FNV-1a of `<hash>:<index>`, bit 63 clear.
pub fn file(hash: &TorrentHash, index: u32) -> u64 {
    file_number(fnv1a(format!("{hash}:{index}").as_bytes()))
}

/// The proposal for a directory: FNV-1a of `/` and its path relative to the root (no slash at either end),
/// bit 63 set. The empty path is the root.
pub fn directory(path: &str) -> u64 {
    if path.is_empty() {
        return ROOT_INODE;
    }
    fnv1a(format!("/{path}").as_bytes()) | DIRECTORY_BIT
}

/// The proposal for a side-car or a stub that cannot be read: FNV-1a of `sidecar:/` and its relative path,
/// bit 63 clear.
pub fn sidecar(path: &str) -> u64 {
    file_number(fnv1a(format!("sidecar:/{path}").as_bytes()))
}

/// The next proposal for `key` after `taken` collided: depends on the key and the attempt (1, 2, ...) alone,
/// never on what the neighbours hold, and keeps the kind (bit 63) of `taken`.
pub fn next_proposal(taken: u64, key: &str, attempt: u32) -> u64 {
    let fresh = fnv1a(format!("{key}#{attempt}").as_bytes());
    if taken & DIRECTORY_BIT == 0 {
        file_number(fresh)
    } else {
        fresh | DIRECTORY_BIT
    }
}

/// Clears bit 63 and steps over the two reserved numbers.
fn file_number(hash: u64) -> u64 {
    let number = hash & !DIRECTORY_BIT;
    if number <= ROOT_INODE {
        number + 2
    } else {
        number
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fnv1a_gives_the_published_vectors() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn reserved_numbers_are_never_given() {
        for hash in [0, 1, DIRECTORY_BIT, DIRECTORY_BIT | 1] {
            assert!(file_number(hash) > ROOT_INODE);
        }
        assert_eq!(directory(""), ROOT_INODE);
    }

    #[test]
    fn a_directory_is_named_with_a_leading_slash() {
        assert_eq!(directory("tv"), fnv1a(b"/tv") | DIRECTORY_BIT);
    }

    proptest! {
        #[test]
        fn kinds_never_meet(hash: [u8; 20], index: u32, path in ".{1,40}", attempt in 1u32..50) {
            let film = file(&TorrentHash(hash), index);
            let folder = directory(&path);
            prop_assert!(film < DIRECTORY_BIT && sidecar(&path) < DIRECTORY_BIT && folder >= DIRECTORY_BIT);
            prop_assert!(next_proposal(film, &path, attempt) < DIRECTORY_BIT);
            prop_assert!(next_proposal(folder, &path, attempt) >= DIRECTORY_BIT);
        }
    }
}
