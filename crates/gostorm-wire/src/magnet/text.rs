//! The text level of a magnet link: parameters and escapes (RFC 3986).
//!
//! Called by `magnet` only. Decoding never fails: a `%` that begins no escape
//! stays, bytes that are not UTF-8 become the replacement character.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// All but the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What follows `magnet:?`.
pub(super) fn strip_scheme(link: &str) -> Option<&str> {
    strip_prefix_any_case(link, "magnet:?")
}

/// As `strip_prefix`, with ASCII letters of either case.
pub(super) fn strip_prefix_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The parameters in order: keys in lower case and without the number that
/// tells several of them apart (`xt.1`), values still escaped.
pub(super) fn parameters(query: &str) -> impl Iterator<Item = (String, Escaped<'_>)> {
    query.split('&').filter_map(|parameter| {
        let parameter = parameter.strip_prefix("amp;").unwrap_or(parameter);
        let (key, value) = parameter.split_once('=')?;
        let key = match key.rsplit_once('.') {
            Some((key, number)) if number.bytes().all(|c| c.is_ascii_digit()) => key,
            Some(_) | None => key,
        };
        Some((key.to_ascii_lowercase(), Escaped(value)))
    })
}

/// The value of a parameter, as it stands in the link.
#[derive(Clone, Copy)]
pub(super) struct Escaped<'a>(&'a str);

impl Escaped<'_> {
    /// With its escapes resolved.
    pub(super) fn decoded(self) -> String {
        percent_encoding::percent_decode_str(self.0)
            .decode_utf8_lossy()
            .into_owned()
    }

    /// With its escapes resolved and `+` as a space, as web forms write it and
    /// most sites write names.
    pub(super) fn form_decoded(self) -> String {
        let spaced = self.0.replace('+', " ");
        Escaped(&spaced).decoded()
    }
}

/// Text as the value of a parameter.
pub(super) fn escape(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, ESCAPED)
}

/// A decimal number that fits. Rust's own parser also takes a sign.
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|c| c.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
