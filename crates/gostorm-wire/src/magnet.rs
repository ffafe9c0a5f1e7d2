//! Magnet links: the name of a torrent and where to ask about it (BEP 9, 52,
//! 53).
//!
//! Read from what a user pastes, from stubs and from indexers; written into
//! stubs. A bare info-hash is read as a magnet of nothing else. Wrong in a way
//! that matters (no usable hash, a file selection that cannot be read) is an
//! error; wrong in a hint (a peer address) is skipped. `&amp;` is read as `&`,
//! since links are often copied out of HTML.

mod peer_hint;
mod text;

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

pub use peer_hint::{PeerHint, PeerHintError};

use crate::id::{IdError, InfoHash, InfoHashV2};

/// The longest link that is read, in bytes.
pub const MAGNET_LEN_MAX: usize = 64 * 1024;

/// The most trackers, peers and web seeds, of each, that are kept; more are
/// skipped.
pub const ITEMS_MAX: usize = 500;

/// Why a text is not a magnet link that we can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MagnetError {
    /// Longer than any link.
    #[error("a magnet link of {len} bytes; at most {MAGNET_LEN_MAX} are accepted")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// Neither begins with `magnet:?` nor has the shape of an info-hash.
    #[error("neither a magnet link (magnet:?xt=urn:btih:... or urn:btmh:...) nor an info-hash")]
    NotMagnet,
    /// No `xt` parameter at all.
    #[error("the magnet link names no torrent: xt=urn:btih:... is missing")]
    NoTopic,
    /// Only `xt` parameters of other networks.
    #[error("the magnet link is not BitTorrent's: no xt begins with urn:btih: or urn:btmh:")]
    OtherNetwork,
    /// An info-hash that is none.
    #[error("in xt of the magnet link: {0}")]
    Hash(#[from] IdError),
    /// A file selection that cannot be read (BEP 53).
    #[error("in so of the magnet link: {part:?} is neither a file number nor a range like 4-7")]
    Select {
        /// The part between two commas, cut to 40 characters.
        part: String,
    },
}

/// A magnet link.
///
/// Displays as a link that reads back to the same value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Magnet {
    /// The torrent: its v1 hash (`btih`), or else the beginning of its v2 hash.
    pub info_hash: InfoHash,
    /// Its v2 hash (`btmh`), when the link gives it.
    pub info_hash_v2: Option<InfoHashV2>,
    /// What to call it until its metadata is known (`dn`).
    pub name: Option<String>,
    /// Tracker URLs (`tr`), each once, not parsed as URLs.
    pub trackers: Vec<String>,
    /// Peers to ask first (`x.pe`, BEP 9).
    pub peers: Vec<PeerHint>,
    /// The files that are wanted, by index (`so`, BEP 53); empty means all.
    pub select_only: Vec<RangeInclusive<u32>>,
    /// Web seed URLs (`ws`).
    pub web_seeds: Vec<String>,
}

impl From<InfoHash> for Magnet {
    fn from(info_hash: InfoHash) -> Self {
        Self {
            info_hash,
            info_hash_v2: None,
            name: None,
            trackers: Vec::new(),
            peers: Vec::new(),
            select_only: Vec::new(),
            web_seeds: Vec::new(),
        }
    }
}

impl From<InfoHashV2> for Magnet {
    fn from(hash: InfoHashV2) -> Self {
        Self {
            info_hash_v2: Some(hash),
            ..Self::from(hash.truncated())
        }
    }
}

impl Magnet {
    /// Reads a magnet link, or a bare info-hash: 40 hexadecimal or 32 base32
    /// characters, or the 64 hexadecimal ones of v2. White space around it is
    /// ignored.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub fn parse(link: &str) -> Result<Self, MagnetError> {
        if link.len() > MAGNET_LEN_MAX {
            return Err(MagnetError::TooLong { len: link.len() });
        }
        let link = link.trim();
        let Some(query) = text::strip_scheme(link) else {
            let bare = link.chars().all(char::is_alphanumeric);
            return match link.len() {
                32 | 40 if bare => Ok(Self::from(link.parse::<InfoHash>()?)),
                64 if bare => Ok(Self::from(link.parse::<InfoHashV2>()?)),
                _ => Err(MagnetError::NotMagnet),
            };
        };
        let mut magnet = topics(query)?;
        for (key, value) in text::parameters(query) {
            magnet.take(&key, value)?;
        }
        Ok(magnet)
    }

    fn take(&mut self, key: &str, value: text::Escaped<'_>) -> Result<(), MagnetError> {
        match key {
            "dn" if self.name.is_none() => {
                self.name = Some(value.form_decoded()).filter(|name| !name.is_empty());
            }
            "tr" => push_once(&mut self.trackers, value.decoded()),
            "ws" => push_once(&mut self.web_seeds, value.decoded()),
            "x.pe" if self.peers.len() < ITEMS_MAX => {
                self.peers.extend(value.decoded().parse::<PeerHint>().ok());
            }
            "so" => select(&mut self.select_only, &value.decoded())?,
            _ => {}
        }
        Ok(())
    }
}

impl FromStr for Magnet {
    type Err = MagnetError;

    fn from_str(link: &str) -> Result<Self, MagnetError> {
        Self::parse(link)
    }
}

/// The first v1 hash and the first v2 hash.
fn topics(query: &str) -> Result<Magnet, MagnetError> {
    let (mut v1, mut v2) = (None, None);
    let mut otherwise = MagnetError::NoTopic;
    for (key, value) in text::parameters(query) {
        if key != "xt" {
            continue;
        }
        let topic = value.decoded();
        if let Some(hash) = text::strip_prefix_any_case(&topic, "urn:btih:") {
            v1.get_or_insert(hash.trim().parse::<InfoHash>()?);
        } else if let Some(hash) = text::strip_prefix_any_case(&topic, "urn:btmh:") {
            v2.get_or_insert(InfoHashV2::from_multihash(hash.trim())?);
        } else {
            otherwise = MagnetError::OtherNetwork;
        }
    }
    let info_hash = v1.or_else(|| v2.map(|hash| hash.truncated()));
    Ok(Magnet {
        info_hash_v2: v2,
        ..Magnet::from(info_hash.ok_or(otherwise)?)
    })
}

fn push_once(urls: &mut Vec<String>, url: String) {
    let url = url.trim();
    if !url.is_empty() && urls.len() < ITEMS_MAX && !urls.iter().any(|known| known == url) {
        urls.push(url.to_owned());
    }
}

/// `0,2,4-7` (BEP 53).
fn select(into: &mut Vec<RangeInclusive<u32>>, list: &str) -> Result<(), MagnetError> {
    for part in list.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range = text::number::<u32>(first.trim()).zip(text::number(last.trim()));
        match range {
            Some((first, last)) if first <= last => into.push(first..=last),
            Some(_) | None => {
                return Err(MagnetError::Select {
                    part: part.chars().take(40).collect(),
                });
            }
        }
    }
    Ok(())
}

impl fmt::Display for Magnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v2 = self.info_hash_v2;
        let of_v2_alone = v2.is_some_and(|v2| v2.truncated() == self.info_hash);
        f.write_str("magnet:?")?;
        if !of_v2_alone {
            write!(f, "xt=urn:btih:{}", self.info_hash)?;
        }
        if let Some(v2) = v2 {
            let and = if of_v2_alone { "" } else { "&" };
            write!(f, "{and}xt=urn:btmh:{}", v2.to_multihash())?;
        }
        if let Some(name) = &self.name {
            write!(f, "&dn={}", text::escape(name))?;
        }
        for tracker in &self.trackers {
            write!(f, "&tr={}", text::escape(tracker))?;
        }
        for peer in &self.peers {
            // The scope of a link-local address begins with '%'.
            write!(f, "&x.pe={}", peer.to_string().replace('%', "%25"))?;
        }
        for (index, range) in self.select_only.iter().enumerate() {
            f.write_str(if index == 0 { "&so=" } else { "," })?;
            if range.start() == range.end() {
                write!(f, "{}", range.start())?;
            } else {
                write!(f, "{}-{}", range.start(), range.end())?;
            }
        }
        for seed in &self.web_seeds {
            write!(f, "&ws={}", text::escape(seed))?;
        }
        Ok(())
    }
}
