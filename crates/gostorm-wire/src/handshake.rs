//! The first 68 bytes of a peer connection (BEP 3).
//!
//! One byte 19, the protocol string, 8 reserved bytes with feature bits, the
//! info-hash, the peer id. Both directions are the same; whether the info-hash
//! is one that we serve is for the caller to decide.

use crate::id::{InfoHash, PeerId};
use crate::violation::Violation;

/// The length of a handshake in bytes (BEP 3).
pub const HANDSHAKE_LEN: usize = 68;

const PROTOCOL: &[u8; 20] = b"\x13BitTorrent protocol";

/// Whether a connection begins as BEP 3 says. If not, it may be encrypted ([`mse`](crate::mse)).
#[must_use]
pub fn is_plain(first: &[u8; 20]) -> bool {
    first == PROTOCOL
}

/// The feature bits of a handshake that we know; others are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reserved {
    /// Fast extension: have-all, have-none, reject, suggest, allowed-fast
    /// (BEP 6; byte 7, 0x04).
    pub fast: bool,
    /// Extension protocol (BEP 10; byte 5, 0x10).
    pub extended: bool,
    /// DHT: the peer has a node and takes `port` messages (BEP 5; byte 7, 0x01).
    pub dht: bool,
    /// The sender knows v2 torrents: a peer of a hybrid may answer with the
    /// truncated v2 hash instead of the v1 hash (BEP 52; byte 7, 0x10).
    pub v2: bool,
}

/// A handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handshake {
    /// What the sender can do.
    pub reserved: Reserved,
    /// Which torrent it is about.
    pub info_hash: InfoHash,
    /// What the sender calls itself.
    pub peer_id: PeerId,
}

impl Handshake {
    /// The 68 bytes to send.
    #[must_use]
    pub fn encode(&self) -> [u8; HANDSHAKE_LEN] {
        let mut out = [0; HANDSHAKE_LEN];
        out[..20].copy_from_slice(PROTOCOL);
        out[25] = if self.reserved.extended { 0x10 } else { 0 };
        out[27] = if self.reserved.fast { 0x04 } else { 0 }
            | if self.reserved.dht { 0x01 } else { 0 }
            | if self.reserved.v2 { 0x10 } else { 0 };
        out[28..48].copy_from_slice(&self.info_hash.0);
        out[48..].copy_from_slice(&self.peer_id.0);
        out
    }

    /// Reads a handshake.
    ///
    /// # Errors
    /// [`Violation::NotBitTorrent`] when the protocol string is another one
    /// (perhaps an encrypted connection).
    pub fn decode(bytes: &[u8; HANDSHAKE_LEN]) -> Result<Self, Violation> {
        if bytes[..20] != PROTOCOL[..] {
            return Err(Violation::NotBitTorrent);
        }
        let mut info_hash = [0; 20];
        info_hash.copy_from_slice(&bytes[28..48]);
        let mut peer_id = [0; 20];
        peer_id.copy_from_slice(&bytes[48..]);
        Ok(Self {
            reserved: Reserved {
                extended: bytes[25] & 0x10 != 0,
                fast: bytes[27] & 0x04 != 0,
                dht: bytes[27] & 0x01 != 0,
                v2: bytes[27] & 0x10 != 0,
            },
            info_hash: InfoHash(info_hash),
            peer_id: PeerId(peer_id),
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let handshake = Handshake {
            reserved: Reserved {
                fast: true,
                extended: true,
                dht: true,
                v2: true,
            },
            info_hash: InfoHash([7; 20]),
            peer_id: PeerId([9; 20]),
        };
        let mut expected = b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x15".to_vec();
        expected.extend([7; 20]);
        expected.extend([9; 20]);
        assert_eq!(handshake.encode().to_vec(), expected);
    }

    #[test]
    fn another_protocol_is_a_violation() {
        let mut bytes = [0; HANDSHAKE_LEN];
        bytes[..20].copy_from_slice(b"\x13BitTorrent protocoL");
        assert_eq!(
            Handshake::decode(&bytes).unwrap_err().to_string(),
            "the handshake is not BitTorrent's"
        );
    }

    proptest! {
        #[test]
        fn a_handshake_survives_the_wire(
            fast: bool, extended: bool, dht: bool, v2: bool, hash: [u8; 20], id: [u8; 20],
        ) {
            let handshake = Handshake {
                reserved: Reserved { fast, extended, dht, v2 },
                info_hash: InfoHash(hash),
                peer_id: PeerId(id),
            };
            prop_assert_eq!(Handshake::decode(&handshake.encode()).unwrap(), handshake);
        }
    }
}
