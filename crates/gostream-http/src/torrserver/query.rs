//! The query of a URL, as clients write it: flags by presence, links with or without escapes.
//!
//! An unescaped magnet falls apart at each `&`; what is left of `link` still has its hash, and that is enough.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What stays as it is in a part of a URL: the unreserved characters of RFC 3986 §2.3.
const PART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A text as a part of a URL.
pub(super) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, PART).to_string()
}

/// The parameters, in order, decoded. As long as a request's head at most.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(text: Option<&str>) -> Self {
        let words = text.unwrap_or_default().split('&');
        let pairs = words.filter(|word| !word.is_empty()).map(|word| {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            (decoded(name), decoded(value))
        });
        Self(pairs.collect())
    }

    /// Whether the parameter is there, with or without a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// Its first value; empty when it has none.
    pub(super) fn get(&self, name: &str) -> &str {
        let first = self.0.iter().find(|(key, _)| key == name);
        first.map_or("", |(_, value)| value)
    }

    /// Its value as a number.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name).trim().parse().ok()
    }
}

/// Percent escapes and `+`; what is no UTF-8 becomes U+FFFD.
fn decoded(text: &str) -> String {
    let spaced: Cow<'_, str> = if text.contains('+') {
        text.replace('+', " ").into()
    } else {
        text.into()
    };
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_count_by_their_presence() {
        let query = Query::of(Some("link=abc&play=false&m3u&&stat="));
        for flag in ["play", "m3u", "stat"] {
            assert!(query.has(flag), "{flag}");
        }
        assert!(!query.has("save"));
        assert_eq!(query.get("link"), "abc");
        assert_eq!(query.number::<u32>("index"), None);
    }

    #[test]
    fn values_are_decoded_and_the_hash_of_a_bare_magnet_survives() {
        let query = Query::of(Some(
            "link=magnet%3A%3Fxt%3Durn%3Abtih%3Aab%26tr%3Dx&title=A+B%20C",
        ));
        assert_eq!(query.get("link"), "magnet:?xt=urn:btih:ab&tr=x");
        assert_eq!(query.get("title"), "A B C");
        let query = Query::of(Some("link=magnet:?xt=urn:btih:ab&tr=udp://t&save"));
        assert_eq!(query.get("link"), "magnet:?xt=urn:btih:ab");
        assert!(query.has("save"));
        assert!(Query::of(Some("a=%ff%zz")).get("a").starts_with('\u{fffd}'));
    }
}
