//! From what a client brings to a torrent: a magnet, an info hash, a URL or the bytes of a .torrent file.

use gostorm::net::reach::Reach;
use gostorm_wire::{Magnet, Metainfo};
use gostream_http::{ControlError, TorrentError, TorrentSource};
use gostream_library::TorrentHash;
use gostream_store::TorrentRecord;

use crate::clock::now_unix;
use crate::librarian::fetch::{self, Fetched};
use crate::link::Link;

/// A torrent as it was brought.
pub(super) struct Brought {
    pub(super) magnet: Magnet,
    pub(super) metainfo: Option<Metainfo>,
}

/// Reads or fetches it. Names of files of this machine are refused, and so are links into its network unless they are
/// allowed: whoever reaches the API could otherwise have us ask services that trust us.
pub(super) async fn read(source: TorrentSource, local: bool) -> Result<Brought, TorrentError> {
    let link = match source {
        TorrentSource::File(bytes) => return of_file(&bytes),
        TorrentSource::Link(link) => link,
    };
    match Link::parse(&link) {
        Link::Magnet(text) | Link::Hash(text) => of_magnet(&text),
        Link::Url(url) => {
            let reach = if local {
                Reach::Anywhere
            } else {
                Reach::GlobalOnly
            };
            let fetched = fetch::torrent(&url, reach, |_, _| {}).await;
            match fetched.map_err(refused)? {
                Fetched::Torrent(bytes) => of_file(&bytes),
                Fetched::Magnet(text) => of_magnet(&text),
            }
        }
        Link::File(_) => {
            let text = "the link is no magnet, info hash or http(s) URL";
            Err(TorrentError::BadSource(text.to_owned()))
        }
    }
}

fn of_magnet(text: &str) -> Result<Brought, TorrentError> {
    let magnet = text.parse::<Magnet>();
    let magnet = magnet.map_err(|error| TorrentError::BadSource(error.to_string()))?;
    Ok(Brought {
        magnet,
        metainfo: None,
    })
}

fn of_file(bytes: &[u8]) -> Result<Brought, TorrentError> {
    let metainfo = Metainfo::parse(bytes);
    let metainfo = metainfo.map_err(|error| TorrentError::BadSource(error.to_string()))?;
    let magnet = Magnet {
        name: Some(metainfo.info.name().to_owned()),
        web_seeds: metainfo.url_list.clone(),
        info_hash_v2: metainfo.info_hash_v2,
        ..Magnet::from(metainfo.info_hash)
    };
    Ok(Brought {
        magnet,
        metainfo: Some(metainfo),
    })
}

fn refused(error: ControlError) -> TorrentError {
    TorrentError::BadSource(error.to_string())
}

impl Brought {
    pub(super) const fn hash(&self) -> TorrentHash {
        TorrentHash(self.magnet.info_hash.0)
    }

    /// What it is called until somebody says otherwise.
    pub(super) fn title(&self) -> String {
        let name = self.magnet.name.as_deref().unwrap_or_default();
        name.replace('_', " ")
    }

    /// What the engine needs to find it again.
    pub(super) fn record(&self) -> TorrentRecord {
        let of_magnet = self.magnet.trackers.iter().map(|url| vec![url.clone()]);
        TorrentRecord {
            hash: self.hash(),
            hash_v2: self.magnet.info_hash_v2.map(|hash| hash.0),
            name: self.magnet.name.clone().unwrap_or_default(),
            info_dict: self
                .metainfo
                .as_ref()
                .map(|metainfo| metainfo.info_bytes.to_vec()),
            trackers: match &self.metainfo {
                Some(metainfo) => metainfo.trackers.clone(),
                None => of_magnet.collect(),
            },
            web_seeds: self.magnet.web_seeds.clone(),
            peer_hints: self.magnet.peers.iter().map(ToString::to_string).collect(),
            added_at_unix: now_unix(),
        }
    }
}
