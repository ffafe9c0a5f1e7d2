//! Stubs as other programs write them, and what a mount shows of them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A stub in its older form: URL, size, no magnet. The torrent is `number` in hex.
pub(crate) fn text(number: u64, size: u64) -> String {
    format!("http://127.0.0.1:8090/stream?link={number:040x}&index=1&play\n{size}\n\n")
}

/// Writes a stub of the torrent `number`, making the folders above it.
pub(crate) fn write(path: &Path, number: u64) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text(number, 4096 + number)).unwrap();
}

/// The inode number of what is at `path`; none if there is nothing.
pub(crate) fn inode(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|metadata| metadata.ino())
}

/// Every path below `root`, relative to it, in order, and its inode number.
pub(crate) fn shown(root: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    files_below(root, root, &mut found);
    found.sort();
    found
}

fn files_below(root: &Path, folder: &Path, found: &mut Vec<(String, u64)>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.unwrap().path();
        // It may have gone since.
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        let name = path.strip_prefix(root).unwrap().to_string_lossy();
        found.push((name.into_owned(), metadata.ino()));
        if metadata.is_dir() {
            files_below(root, &path, found);
        }
    }
}
