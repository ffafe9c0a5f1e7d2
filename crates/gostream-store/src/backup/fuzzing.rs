//! What the fuzz target of the archive reader does, here so that the replay of its corpus can do it too.

use std::fs;
use std::path::Path;

/// Takes any bytes for a backup, and panics when something of them is found elsewhere than in the folder that they were
/// unpacked into, or is no plain file there.
pub fn backup(data: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else {
        return;
    };
    let (archive, into) = (folder.path().join("in.tar"), folder.path().join("out"));
    if fs::write(&archive, data).is_err() || fs::create_dir(&into).is_err() {
        return;
    }
    let unpacked = super::unpack(&archive, &into);
    let beside = fs::read_dir(folder.path()).into_iter().flatten().count();
    assert_eq!(beside, 2, "something was unpacked beside the folder");
    let mut files = 0;
    look(&into, &mut files);
    if let Ok(unpacked) = unpacked {
        assert!(
            files > unpacked.library_files,
            "a file that was told is not there"
        );
    }
}

fn look(folder: &Path, files: &mut u64) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => look(&entry.path(), files),
            Ok(kind) => {
                assert!(kind.is_file(), "{} is no file", entry.path().display());
                *files += 1;
            }
            Err(_) => {}
        }
    }
}
