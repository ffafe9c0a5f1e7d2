//! Takes over the inode numbers of an earlier program, from `inode_map.json` in the state directory.
//!
//! Once, when no number was given yet; the file is left as it is. A file that cannot be used costs a warning and the
//! numbers, not the start.

use std::io::Read as _;
use std::path::Path;

use gostream_library::InodeMap;
use gostream_store::Store;

/// The longest map that is read, in bytes: a million titles.
const LEN_MAX: u64 = 256 << 20;

/// Looks for the map in `state` and takes it over for the library at `root`.
pub(super) fn take_over(store: &Store, state: &Path, root: &Path) {
    let path = state.join("inode_map.json");
    let taken = match read(&path) {
        Ok(None) => return,
        Ok(Some(bytes)) => take(store, &bytes, root),
        Err(error) => Err(error.to_string()),
    };
    match taken {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, path = %path.display(), "inode numbers were taken over"),
        Err(error) => {
            tracing::warn!(path = %path.display(), error, "no inode numbers were taken over")
        }
    }
}

fn read(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(LEN_MAX).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn take(store: &Store, bytes: &[u8], root: &Path) -> Result<usize, String> {
    if !store
        .inodes()
        .is_empty()
        .map_err(|error| error.to_string())?
    {
        return Ok(0);
    }
    let map = InodeMap::parse(bytes).map_err(|error| error.to_string())?;
    let taken = store.inodes().import(map, root);
    taken.map_err(|error| error.to_string())
}
