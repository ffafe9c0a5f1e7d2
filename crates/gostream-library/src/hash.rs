//! The 20-byte SHA-1 identity of a torrent (BEP 3 "info_hash").
//!
//! It is the key of nearly everything: stubs, rows of the store, inode numbers. It is shown and stored as
//! 40 lower-case hex digits; either case is read.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The info hash of a torrent: 20 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TorrentHash(pub [u8; 20]);

/// A text that is not 40 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a torrent hash (40 hex digits): {text:?}")]
pub struct HashError {
    /// The beginning of the text that was given, at most 64 characters.
    pub text: String,
}

impl TorrentHash {
    /// The first 8 hex digits: the suffix of episode names.
    pub fn first8(&self) -> String {
        self.to_string()[..8].to_owned()
    }

    /// The last 8 hex digits: the suffix of film names.
    pub fn last8(&self) -> String {
        self.to_string()[32..].to_owned()
    }
}

impl fmt::Display for TorrentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for TorrentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TorrentHash({self})")
    }
}

impl FromStr for TorrentHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let refused = || HashError {
            text: text.chars().take(64).collect(),
        };
        let digits = text.as_bytes();
        if digits.len() != 40 {
            return Err(refused());
        }
        let mut bytes = [0u8; 20];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = hex_value(pair[0]).ok_or_else(refused)?;
            let low = hex_value(pair[1]).ok_or_else(refused)?;
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

/// The value of one hex digit of either case.
fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

impl Serialize for TorrentHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TorrentHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_that_is_not_forty_hex_digits_is_refused() {
        for text in [
            "",
            "0f1e",
            &"g".repeat(40),
            &"a".repeat(41),
            &"é".repeat(20),
        ] {
            assert!(text.parse::<TorrentHash>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn suffixes_are_the_two_ends() {
        let hash: TorrentHash = "0F1e2d3c4b5a69788796a5b4c3d2e1f00f1e2dff".parse().unwrap();
        assert_eq!(hash.first8(), "0f1e2d3c");
        assert_eq!(hash.last8(), "0f1e2dff");
    }

    #[test]
    fn json_form_is_a_hex_string() {
        let hash = TorrentHash([0xab; 20]);
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(json, format!("\"{}\"", "ab".repeat(20)));
        assert_eq!(serde_json::from_str::<TorrentHash>(&json).unwrap(), hash);
        assert!(serde_json::from_str::<TorrentHash>("\"ab\"").is_err());
    }

    proptest! {
        #[test]
        fn text_form_round_trips_in_either_case(bytes: [u8; 20]) {
            let hash = TorrentHash(bytes);
            prop_assert_eq!(hash.to_string().parse::<TorrentHash>().unwrap(), hash);
            prop_assert_eq!(hash.to_string().to_uppercase().parse::<TorrentHash>().unwrap(), hash);
        }
    }
}
