//! The files of a torrent in the library's words.

use gostorm_wire::Info;
use gostream_library::TorrentFile;

/// The files of a torrent as the library sees them.
pub(crate) fn torrent_files(info: &Info) -> Vec<TorrentFile> {
    info.files()
        .iter()
        .map(|file| TorrentFile {
            path: file.path.clone(),
            length: file.length,
        })
        .collect()
}
