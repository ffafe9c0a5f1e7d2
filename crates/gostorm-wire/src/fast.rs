//! The allowed fast set: pieces that a peer may ask for although it is choked (BEP 6).
//!
//! Both sides can compute it, from the receiver's address and the torrent. The driver does so for each peer of the
//! fast extension; the core grants those of the pieces that are held for a while.

use std::net::IpAddr;

use crate::block::PieceIndex;
use crate::hash::sha1;
use crate::id::InfoHash;

/// How many pieces a set has, if the torrent has as many (BEP 6 suggests 10).
pub const ALLOWED_FAST_LEN: usize = 10;

/// The set of the peer at `ip`, in a torrent of `pieces` pieces. Peers of one /24 have the same. Empty for IPv6, of
/// which BEP 6 says nothing.
#[must_use]
pub fn allowed_fast(ip: IpAddr, torrent: InfoHash, pieces: u32) -> Vec<PieceIndex> {
    let IpAddr::V4(ip) = ip.to_canonical() else {
        return Vec::new();
    };
    let wanted = usize::try_from(pieces).map_or(ALLOWED_FAST_LEN, |all| all.min(ALLOWED_FAST_LEN));
    let mut set = Vec::with_capacity(wanted);
    if wanted == ALLOWED_FAST_LEN {
        let mut seed = (ip.to_bits() & 0xffff_ff00).to_be_bytes().to_vec();
        seed.extend(torrent.0);
        while set.len() < wanted {
            seed = sha1(&seed).to_vec();
            for word in seed.as_chunks::<4>().0 {
                let piece = PieceIndex(u32::from_be_bytes(*word) % pieces);
                if set.len() < wanted && !set.contains(&piece) {
                    set.push(piece);
                }
            }
        }
    } else {
        // All of them: to draw the last ones could take long.
        set.extend((0..pieces).map(PieceIndex));
    }
    set
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_that_of_the_example_in_bep_6() {
        let ip = "80.4.4.200".parse().unwrap();
        let set = allowed_fast(ip, InfoHash([0xaa; 20]), 1313);
        let expected = [1059, 431, 808, 1217, 287, 376, 1188, 353, 508];
        assert_eq!(set[..9], expected.map(PieceIndex));
        assert_eq!(set.len(), ALLOWED_FAST_LEN);
        let neighbour = "80.4.4.9".parse().unwrap();
        assert_eq!(allowed_fast(neighbour, InfoHash([0xaa; 20]), 1313), set);
    }

    #[test]
    fn a_small_torrent_has_a_small_set_and_ipv6_none() {
        let ip = "80.4.4.200".parse().unwrap();
        for pieces in 0..40 {
            let mut set = allowed_fast(ip, InfoHash([7; 20]), pieces);
            set.sort_unstable();
            set.dedup();
            assert_eq!(set.len(), ALLOWED_FAST_LEN.min(pieces as usize));
            assert!(set.iter().all(|piece| piece.0 < pieces));
        }
        let v6 = "2001:db8::1".parse().unwrap();
        assert_eq!(allowed_fast(v6, InfoHash([7; 20]), 100), []);
    }
}
