//! The names of BitTorrent: a torrent's and a peer's.
//!
//! [`InfoHash`] names a torrent everywhere: store, stubs, wire. It is the SHA-1
//! of the info dictionary (BEP 3), or for a torrent of v2 alone the first 20
//! bytes of [`InfoHashV2`], its SHA-256 (BEP 52). [`PeerId`] is what a client
//! calls itself in handshakes and announces (BEP 20). All are plain values
//! without rules of their own; only the text forms of hashes can be wrong.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE32, HEXLOWER, HEXLOWER_PERMISSIVE};

use crate::client;

/// The text of the multihash of an [`InfoHashV2`] before its digits: SHA-256 of
/// 32 bytes.
const MULTIHASH_PREFIX: &str = "1220";

/// A text that is not an info-hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text has neither of the two lengths.
    #[error("an info-hash is 40 hexadecimal or 32 base32 characters, this has {len}")]
    Length {
        /// Its length in bytes.
        len: usize,
    },
    /// The text is not as long as a v2 hash.
    #[error("a v2 info-hash is 64 hexadecimal characters, this has {len}")]
    LengthV2 {
        /// Its length in bytes.
        len: usize,
    },
    /// A multihash of another kind than SHA-256.
    #[error("a v2 info-hash is a SHA-256 multihash, which begins with {MULTIHASH_PREFIX}")]
    Multihash,
    /// The length fits but a character does not.
    #[error("'{character}' at position {at} is not a {encoding} character of an info-hash")]
    Character {
        /// The first character that is wrong.
        character: char,
        /// Its byte position, from 0.
        at: usize,
        /// `hexadecimal` or `base32`.
        encoding: &'static str,
    },
}

/// The name of a torrent: the SHA-1 of its info dictionary (BEP 3), or the
/// first 20 bytes of its SHA-256 when it is of v2 alone (BEP 52).
///
/// Displays as 40 lower-case hexadecimal characters; reads 40 hexadecimal or 32
/// base32 characters of either case (BEP 9).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoHash(pub [u8; 20]);

impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InfoHash({self})")
    }
}

impl FromStr for InfoHash {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (decoded, encoding) = match text.len() {
            40 => (HEXLOWER_PERMISSIVE.decode(text.as_bytes()), "hexadecimal"),
            32 => (
                BASE32.decode(text.to_ascii_uppercase().as_bytes()),
                "base32",
            ),
            len => return Err(IdError::Length { len }),
        };
        let bytes = decoded.map_err(|error| wrong_character(text, error.position, encoding))?;
        let array = <[u8; 20]>::try_from(bytes.as_slice());
        // 32 base32 characters that end in padding decode to fewer bytes.
        array
            .map(Self)
            .map_err(|_| wrong_character(text, text.find('=').unwrap_or(0), encoding))
    }
}

fn wrong_character(text: &str, near: usize, encoding: &'static str) -> IdError {
    // The decoder may point into the middle of a multi-byte character.
    let at = text.floor_char_boundary(near);
    let character = text[at..].chars().next().unwrap_or('?');
    IdError::Character {
        character,
        at,
        encoding,
    }
}

/// The SHA-256 of a torrent's info dictionary (BEP 52).
///
/// Displays as 64 lower-case hexadecimal characters; reads 64 of either case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoHashV2(pub [u8; 32]);

impl InfoHashV2 {
    /// The first 20 bytes: what handshakes, trackers and the DHT know the
    /// torrent by (BEP 52).
    #[must_use]
    pub fn truncated(&self) -> InfoHash {
        let mut short = [0; 20];
        short.copy_from_slice(&self.0[..20]);
        InfoHash(short)
    }

    /// Reads the multihash of a magnet link: `1220` and 64 hexadecimal
    /// characters.
    ///
    /// # Errors
    /// When it is of another kind or length.
    pub fn from_multihash(text: &str) -> Result<Self, IdError> {
        text.strip_prefix(MULTIHASH_PREFIX)
            .ok_or(IdError::Multihash)?
            .parse()
    }

    /// The multihash of a magnet link.
    #[must_use]
    pub fn to_multihash(self) -> String {
        format!("{MULTIHASH_PREFIX}{self}")
    }
}

impl fmt::Display for InfoHashV2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for InfoHashV2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InfoHashV2({self})")
    }
}

impl FromStr for InfoHashV2 {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong_length = IdError::LengthV2 { len: text.len() };
        if text.len() != 64 {
            return Err(wrong_length);
        }
        let decoded = HEXLOWER_PERMISSIVE.decode(text.as_bytes());
        let bytes =
            decoded.map_err(|error| wrong_character(text, error.position, "hexadecimal"))?;
        let array = <[u8; 32]>::try_from(bytes.as_slice());
        array.map(Self).map_err(|_| wrong_length)
    }
}

/// A client's name for itself: 20 bytes, by custom a client code, a version
/// and randomness (BEP 20).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub [u8; 20]);

impl PeerId {
    /// How our own ids begin: GoStream 0.1.0. The code `Gv` is in none of the
    /// lists of BEP 20, libtorrent and Transmission (`GS`, `GR`, `G3` and `GT`
    /// are other clients').
    pub const PREFIX: [u8; 8] = *b"-Gv0100-";

    /// Our own id: the prefix and 12 bytes that the caller drew at random.
    #[must_use]
    pub fn new(random: [u8; 12]) -> Self {
        let mut id = [0; 20];
        id[..8].copy_from_slice(&Self::PREFIX);
        id[8..].copy_from_slice(&random);
        Self(id)
    }

    /// What client this is, for a person: `qBittorrent 4.6.0`, or the printable
    /// part of an unknown code. At most 40 printable characters.
    #[must_use]
    pub fn client_name(&self) -> String {
        client::name_of(&self.0)
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({self})")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hex_of_either_case_reads_and_shows_as_lower_case() {
        let upper = "C12FE1C06BBA254A9DC9F519B335AA7C1367A88A";
        let hash: InfoHash = upper.parse().unwrap();
        assert_eq!(hash.to_string(), upper.to_lowercase());
    }

    #[test]
    fn base32_of_either_case_reads() {
        let hash = InfoHash(*b"abcdefghijklmnopqrst");
        let text = BASE32.encode(&hash.0);
        assert_eq!(text.parse::<InfoHash>().unwrap(), hash);
        assert_eq!(text.to_lowercase().parse::<InfoHash>().unwrap(), hash);
    }

    #[test]
    fn a_bad_hash_says_what_is_wrong_and_where() {
        let cases = [
            (
                "",
                "an info-hash is 40 hexadecimal or 32 base32 characters, this has 0",
            ),
            (
                "c12fe1c06bba254a9dc9f519b335aa7c1367a88g",
                "'g' at position 39 is not a hexadecimal character of an info-hash",
            ),
            (
                "c12fe1c06bba254a9dc9f519b335aa7c1367a8é",
                "'é' at position 38 is not a hexadecimal character of an info-hash",
            ),
            (
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1",
                "'1' at position 31 is not a base32 character of an info-hash",
            ),
            (
                "AAAAAAAAAAAAAAAAAAAAAAAAAA======",
                "'=' at position 26 is not a base32 character of an info-hash",
            ),
        ];
        for (text, message) in cases {
            assert_eq!(
                text.parse::<InfoHash>().unwrap_err().to_string(),
                message,
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_v2_hash_reads_from_hex_and_from_a_multihash_and_is_cut_to_a_name() {
        let hex = "72665ACE7394450b209d4f008cac217057b94cffe02adf875f0ce227241b5472";
        let hash: InfoHashV2 = hex.parse().unwrap();
        assert_eq!(hash.to_string(), hex.to_lowercase());
        assert_eq!(hash.truncated().to_string(), hex.to_lowercase()[..40]);
        let multihash = hash.to_multihash();
        assert_eq!(InfoHashV2::from_multihash(&multihash), Ok(hash));
        for wrong in ["", "1220", "1114aa", hex, "1220é"] {
            assert!(InfoHashV2::from_multihash(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn our_own_id_carries_the_prefix_the_randomness_and_the_name() {
        let id = PeerId::new(*b"0123456789ab");
        assert_eq!(&id.0, b"-Gv0100-0123456789ab");
        assert_eq!(id.client_name(), "GoStream 0.1.0");
    }

    proptest! {
        #[test]
        fn an_info_hash_survives_its_text(bytes: [u8; 20]) {
            let hash = InfoHash(bytes);
            prop_assert_eq!(hash.to_string().parse::<InfoHash>().unwrap(), hash);
        }

        #[test]
        fn any_text_is_an_info_hash_or_an_error(text in ".{0,44}") {
            let _ = text.parse::<InfoHash>();
        }
    }
}
