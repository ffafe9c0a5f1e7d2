//! Takes out of texts what may be a secret of the user: logins, queries and passkeys of addresses.
//!
//! Used for whatever is logged or shown. Pure. What always holds: of an address its scheme, host and port stay, and of its
//! path the words that trackers use; the rest is [`MASK`]. A text without an address is returned as it is.

use std::borrow::Cow;

/// Stands for what was taken out.
pub const MASK: &str = "***";

/// Shorter parts of an address are no secrets, and taking them out of a text would spoil it.
const SECRET_LEN_MIN: usize = 4;

/// An address without what may be a secret: a login, a query, and the parts of the path that no person would choose as a
/// name. Trackers hand out passkeys in any of them.
pub fn url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (rest, query) = rest
        .split_once(['?', '#'])
        .map_or((rest, ""), |(rest, _)| (rest, "?***"));
    let mut parts = rest.split('/');
    let host = parts.next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let path: String = parts
        .map(|part| {
            let shown = if is_plain(part) { part } else { MASK };
            format!("/{shown}")
        })
        .collect();
    format!("{scheme}://{host}{path}{query}")
}

/// A word that trackers use in their paths.
fn is_plain(part: &str) -> bool {
    let words = [
        "",
        "announce",
        "announce.php",
        "tracker",
        "tr",
        "bt",
        "scrape",
    ];
    words.contains(&part)
}

/// A text with every address in it masked, also those that are written with `%3A%2F%2F`, as in a magnet.
pub fn text(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((at, mark)) = find_mark(rest) {
        let start = scheme_start(&rest[..at]);
        let end = at + address_len(&rest[at..], mark);
        out.push_str(&rest[..start]);
        let address = &rest[start..end];
        if mark == PLAIN {
            out.push_str(&url(address));
        } else {
            out.push_str(&rest[start..at + mark.len()]);
            out.push_str(MASK);
        }
        rest = &rest[end..];
    }
    if rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// What a server said, without the secrets of the address that it was asked at.
pub fn answer(said: &str, asked: &str) -> String {
    let mut clean = said.replace(asked, &url(asked));
    let (_, rest) = asked.split_once("://").unwrap_or(("", asked));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (login, host) = host.rsplit_once('@').unwrap_or(("", host));
    let path = rest.split_once(host).map_or("", |(_, path)| path);
    let words = path.split(['/', '?', '&', '=', '#']);
    for word in login.split(':').chain(words) {
        if word.len() >= SECRET_LEN_MIN && !is_plain(word) && !is_name_of_value(word) {
            clean = clean.replace(word, MASK);
        }
    }
    text(&clean).into_owned()
}

/// What trackers call the values in their queries.
fn is_name_of_value(word: &str) -> bool {
    ["passkey", "torrent_pass", "authkey", "auth", "token"].contains(&word)
}

/// What follows the scheme of an address.
const PLAIN: &str = "://";

/// The first mark of an address: where it is, and how it is written.
fn find_mark(text: &str) -> Option<(usize, &'static str)> {
    let marks = [PLAIN, "%3A%2F%2F", "%3a%2f%2f"];
    let found = marks.map(|mark| Some((text.find(mark)?, mark)));
    found.into_iter().flatten().min_by_key(|(at, _)| *at)
}

/// Where the scheme begins that ends at the end of `before`.
fn scheme_start(before: &str) -> usize {
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    before.trim_end_matches(is_scheme).len()
}

/// How many bytes from its mark on belong to an address; not the punctuation of the sentence that it stands in.
fn address_len(from_mark: &str, mark: &str) -> usize {
    let ends = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\' | '|')
            || (mark != PLAIN && c == '&')
    };
    let len = from_mark.find(ends).unwrap_or(from_mark.len());
    let address = from_mark[..len].trim_end_matches([',', ';', ':', '.', ')', ']', '}', '!']);
    // A host in brackets (IPv6) may be all there is.
    let is_host = !address
        .get(mark.len()..)
        .unwrap_or("")
        .contains(['/', '?', '#']);
    let bracketed = is_host && address.contains('[') && !address.contains(']');
    (address.len() + usize::from(bracketed && len > address.len())).max(mark.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whatever_may_be_a_secret_in_an_address_is_masked() {
        for (address, shown) in [
            (
                "udp://tracker.example:80/announce",
                "udp://tracker.example:80/announce",
            ),
            ("udp://tracker.example:80", "udp://tracker.example:80"),
            (
                "http://t.example/announce.php?passkey=s3cr3t",
                "http://t.example/announce.php?***",
            ),
            (
                "https://t.example/s3cr3t/announce",
                "https://t.example/***/announce",
            ),
            (
                "https://me:s3cr3t@t.example/announce",
                "https://t.example/announce",
            ),
            (
                "http://t.example/announce/s3cr3t",
                "http://t.example/announce/***",
            ),
            (
                "http://t.example/announce?s3cr3t?a@b/c",
                "http://t.example/announce?***",
            ),
            ("http://t.example/#s3cr3t", "http://t.example/?***"),
        ] {
            assert_eq!(url(address), shown);
        }
    }

    #[test]
    fn addresses_are_masked_wherever_they_stand_in_a_text() {
        for (line, shown) in [
            ("nothing here: a/b?c=d", "nothing here: a/b?c=d"),
            (
                "(http://t/k3y/announce): not found, see \"https://a:b@h/?x=1\".",
                "(http://t/***/announce): not found, see \"https://h/?***\".",
            ),
            ("{\"url\":\"udp://t:1/k3y\"}", "{\"url\":\"udp://t:1/***\"}"),
            (
                "http://[::1]:80/k3y http://[::1]",
                "http://[::1]:80/*** http://[::1]",
            ),
            (
                "magnet:?xt=urn:btih:00&tr=http%3A%2F%2Ft%2Fk3y%2Fannounce&dn=x",
                "magnet:?xt=urn:btih:00&tr=http%3A%2F%2F***&dn=x",
            ),
            ("://", "://"),
            ("a:// b", "a:// b"),
            ("(see http://[::1]/?[x])", "(see http://[::1]/?***])"),
            ("://[?]]", "://[?***]]"),
        ] {
            assert_eq!(text(line), shown);
        }
    }

    #[test]
    fn what_a_tracker_says_of_its_own_address_is_masked() {
        let said = |text| {
            answer(
                text,
                "http://me:pa55@t.example/k3yk3y/announce?uid=77&passkey=s3cr3t",
            )
        };
        assert_eq!(said("k3yk3y is banned"), "*** is banned");
        assert_eq!(
            said("passkey s3cr3t of user pa55 is unknown at t.example"),
            "passkey *** of user *** is unknown at t.example"
        );
        assert_eq!(
            said("see http://t.example/k3yk3y/faq"),
            "see http://t.example/***/***"
        );
        assert_eq!(answer("not found", "udp://t:1/announce"), "not found");
    }

    proptest! {
        #[test]
        fn any_text_is_taken_and_masking_it_again_changes_nothing(line in "(\\PC|://|%3A%2F%2F|[ ?@/\\[\\]]){0,40}") {
            let once = text(&line).into_owned();
            prop_assert_eq!(text(&once).into_owned(), once);
        }
    }
}
