//! The .torrent file around the info dictionary (BEP 3, 12, 19, 52).
//!
//! Trackers, web seeds and remarks are advice: what makes no sense among them
//! is skipped, so that a slip in a comment does not cost the film. Their number
//! and length are bounded.

use bytes::Bytes;

use super::error::{Key, MetainfoError};
use super::fields::{dict_of, once};
use super::info::Info;
use super::layers::PieceLayers;
use super::path::decode;
use crate::bencode::{Dict, Value};
use crate::id::{InfoHash, InfoHashV2};

/// The largest .torrent file that we take: an info dictionary of the largest
/// size, and as much again around it.
pub const TORRENT_LEN_MAX: usize = 64 * 1024 * 1024;

/// The most trackers, and the most web seeds, that are kept.
const URLS_MAX: usize = 500;

/// The longest URL that is kept, in bytes.
const URL_LEN_MAX: usize = 4096;

/// A .torrent file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metainfo {
    /// The SHA-1 of `info_bytes`, or for a torrent of v2 alone the first 20 bytes
    /// of their SHA-256.
    pub info_hash: InfoHash,
    /// The SHA-256 of `info_bytes`, when the torrent is of v2.
    pub info_hash_v2: Option<InfoHashV2>,
    /// What the torrent is.
    pub info: Info,
    /// The exact text of the info dictionary.
    pub info_bytes: Bytes,
    /// The hashes of the pieces, as far as the file has them (v2).
    pub layers: PieceLayers,
    /// Tracker URLs in tiers (BEP 12): `announce-list`, or `announce` as the
    /// only one. Not parsed as URLs. No tier is empty; there may be none.
    pub trackers: Vec<Vec<String>>,
    /// Web seed URLs (BEP 19).
    pub url_list: Vec<String>,
    /// Free text.
    pub comment: Option<String>,
    /// The program that made the file.
    pub created_by: Option<String>,
    /// When it was made: seconds since 1970 by the maker's account.
    pub creation_date: Option<i64>,
}

impl Metainfo {
    /// Reads a .torrent file. White space after its end is tolerated.
    ///
    /// # Errors
    /// A [`MetainfoError`] that names the key and the place.
    pub fn parse(torrent_file: &[u8]) -> Result<Self, MetainfoError> {
        if torrent_file.len() > TORRENT_LEN_MAX {
            return Err(MetainfoError::TooLarge {
                what: "the torrent file",
                len: torrent_file.len(),
                max: TORRENT_LEN_MAX,
            });
        }
        let value = Value::parse(torrent_file.trim_ascii_end()).or_else(|error| {
            // The last byte may be a string's white space, not an editor's.
            Value::parse(torrent_file).map_err(|_| error)
        })?;
        let dict = dict_of(value, Key::of("the torrent file"))?;
        let key = Key::of("info");
        let info = once(dict, b"info", key)?.ok_or(MetainfoError::Missing { key })?;
        let mut metainfo = Self::from_info_bytes(Bytes::copy_from_slice(info.raw()))?;
        let key = Key::of("piece layers");
        if let Some(layers) = once(dict, b"piece layers", key)?.filter(|_| metainfo.info.has_v2()) {
            metainfo.layers = PieceLayers::read(layers, &metainfo.info)?;
        }
        metainfo.trackers = trackers(dict);
        metainfo.url_list = url_list(dict);
        metainfo.comment = text(dict, b"comment.utf-8").or_else(|| text(dict, b"comment"));
        metainfo.created_by = text(dict, b"created by");
        metainfo.creation_date = dict.get(b"creation date").and_then(Value::as_i64);
        Ok(metainfo)
    }

    /// A torrent of which only the info dictionary is known, from peers (BEP 9)
    /// or from a store: no trackers, no remarks.
    ///
    /// # Errors
    /// A [`MetainfoError`] that names the key.
    pub fn from_info_bytes(info_bytes: Bytes) -> Result<Self, MetainfoError> {
        let info = Info::read(&info_bytes)?;
        let info_hash_v2 = info.has_v2().then(|| Info::info_hash_v2_of(&info_bytes));
        let of_v2_alone = info_hash_v2.filter(|_| !info.has_v1());
        let info_hash =
            of_v2_alone.map_or_else(|| Info::info_hash_of(&info_bytes), |hash| hash.truncated());
        Ok(Self {
            info_hash,
            info_hash_v2,
            info,
            info_bytes,
            layers: PieceLayers::default(),
            trackers: Vec::new(),
            url_list: Vec::new(),
            comment: None,
            created_by: None,
            creation_date: None,
        })
    }
}

fn text(dict: Dict<'_>, key: &[u8]) -> Option<String> {
    let text = decode(dict.get(key)?.as_bytes()?);
    (!text.is_empty()).then_some(text)
}

fn url(value: Value<'_>) -> Option<String> {
    let url = value.as_str()?.trim();
    (!url.is_empty() && url.len() <= URL_LEN_MAX).then(|| url.to_owned())
}

fn trackers(dict: Dict<'_>) -> Vec<Vec<String>> {
    let mut room = URLS_MAX;
    let mut tiers = Vec::new();
    let list = dict.get(b"announce-list").and_then(Value::as_list);
    for entry in list.into_iter().flatten() {
        // Some makers write a flat list: each entry is then its own tier.
        let tier: Vec<String> = match entry.as_list() {
            Some(tier) => tier.filter_map(url).take(room).collect(),
            None => url(entry).into_iter().take(room).collect(),
        };
        room -= tier.len();
        if !tier.is_empty() {
            tiers.push(tier);
        }
    }
    if tiers.is_empty() {
        tiers.extend(dict.get(b"announce").and_then(url).map(|url| vec![url]));
    }
    tiers
}

/// `url-list` is a list or, with one web seed, a string (BEP 19).
fn url_list(dict: Dict<'_>) -> Vec<String> {
    let Some(value) = dict.get(b"url-list") else {
        return Vec::new();
    };
    match value.as_list() {
        Some(list) => list.filter_map(url).take(URLS_MAX).collect(),
        None => url(value).into_iter().collect(),
    }
}
