//! What a user may give to `gostream add`.
//!
//! Called by the command line, which reads files itself, and by whoever does
//! the work and fetches the rest. Only the kind is decided here; whether a
//! magnet or a file is any good is found where it is parsed.

use std::path::PathBuf;

/// A way to name a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// A magnet link (BEP 9).
    Magnet(String),
    /// An http or https URL of a .torrent file.
    Url(String),
    /// An info-hash: 40 hex digits or 32 base32 digits (BEP 9), or 64 hex digits (BEP 52).
    Hash(String),
    /// A path to a .torrent file, and whatever is nothing else.
    File(PathBuf),
}

impl Link {
    /// Tells the kinds apart by their looks; touches no file.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let begins = |prefix: &str| {
            text.get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if begins("magnet:") {
            Self::Magnet(text.to_owned())
        } else if begins("http://") || begins("https://") {
            Self::Url(text.to_owned())
        } else if is_hash(text) {
            Self::Hash(text.to_owned())
        } else {
            Self::File(PathBuf::from(text))
        }
    }
}

fn is_hash(text: &str) -> bool {
    let base32 = |c: u8| c.is_ascii_alphabetic() || (b'2'..=b'7').contains(&c);
    match text.len() {
        40 | 64 => text.bytes().all(|c| c.is_ascii_hexdigit()),
        32 => text.bytes().all(base32),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_known_by_its_looks() {
        let hex = "0123456789abcdefABCD0123456789abcdefABCD";
        let base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        assert_eq!(Link::parse(hex), Link::Hash(hex.into()));
        let v2 = "ab".repeat(32);
        assert_eq!(Link::parse(&v2), Link::Hash(v2.clone()));
        assert_eq!(Link::parse(base32), Link::Hash(base32.into()));
        assert_eq!(Link::parse(" MAGNET:?x "), Link::Magnet("MAGNET:?x".into()));
        assert_eq!(Link::parse("HTTP://a/b"), Link::Url("HTTP://a/b".into()));
        for file in ["a.torrent", "http:/x", "./magnet:", "é", ""] {
            assert_eq!(Link::parse(file), Link::File(file.into()));
        }
    }
}
