//! What is in a torrent: its files by the ids of the API. Read from the info dict, kept for those that are asked often.

use std::sync::Arc;

use bytes::Bytes;
use gostorm_wire::{Info, Metainfo};
use gostream_http::{DATA_LEN_MAX, FileView};
use gostream_library::{FileIds, TorrentFile, TorrentHash};
use rustc_hash::FxHashMap;

use crate::librarian::torrent_files;

/// Files of all torrents together that are kept; the paths of so many take some 40 MiB.
const FILES_MAX: usize = 100_000;

/// The files of one torrent.
#[derive(Debug)]
pub(super) struct Contents {
    /// What it calls itself.
    pub(super) name: String,
    /// All its bytes.
    pub(super) len: u64,
    /// Those that are shown, by their ids; padding is not.
    pub(super) files: Arc<[FileView]>,
    /// All of them as they lie in the torrent.
    in_order: Vec<TorrentFile>,
    ids: FileIds,
}

impl Contents {
    pub(super) fn new(info: &Info) -> Self {
        let files = info.files();
        let in_order = torrent_files(info);
        let ids = FileIds::new(&in_order);
        let shown = ids.files().iter().filter_map(|number| {
            let file = files.get(*number).filter(|file| !file.padding)?;
            let path = file.display_path();
            Some(FileView {
                id: ids.id_of(*number)?,
                path: if info.multi_file() {
                    format!("{}/{path}", info.name())
                } else {
                    path
                },
                len: file.length,
            })
        });
        Self {
            name: info.name().to_owned(),
            len: info.total_length(),
            files: shown.collect(),
            in_order,
            ids,
        }
    }

    /// From an info dict that was checked before.
    pub(super) fn of_info_dict(info_dict: Vec<u8>) -> Option<Self> {
        let parsed = Metainfo::from_info_bytes(Bytes::from(info_dict));
        let parsed =
            parsed.inspect_err(|error| tracing::error!(%error, "a stored info dict is broken"));
        Some(Self::new(&parsed.ok()?.info))
    }

    /// All files as they lie in the torrent, padding included.
    pub(super) fn in_order(&self) -> &[TorrentFile] {
        &self.in_order
    }

    /// The id of the file at a place in the torrent, unless it is padding.
    pub(super) fn id_of(&self, number: usize) -> Option<u32> {
        let id = self.ids.id_of(number)?;
        self.files.iter().any(|file| file.id == id).then_some(id)
    }

    /// The place of a file in the torrent, and the file.
    pub(super) fn file(&self, id: u32) -> Option<(usize, &FileView)> {
        let file = self.files.iter().find(|file| file.id == id)?;
        Some((self.ids.file_of(id)?, file))
    }
}

/// What TorrServer keeps with a torrent for which a client keeps nothing; empty when that were too long.
pub(super) fn files_as_data(files: &[FileView]) -> String {
    let list: Vec<serde_json::Value> = files
        .iter()
        .map(|file| serde_json::json!({"id": file.id, "path": file.path, "length": file.len}))
        .collect();
    let data = serde_json::json!({"TorrServer": {"Files": list}}).to_string();
    if data.len() > DATA_LEN_MAX {
        return String::new();
    }
    data
}

/// The contents that were asked for lately.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    contents: FxHashMap<TorrentHash, Arc<Contents>>,
    files: usize,
}

impl Shelf {
    pub(super) fn get(&self, hash: TorrentHash) -> Option<Arc<Contents>> {
        self.contents.get(&hash).cloned()
    }

    /// When it is full it begins anew: what is needed is soon there again.
    pub(super) fn put(&mut self, hash: TorrentHash, contents: &Arc<Contents>) {
        if self.files + contents.files.len() > FILES_MAX {
            *self = Self::default();
        }
        self.remove(hash);
        self.files += contents.files.len();
        self.contents.insert(hash, Arc::clone(contents));
    }

    pub(super) fn remove(&mut self, hash: TorrentHash) {
        if let Some(gone) = self.contents.remove(&hash) {
            self.files -= gone.files.len();
        }
    }
}
