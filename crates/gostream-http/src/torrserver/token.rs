//! `torrs://` tokens: a torrent with its words in some hundred letters and digits, to be passed from hand to hand.
//!
//! In base62 (`0-9A-Za-z`, the bytes as one number, big-endian) stands a zlib stream of the 20 bytes of the info hash and
//! then fields: a tag, the length in two bytes (little-endian), UTF-8; the size of the torrent is eight bytes without a
//! length. Tokens come from strangers: what is read of them, and the work for it, is bounded. Those that we give have no
//! trackers, whose URLs may hold a user's passkey.

use std::io::{Read as _, Write as _};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};

use super::query::escaped;
use crate::torrents::{LABEL_LEN_MAX, Labels, TorrentId, TorrentView};

const SCHEME: &str = "torrs://";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The longest token; the work grows with the square of it.
const TOKEN_LEN_MAX: usize = 4096;
/// A bare token is longer than this, so that it is no info hash.
const BARE_LEN_MIN: usize = 46;
/// The most that it unpacks to, in bytes.
const TEXT_LEN_MAX: usize = 64 * 1024;
/// Further trackers are left out.
const TRACKERS_MAX: usize = 64;

const TITLE: u8 = 0;
const POSTER: u8 = 1;
const TRACKER: u8 = 2;
const CATEGORY: u8 = 3;
const SIZE: u8 = 4;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) id: TorrentId,
    pub(super) labels: Labels,
    pub(super) trackers: Vec<String>,
}

/// A token that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the torrs:// token is broken")]
pub(super) struct BrokenToken;

/// The token of a link, if it is one: with the scheme, or bare and too long for anything else.
pub(super) fn in_link(link: &str) -> Option<&str> {
    let link = link.trim();
    if let Some(token) = link.strip_prefix(SCHEME) {
        return Some(token.trim_end_matches('/'));
    }
    let bare = link.len() >= BARE_LEN_MIN && link.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_v2_hash = link.len() == 64 && link.bytes().all(|byte| byte.is_ascii_hexdigit());
    (bare && !is_v2_hash).then_some(link)
}

/// Reads a token, without the scheme.
pub(super) fn read(token: &str) -> Result<Token, BrokenToken> {
    let packed = from_base62(token)?;
    let mut bytes = Vec::new();
    let mut unpacked = ZlibDecoder::new(&packed[..]).take(TEXT_LEN_MAX as u64 + 1);
    unpacked.read_to_end(&mut bytes).map_err(|_| BrokenToken)?;
    if bytes.len() > TEXT_LEN_MAX {
        return Err(BrokenToken);
    }
    let (hash, mut fields) = bytes.split_first_chunk::<20>().ok_or(BrokenToken)?;
    let mut token = Token {
        id: TorrentId(*hash),
        labels: Labels::default(),
        trackers: Vec::new(),
    };
    while let Some((tag, rest)) = fields.split_first() {
        fields = token.take(*tag, rest)?;
    }
    Ok(token)
}

impl Token {
    /// Takes the field that begins; what follows it.
    fn take<'a>(&mut self, tag: u8, rest: &'a [u8]) -> Result<&'a [u8], BrokenToken> {
        if tag == SIZE {
            let (_size, rest) = rest.split_first_chunk::<8>().ok_or(BrokenToken)?;
            return Ok(rest);
        }
        let (len, rest) = rest.split_first_chunk::<2>().ok_or(BrokenToken)?;
        let len = usize::from(u16::from_le_bytes(*len));
        let (text, rest) = rest.split_at_checked(len).ok_or(BrokenToken)?;
        let text = String::from_utf8_lossy(text).into_owned();
        let label = match tag {
            TITLE => &mut self.labels.title,
            POSTER => &mut self.labels.poster,
            CATEGORY => &mut self.labels.category,
            TRACKER => {
                if self.trackers.len() < TRACKERS_MAX {
                    self.trackers.push(text);
                }
                return Ok(rest);
            }
            // Of a later version.
            _ => return Ok(rest),
        };
        if label.is_empty() {
            *label = text;
        }
        Ok(rest)
    }

    /// The magnet of the same torrent.
    pub(super) fn magnet(&self) -> String {
        let mut magnet = format!("magnet:?xt=urn:btih:{}", self.id);
        if !self.labels.title.is_empty() {
            magnet = format!("{magnet}&dn={}", escaped(&self.labels.title));
        }
        for tracker in &self.trackers {
            magnet = format!("{magnet}&tr={}", escaped(tracker));
        }
        magnet
    }

    /// The words of a client, and where it has none those of the token.
    pub(super) fn fill(self, labels: &mut Labels) {
        let fill = |label: &mut String, own: String| {
            if label.is_empty() {
                *label = own;
            }
        };
        fill(&mut labels.title, self.labels.title);
        fill(&mut labels.poster, self.labels.poster);
        fill(&mut labels.category, self.labels.category);
    }
}

/// The token of a torrent whose files are known, without the scheme; none where it would be too long to be read again.
pub(super) fn of(torrent: &TorrentView) -> Option<String> {
    let len = i64::try_from(torrent.len?).ok()?;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    let mut put = |bytes: &[u8]| packed.write_all(bytes);
    put(&torrent.id.0).ok()?;
    let labels = &torrent.labels;
    for (tag, text) in [
        (TITLE, &labels.title),
        (POSTER, &labels.poster),
        (CATEGORY, &labels.category),
    ] {
        let text = text.trim();
        let text_len = u16::try_from(text.len()).ok();
        // Longer ones are not kept in the first place.
        let text_len = text_len.filter(|_| text.len() <= LABEL_LEN_MAX)?;
        if !text.is_empty() {
            put(&[tag]).ok()?;
            put(&text_len.to_le_bytes()).ok()?;
            put(text.as_bytes()).ok()?;
        }
    }
    if len > 0 {
        put(&[SIZE]).ok()?;
        put(&len.to_le_bytes()).ok()?;
    }
    let token = in_base62(&packed.finish().ok()?);
    (token.len() <= TOKEN_LEN_MAX).then_some(token)
}

/// Bytes as a number with 62 digits. A zlib stream begins with no zero.
fn in_base62(bytes: &[u8]) -> String {
    // Digits, the lowest first.
    let mut digits: Vec<u8> = Vec::new();
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = low(carry % 62);
            carry /= 62;
        }
        while carry > 0 {
            digits.push(low(carry % 62));
            carry /= 62;
        }
    }
    let letters = digits.iter().rev();
    letters
        .map(|digit| char::from(ALPHABET[usize::from(*digit)]))
        .collect()
}

fn from_base62(token: &str) -> Result<Vec<u8>, BrokenToken> {
    let token = token.trim();
    if token.is_empty() || token.len() > TOKEN_LEN_MAX {
        return Err(BrokenToken);
    }
    // Bytes, the lowest first.
    let mut bytes: Vec<u8> = Vec::new();
    for letter in token.bytes() {
        let digit = ALPHABET.iter().position(|other| *other == letter);
        let digit = digit.ok_or(BrokenToken)?;
        let mut carry = u32::try_from(digit).map_err(|_| BrokenToken)?;
        for byte in &mut bytes {
            carry += u32::from(*byte) * 62;
            *byte = low(carry & 0xff);
            carry >>= 8;
        }
        if carry > 0 {
            bytes.push(low(carry));
        }
    }
    bytes.reverse();
    Ok(bytes)
}

/// A number that is known to be below 256.
#[expect(
    clippy::cast_possible_truncation,
    reason = "both callers divide or mask it"
)]
const fn low(number: u32) -> u8 {
    number as u8
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::torrents::{Activity, Phase};

    fn torrent(title: &str) -> TorrentView {
        TorrentView {
            id: TorrentId([0xab; 20]),
            labels: Labels {
                title: title.to_owned(),
                poster: String::new(),
                category: "movie".to_owned(),
                data: "not for others".to_owned(),
            },
            added_unix: 0,
            name: None,
            phase: Phase::Asleep,
            len: Some(21_474_836_480),
            files: None,
            activity: Activity::default(),
        }
    }

    fn packed(bytes: &[u8]) -> String {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
        packed.write_all(bytes).unwrap();
        in_base62(&packed.finish().unwrap())
    }

    #[test]
    fn a_torrent_is_read_from_its_token() {
        let token = of(&torrent(" Кино & more ")).unwrap();
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(in_link(&token), Some(&*token));
        let read = read(&token).unwrap();
        assert_eq!(read.id, TorrentId([0xab; 20]));
        assert_eq!(
            (&*read.labels.title, &*read.labels.category),
            ("Кино & more", "movie")
        );
        assert_eq!(read.labels.data, "");
        let magnet = read.magnet();
        assert!(magnet.contains("&dn=%D0%9A") && !magnet.contains("& more"));
    }

    #[test]
    fn every_field_is_read_and_unknown_ones_are_passed_over() {
        let mut bytes = vec![7; 20];
        let fields: [(u8, &[u8]); 6] = [
            (TRACKER, b"udp://a:1"),
            (9, b"later"),
            (POSTER, b"http://p/1.jpg"),
            (TRACKER, b"http://b/?x=1&y"),
            (TITLE, b"first"),
            (TITLE, b"second"),
        ];
        for (tag, text) in fields {
            bytes.push(tag);
            bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
            bytes.extend(text);
        }
        bytes.push(SIZE);
        bytes.extend(5_i64.to_le_bytes());
        let token = read(&packed(&bytes)).unwrap();
        assert_eq!(token.labels.title, "first");
        assert_eq!(token.labels.poster, "http://p/1.jpg");
        assert_eq!(token.trackers, ["udp://a:1", "http://b/?x=1&y"]);
        let expected = format!(
            "magnet:?xt=urn:btih:{}&dn=first&tr=udp%3A%2F%2Fa%3A1&tr=http%3A%2F%2Fb%2F%3Fx%3D1%26y",
            "07".repeat(20)
        );
        assert_eq!(token.magnet(), expected);
        let mut labels = Labels {
            title: "mine".to_owned(),
            ..Labels::default()
        };
        token.fill(&mut labels);
        assert_eq!(
            (&*labels.title, &*labels.poster),
            ("mine", "http://p/1.jpg")
        );
    }

    #[test]
    fn a_broken_or_giant_token_is_refused() {
        let short = packed(&[7; 19]);
        let cut = packed(&[&[7; 20][..], &[TITLE, 9, 0, b'a']].concat());
        let bomb = packed(&vec![7; TEXT_LEN_MAX + 1]);
        let long = "z".repeat(TOKEN_LEN_MAX + 1);
        for token in [
            "",
            "-",
            "abc",
            "ä",
            &short,
            &cut,
            &bomb,
            &long,
            &"z".repeat(4096),
        ] {
            assert_eq!(read(token), Err(BrokenToken), "{token:.60}");
        }
    }

    #[test]
    fn what_is_no_token_is_left_alone() {
        for link in [
            &*"ab".repeat(20),
            &*"AB".repeat(32),
            "magnet:?xt=urn:btih:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "http://a/b.torrent",
        ] {
            assert_eq!(in_link(link), None, "{link}");
        }
        assert_eq!(in_link("torrs://abc"), Some("abc"));
    }
}
