//! Is there a fusermount3 (or fusermount), which users mount and unmount with?
//!
//! Root mounts without it; then only its absence is worth a word.

use std::path::{Path, PathBuf};

use super::finding::Finding;

const ABOUT: &str = "fusermount3";

/// The first one of `PATH`.
pub(super) fn look() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    ["fusermount3", "fusermount"]
        .iter()
        .flat_map(|name| directories.iter().map(move |dir| dir.join(name)))
        .find(|candidate| candidate.is_file())
}

pub(super) fn judge(found: Option<&Path>, is_root: bool) -> Finding {
    let remedy = "install the package fuse3: apt install fuse3";
    match (found, is_root) {
        (Some(path), _) => Finding::ok(ABOUT, format!("is {}", path.display())),
        (None, true) => Finding::warning(ABOUT, "is not installed; root can do without", remedy),
        (None, false) => Finding::error(ABOUT, "is not installed", remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn only_root_can_do_without_it() {
        let there = Path::new("/usr/bin/fusermount3");
        assert_eq!(judge(Some(there), false).level, Level::Ok);
        assert_eq!(judge(None, true).level, Level::Warning);
        assert_eq!(judge(None, false).level, Level::Error);
    }
}
