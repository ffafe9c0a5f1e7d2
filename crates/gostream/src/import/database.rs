//! A TorrServer's own database: config.db, or torrserver.db of the first ones.
//!
//! Its buckets are `Torrents` (by hash; a JSON object each, with the info dict where that was known; of the first ones a
//! bucket each), `Viewed` (by hash; as in viewed.json) and `Settings` (`BitTorr`: BTSets). A file that is damaged is
//! refused. A single record that cannot be read is named and left out, as TorrServer does: nobody can mend it by hand.

use gostorm_wire::{Info, InfoHash, Magnet};
use gostream_http::BroughtTorrent;
use gostream_library::TorrentHash;
use gostream_library::bolt::{self, Bucket};

use super::found::Found;
use super::node::{Document, Node};
use super::{settings, torrents, viewed};

/// Records that are named when they are left out.
const NAMED_MAX: usize = 10;

/// Adds what the database in `bytes` holds.
///
/// # Errors
/// Why it cannot be read at all.
pub(super) fn read(name: &str, bytes: &[u8], found: &mut Found) -> Result<(), String> {
    let root = bolt::read(bytes).map_err(|error| format!("{name}: {error}"))?;
    let none = Bucket::default();
    let bucket = |of: &str| root.buckets.get(of.as_bytes()).unwrap_or(&none);
    let mut records = Records {
        name,
        found,
        left_out: Vec::new(),
    };
    for (key, value) in &bucket("Settings").values {
        if *key == b"BitTorr" {
            records.take("Settings", key, value, |_, sets, found| {
                settings::read(sets, found)
            });
        }
    }
    for (key, value) in &bucket("Torrents").values {
        records.take("Torrents", key, value, of_today);
    }
    for (key, torrent) in &bucket("Torrents").buckets {
        if let Some(torrent) = hash_of(key).and_then(|hash| of_old(hash, torrent)) {
            records.found.brought.torrents.push(torrent);
        } else {
            records.leave_out("Torrents", key, "is no torrent");
        }
    }
    for (key, value) in &bucket("Viewed").values {
        records.take("Viewed", key, value, |hash, files, found| match hash {
            Some(hash) => viewed::of_torrent(hash, files, found),
            None => Err(files.mistake("its name is no torrent hash")),
        });
    }
    records.tell();
    Ok(())
}

struct Records<'a> {
    name: &'a str,
    found: &'a mut Found,
    left_out: Vec<String>,
}

impl Records<'_> {
    /// Has `read` take a record, which is JSON; half of one is not taken.
    fn take(
        &mut self,
        bucket: &str,
        key: &[u8],
        value: &[u8],
        read: impl FnOnce(Option<TorrentHash>, &Node<'_>, &mut Found) -> Result<(), String>,
    ) {
        let document = Document {
            name: format!("{}: {bucket}/{}", self.name, key.escape_ascii()),
            text: String::from_utf8_lossy(value).into_owned(),
        };
        let mut one = Found::default();
        match document.parse(|node| read(hash_of(key), &node, &mut one)) {
            Ok(()) => {
                let brought = &mut self.found.brought;
                brought.torrents.extend(one.brought.torrents);
                brought.viewed.extend(one.brought.viewed);
                brought.positions.extend(one.brought.positions);
                self.found.settings.extend(one.settings);
                self.found.notes.extend(one.notes);
            }
            Err(mistake) => self.left_out.push(mistake),
        }
    }

    fn leave_out(&mut self, bucket: &str, key: &[u8], what: &str) {
        let key = key.escape_ascii();
        let mistake = format!("{}: {bucket}/{key}: {what}", self.name);
        self.left_out.push(mistake);
    }

    fn tell(self) {
        let count = self.left_out.len();
        let named = self.left_out.into_iter().take(NAMED_MAX);
        let notes = named.map(|mistake| format!("left out: {mistake}"));
        self.found.notes.extend(notes);
        if count > NAMED_MAX {
            let more = count - NAMED_MAX;
            self.found.notes.push(format!("and {more} more"));
        }
    }
}

fn hash_of(key: &[u8]) -> Option<TorrentHash> {
    str::from_utf8(key).ok()?.parse().ok()
}

/// A torrent as TorrServers keep it since 2020.
fn of_today(hash: Option<TorrentHash>, entry: &Node<'_>, found: &mut Found) -> Result<(), String> {
    let hash = hash.ok_or_else(|| entry.mistake("its name is no torrent hash"))?;
    let mut torrent = torrents::one(entry, hash.to_string(), "DisplayName")?;
    if let Some(tiers) = entry.get("Trackers") {
        for tier in tiers.elements()? {
            let urls: Result<_, _> = tier.elements()?.iter().map(Node::as_text).collect();
            torrent.trackers.push(urls?);
        }
    }
    let info = entry.text("InfoBytes")?;
    if !info.is_empty() {
        let decoded = data_encoding::BASE64.decode(info.as_bytes()).ok();
        torrent.info = decoded.filter(|info| is_info_of(hash, info));
        if torrent.info.is_none() {
            found.notes.push(format!(
                "{hash}: the metadata that is kept of it is not its own and was left out; it will come from its peers"
            ));
        }
    }
    found.brought.torrents.push(torrent);
    Ok(())
}

fn is_info_of(hash: TorrentHash, info: &[u8]) -> bool {
    Info::is_named(info, InfoHash(hash.0), None) && Info::parse(info).is_ok()
}

/// A torrent as the first TorrServers kept it: a name, a magnet and a time.
fn of_old(hash: TorrentHash, kept: &Bucket<'_>) -> Option<BroughtTorrent> {
    let text = |name: &str| {
        let value = kept.values.get(name.as_bytes())?;
        Some(str::from_utf8(value).ok()?.to_owned())
    };
    let magnet = text("Link").and_then(|link| Magnet::parse(&link).ok());
    let time = kept.values.get(&b"Timestamp"[..]);
    let time = time.and_then(|time| time.first_chunk());
    Some(BroughtTorrent {
        hash: hash.to_string(),
        title: text("Name")?,
        added_at_unix: time.map_or(0, |time| i64::from_be_bytes(*time).max(0)),
        trackers: magnet.map_or_else(Vec::new, |magnet| {
            magnet.trackers.into_iter().map(|url| vec![url]).collect()
        }),
        ..BroughtTorrent::default()
    })
}
