//! Which title, and what its two files are called.

use std::path::{Path, PathBuf};

use gostream_library::TorrentHash;

/// A title of the cache: one file of a torrent, as a stub names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TitleKey {
    /// The torrent.
    pub hash: TorrentHash,
    /// The stub's file id.
    pub index: u32,
}

/// The two files of a title.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    /// What was read by somebody who only looked: goes last when room is short.
    Probe,
    /// Head and tail of what was played: goes first.
    Bulk,
}

impl Shelf {
    /// Both, in the order in which they are asked.
    pub(super) const ALL: [Self; 2] = [Self::Probe, Self::Bulk];

    pub(super) const fn at(self) -> usize {
        match self {
            Self::Probe => 0,
            Self::Bulk => 1,
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Bulk => "bulk",
        }
    }
}

/// Where a title's bytes lie.
pub(super) fn path_of(folder: &Path, key: TitleKey, shelf: Shelf) -> PathBuf {
    let extension = shelf.extension();
    folder.join(format!("{}-{}.{extension}", key.hash, key.index))
}

/// The title and shelf that a file name means; `None` when it is none of ours.
pub(super) fn parse(name: &str) -> Option<(TitleKey, Shelf)> {
    let (stem, extension) = name.rsplit_once('.')?;
    let mut shelves = Shelf::ALL.into_iter();
    let shelf = shelves.find(|shelf| shelf.extension() == extension)?;
    let (hash, index) = stem.split_once('-')?;
    let key = TitleKey {
        hash: hash.parse().ok()?,
        index: index.parse().ok()?,
    };
    // Another spelling of the same key would be a second file of one title.
    (path_of(Path::new(""), key, shelf) == Path::new(name)).then_some((key, shelf))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_says_its_title_and_nothing_else_does() {
        let key = TitleKey {
            hash: TorrentHash([0xab; 20]),
            index: 7,
        };
        for shelf in Shelf::ALL {
            let path = path_of(Path::new(""), key, shelf);
            let name = path.to_string_lossy();
            assert_eq!(parse(&name), Some((key, shelf)));
            assert_eq!(parse(&name.to_uppercase()), None);
            assert_eq!(parse(&name.replace("-7", "-07")), None);
            assert_eq!(parse(&format!("{name}.tmp")), None);
        }
        assert_eq!(parse("README"), None);
    }
}
