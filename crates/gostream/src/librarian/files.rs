//! The files of a torrent in the library's words.

use gostorm_wire::Info;
use gostream_library::TorrentFile;

/// The files of a torrent as the library sees them: padding has no bytes, so that it becomes nothing, whatever its name.
pub(crate) fn torrent_files(info: &Info) -> Vec<TorrentFile> {
    info.files()
        .iter()
        .map(|file| TorrentFile {
            path: file.path.clone(),
            length: if file.padding { 0 } else { file.length },
        })
        .collect()
}
