//! The answer of an HTTP tracker (BEP 3, 7, 23, 24, 31).
//!
//! Trackers are many and sloppy: what can be missing may be missing, a list in
//! either form is read, and an entry that makes no sense is skipped. Only an
//! answer that is not a bencoded dictionary, or one that says it is a failure,
//! is an error.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::bencode::{BencodeError, Dict, Value};
use crate::extension::ip;

/// The most peers that are taken from one answer.
pub const PEERS_MAX: usize = 2000;

/// The interval when an answer has none that can be read: 30 minutes, the
/// customary one.
pub const INTERVAL_DEFAULT: Duration = Duration::from_secs(30 * 60);

/// The longest interval that is believed: a day.
pub const INTERVAL_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest remark of a tracker that is kept, in bytes.
const REMARK_LEN_MAX: usize = 512;

/// Why there is no answer to use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnnounceError {
    /// Not bencode: often a web page.
    #[error("the tracker's answer is {0}")]
    Bencode(#[from] BencodeError),
    /// Bencode, but not a dictionary.
    #[error("the tracker's answer is not a dictionary")]
    NotADictionary,
    /// The tracker refuses (BEP 3 `failure reason`).
    #[error("the tracker refuses: {reason}")]
    Failure {
        /// Its words: at most 512 bytes, no control characters.
        reason: String,
        /// When it wants to be asked again, if it says (BEP 31).
        retry_in: Option<RetryIn>,
    },
}

/// When a tracker that refused wants to be asked again (BEP 31).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryIn {
    /// After this time; at most [`INTERVAL_MAX`].
    After(Duration),
    /// Never.
    Never,
}

/// What a tracker answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnounceResponse {
    /// When to announce again; 1 s to [`INTERVAL_MAX`].
    pub interval: Duration,
    /// Do not announce more often than this; 1 s to [`INTERVAL_MAX`].
    pub min_interval: Option<Duration>,
    /// To be sent back with the next announce.
    pub tracker_id: Option<Vec<u8>>,
    /// Peers, v4 and v6, in the tracker's order; at most [`PEERS_MAX`].
    pub peers: Vec<SocketAddr>,
    /// How many have all of it.
    pub complete: Option<u32>,
    /// How many are still downloading.
    pub incomplete: Option<u32>,
    /// A remark for the user: at most 512 bytes, no control characters.
    pub warning: Option<String>,
    /// Our address as the tracker sees it (BEP 24).
    pub external_ip: Option<IpAddr>,
}

impl AnnounceResponse {
    /// Reads the body of an answer. White space around it is ignored.
    ///
    /// # Errors
    /// [`AnnounceError`]: no bencoded dictionary, or a refusal.
    pub fn parse(body: &[u8]) -> Result<Self, AnnounceError> {
        let value = Value::parse(body.trim_ascii())?;
        let dict = value.as_dict().ok_or(AnnounceError::NotADictionary)?;
        if let Some(reason) = remark(dict, b"failure reason") {
            let retry_in = dict.get(b"retry in").and_then(retry_in);
            return Err(AnnounceError::Failure { reason, retry_in });
        }
        let mut peers = Vec::new();
        if let Some(value) = dict.get(b"peers") {
            match value.as_list() {
                Some(list) => extend(&mut peers, list.filter_map(dict_peer)),
                None => extend(
                    &mut peers,
                    compact(value.as_bytes().unwrap_or_default(), v4),
                ),
            }
        }
        if let Some(value) = dict.get(b"peers6") {
            extend(
                &mut peers,
                compact(value.as_bytes().unwrap_or_default(), v6),
            );
        }
        Ok(Self {
            interval: seconds(dict, b"interval").unwrap_or(INTERVAL_DEFAULT),
            min_interval: seconds(dict, b"min interval"),
            tracker_id: bytes(dict, b"tracker id").map(<[u8]>::to_vec),
            peers,
            complete: count(dict, b"complete"),
            incomplete: count(dict, b"incomplete"),
            warning: remark(dict, b"warning message"),
            external_ip: bytes(dict, b"external ip").and_then(ip),
        })
    }
}

fn bytes<'a>(dict: Dict<'a>, key: &[u8]) -> Option<&'a [u8]> {
    dict.get(key)?.as_bytes()
}

pub(super) fn remark(dict: Dict<'_>, key: &[u8]) -> Option<String> {
    bytes(dict, key).map(usable_text)
}

/// What a tracker says in words, made fit for a log.
pub(super) fn usable_text(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(REMARK_LEN_MAX)];
    let mut text: String = String::from_utf8_lossy(cut)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    text.truncate(text.floor_char_boundary(REMARK_LEN_MAX));
    text
}

fn seconds(dict: Dict<'_>, key: &[u8]) -> Option<Duration> {
    let seconds = dict.get(key)?.as_u64().filter(|seconds| *seconds > 0)?;
    Some(Duration::from_secs(seconds).min(INTERVAL_MAX))
}

/// The interval of an answer that must have one.
pub(super) fn interval(seconds: u64) -> Duration {
    let said = Duration::from_secs(seconds).min(INTERVAL_MAX);
    if said.is_zero() {
        INTERVAL_DEFAULT
    } else {
        said
    }
}

pub(super) fn count(dict: Dict<'_>, key: &[u8]) -> Option<u32> {
    u32::try_from(dict.get(key)?.as_u64()?).ok()
}

/// Minutes as a number or as text, or the word `never`.
fn retry_in(value: Value<'_>) -> Option<RetryIn> {
    if value.as_bytes() == Some(b"never") {
        return Some(RetryIn::Never);
    }
    let minutes = value
        .as_u64()
        .or_else(|| value.as_str()?.trim().parse().ok())?;
    let after = Duration::from_secs(minutes.saturating_mul(60));
    Some(RetryIn::After(after.min(INTERVAL_MAX)))
}

fn extend(peers: &mut Vec<SocketAddr>, more: impl Iterator<Item = SocketAddr>) {
    let usable = |peer: &SocketAddr| peer.port() != 0 && !peer.ip().is_unspecified();
    let room = PEERS_MAX - peers.len();
    peers.extend(more.filter(usable).take(room));
}

/// A string of entries of `N` bytes; a rest that fills no entry is ignored.
fn compact<const N: usize>(
    bytes: &[u8],
    read: impl Fn(&[u8; N]) -> SocketAddr,
) -> impl Iterator<Item = SocketAddr> {
    let (entries, _) = bytes.as_chunks::<N>();
    entries.iter().map(read)
}

/// The peers of a string of entries of 6 bytes.
pub(super) fn compact_v4(bytes: &[u8]) -> Vec<SocketAddr> {
    let mut peers = Vec::new();
    extend(&mut peers, compact(bytes, v4));
    peers
}

/// The peers of a string of entries of 18 bytes.
pub(super) fn compact_v6(bytes: &[u8]) -> Vec<SocketAddr> {
    let mut peers = Vec::new();
    extend(&mut peers, compact(bytes, v6));
    peers
}

fn v4([a, b, c, d, port @ ..]: &[u8; 6]) -> SocketAddr {
    let ip = Ipv4Addr::new(*a, *b, *c, *d);
    SocketAddr::new(ip.into(), u16::from_be_bytes(*port))
}

fn v6(entry: &[u8; 18]) -> SocketAddr {
    let [ip @ .., high, low] = entry;
    SocketAddr::new(
        Ipv6Addr::from(*ip).into(),
        u16::from_be_bytes([*high, *low]),
    )
}

/// The dictionary form (BEP 3). Its `ip` may be a host name, which is skipped:
/// no tracker in use gives one.
fn dict_peer(value: Value<'_>) -> Option<SocketAddr> {
    let dict = value.as_dict()?;
    let ip: IpAddr = dict.get(b"ip")?.as_str()?.parse().ok()?;
    let port = u16::try_from(dict.get(b"port")?.as_u64()?).ok()?;
    Some(SocketAddr::new(ip, port))
}
