//! The two 20-byte names of BitTorrent: a torrent's and a peer's.
//!
//! [`InfoHash`] is the SHA-1 of the info dictionary (BEP 3) and names a torrent
//! everywhere: store, stubs, wire. [`PeerId`] is what a client calls itself in
//! handshakes and announces (BEP 20). Both are plain values without rules of
//! their own; only the text forms of an info-hash can be wrong.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE32, HEXLOWER, HEXLOWER_PERMISSIVE};

use crate::client;

/// A text that is not an info-hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text has neither of the two lengths.
    #[error("an info-hash is 40 hexadecimal or 32 base32 characters, this has {len}")]
    Length {
        /// Its length in bytes.
        len: usize,
    },
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

/// The SHA-1 of a torrent's info dictionary: the name of the torrent (BEP 3).
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
