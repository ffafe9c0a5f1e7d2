//! Web seeds (BEP 19): where each file of a torrent lies on a web server, and what part of it an answer holds.
//!
//! [`web_seeds`] sorts out the URLs of a torrent file's `url-list` or a magnet's `ws`, [`file_url`] maps a file to its
//! URL, [`ContentRange`] reads the header of the same name (RFC 9110 section 14.4). The engine's web seed task calls
//! them. A URL here is http or https and has a host.

use std::fmt::Write as _;

use url::Url;

/// The most web seeds that are used of one torrent.
pub const WEB_SEEDS_MAX: usize = 16;

/// The longest URL of a file, in bytes; servers take 8 KiB at most.
const URL_LEN_MAX: usize = 8192;

/// The web seeds among `urls` that can be used, each once, in their order; at most [`WEB_SEEDS_MAX`].
#[must_use]
pub fn web_seeds<'a>(urls: impl IntoIterator<Item = &'a str>) -> Vec<Url> {
    let mut seeds: Vec<Url> = Vec::new();
    for url in urls {
        let Ok(mut url) = Url::parse(url.trim()) else {
            continue;
        };
        url.set_fragment(None);
        let usable = matches!(url.scheme(), "http" | "https") && url.has_host();
        if usable && !seeds.contains(&url) {
            seeds.push(url);
        }
        if seeds.len() == WEB_SEEDS_MAX {
            break;
        }
    }
    seeds
}

/// The URL of a file at a web seed. `name` is the torrent's name; `path` is the file's path below it, and `None` in a
/// torrent that is a single file.
///
/// Several files lie in a directory of the torrent's name below the seed's URL; a single file lies below it when the
/// URL ends in a slash, and else is what the URL names. As other clients do, the text is put behind the URL as it is,
/// a query included. `None` when that makes no URL, or one that is too long.
#[must_use]
pub fn file_url(seed: &Url, name: &str, path: Option<&[String]>) -> Option<Url> {
    let mut text = seed.as_str().to_owned();
    match path {
        Some(path) => {
            if !text.ends_with('/') {
                text.push('/');
            }
            escape(&mut text, name);
            for part in path {
                text.push('/');
                escape(&mut text, part);
            }
        }
        None if text.ends_with('/') => escape(&mut text, name),
        None => {}
    }
    if text.len() > URL_LEN_MAX {
        return None;
    }
    Url::parse(&text).ok()
}

/// Escapes everything but RFC 3986's unreserved characters, with small letters: some servers compare the text.
fn escape(text: &mut String, part: &str) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02x}");
        }
    }
}

/// The header `Content-Range` of an answer that holds a part. `first <= last`, and both lie within `total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte.
    pub first: u64,
    /// The last byte, which is in the part.
    pub last: u64,
    /// Bytes of the whole; `None` when the server does not say.
    pub total: Option<u64>,
}

impl ContentRange {
    /// Reads `bytes 0-16383/100000`; `None` when it is anything else.
    #[must_use]
    pub fn parse(header: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(header).ok()?.trim_ascii();
        let (unit, rest) = text.split_once([' ', '\t'])?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, total) = rest.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let total = match total.trim_ascii() {
            "*" => None,
            total => Some(number(total)?),
        };
        let whole = first <= last && total.is_none_or(|total| last < total);
        whole.then_some(Self { first, last, total })
    }
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim_ascii();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn url(seed: &str, name: &str, path: Option<&[&str]>) -> String {
        let path: Option<Vec<String>> =
            path.map(|path| path.iter().map(|part| (*part).to_owned()).collect());
        file_url(&Url::parse(seed).unwrap(), name, path.as_deref())
            .unwrap()
            .into()
    }

    #[test]
    fn a_single_file_lies_below_a_directory_or_is_what_the_url_names() {
        assert_eq!(url("http://h/a/", "b.mkv", None), "http://h/a/b.mkv");
        assert_eq!(url("http://h", "b.mkv", None), "http://h/b.mkv");
        assert_eq!(url("http://h/a/x.mkv", "b.mkv", None), "http://h/a/x.mkv");
        assert_eq!(url("http://h/get?id=7", "b.mkv", None), "http://h/get?id=7");
    }

    #[test]
    fn several_files_lie_in_a_directory_of_the_torrents_name() {
        let path: Option<&[&str]> = Some(&["s1", "e 1.mkv"]);
        for seed in ["http://h/a", "http://h/a/"] {
            assert_eq!(url(seed, "Show", path), "http://h/a/Show/s1/e%201.mkv");
        }
        assert_eq!(
            url("http://h/get?f=", "Show", path),
            "http://h/get?f=/Show/s1/e%201.mkv"
        );
    }

    #[test]
    fn names_are_escaped_as_other_clients_do() {
        let name = "a b#c&d%e+f[g]é?h\\i%2e";
        assert_eq!(
            url("http://h/", name, None),
            "http://h/a%20b%23c%26d%25e%2bf%5bg%5d%c3%a9%3fh%5ci%252e"
        );
    }

    #[test]
    fn what_is_no_web_address_or_is_there_twice_is_left_out() {
        let urls = [
            " http://h/a ",
            "http://h/a#part",
            "HTTP://H/a",
            "ftp://h/a",
            "h/a",
            "",
            "file:///etc/passwd",
            "https://h/a?q",
        ];
        let seeds: Vec<String> = web_seeds(urls).into_iter().map(String::from).collect();
        assert_eq!(seeds, ["http://h/a", "https://h/a?q"]);
        let many: Vec<String> = (0..100).map(|at| format!("http://h/{at}")).collect();
        assert_eq!(
            web_seeds(many.iter().map(String::as_str)).len(),
            WEB_SEEDS_MAX
        );
    }

    #[test]
    fn a_path_that_is_too_long_for_any_server_has_no_url() {
        let seed = Url::parse("http://h/").unwrap();
        assert_eq!(file_url(&seed, &"é".repeat(2_000), None), None);
    }

    #[test]
    fn a_content_range_is_read_and_a_senseless_one_is_not() {
        let range = |first, last, total| Some(ContentRange { first, last, total });
        for (header, expected) in [
            ("bytes 0-0/1", range(0, 0, Some(1))),
            (" Bytes 5-16388/100000 ", range(5, 16_388, Some(100_000))),
            ("bytes\t5 - 9 / *", range(5, 9, None)),
            ("bytes 9-5/10", None),
            ("bytes 5-10/10", None),
            ("bytes */10", None),
            ("bytes +5-9/10", None),
            ("bytes 5-9", None),
            ("bytes -9/10", None),
            ("items 5-9/10", None),
            ("bytes 0-18446744073709551616/*", None),
            ("", None),
        ] {
            assert_eq!(ContentRange::parse(header.as_bytes()), expected, "{header}");
        }
    }
}
