//! How many peers a torrent has, asked without becoming one of them (BEP 48).

use url::Url;

use super::request::ESCAPED;
use super::response::{AnnounceError, count, remark};
use crate::bencode::Value;
use crate::id::InfoHash;

/// What a tracker says of one torrent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScrapeCounts {
    /// Peers that have all of it.
    pub seeders: Option<u32>,
    /// Peers that are still downloading.
    pub leechers: Option<u32>,
    /// How often it was downloaded in all.
    pub downloads: Option<u32>,
}

/// The URL to get for an HTTP tracker whose announce URL is `announce`, or none: by convention the last segment of the
/// path begins with `announce`, and has `scrape` in its place (BEP 48).
#[must_use]
pub fn scrape_url(announce: &Url, torrent: InfoHash) -> Option<Url> {
    let (folder, last) = announce.path().rsplit_once('/')?;
    let ending = last.strip_prefix("announce")?;
    let mut url = announce.clone();
    url.set_path(&format!("{folder}/scrape{ending}"));
    let mut query = announce.query().unwrap_or_default().to_owned();
    if !query.is_empty() && !query.ends_with('&') {
        query.push('&');
    }
    query.push_str("info_hash=");
    query.extend(percent_encoding::percent_encode(&torrent.0, ESCAPED));
    url.set_query(Some(&query));
    url.set_fragment(None);
    Some(url)
}

impl ScrapeCounts {
    /// Reads the body of an HTTP tracker's answer; a tracker that does not know the torrent has no counts.
    ///
    /// # Errors
    /// [`AnnounceError`]: no bencoded dictionary, or a refusal.
    pub fn parse(body: &[u8], torrent: InfoHash) -> Result<Self, AnnounceError> {
        let value = Value::parse(body.trim_ascii())?;
        let dict = value.as_dict().ok_or(AnnounceError::NotADictionary)?;
        if let Some(reason) = remark(dict, b"failure reason") {
            return Err(AnnounceError::Failure {
                reason,
                retry_in: None,
            });
        }
        let file = dict
            .get(b"files")
            .and_then(Value::as_dict)
            .and_then(|files| files.get(&torrent.0))
            .and_then(Value::as_dict);
        Ok(file.map_or_else(Self::default, |file| Self {
            seeders: count(file, b"complete"),
            leechers: count(file, b"incomplete"),
            downloads: count(file, b"downloaded"),
        }))
    }
}
