//! What stands in a backup, and what may: names, sizes, the first and the last entry.

use aws_lc_rs::digest;
use gostream_library::{path as names, stub::STUB_BYTES_MAX};
use serde::{Deserialize, Serialize};

use crate::stubs::has_stub_name;

/// The number of this format.
pub(super) const FORMAT: u32 = 1;
/// The first entry, a [`Head`].
pub(super) const HEAD: &str = "gostream-backup.json";
/// The last entry, an [`End`].
pub(super) const END: &str = "end.json";
/// The database.
pub(crate) const DATABASE: &str = "gostream.db";
/// The settings.
pub(crate) const SETTINGS: &str = "config.json";
/// Trackers that are asked for every torrent.
pub(crate) const TRACKERS: &str = "trackers.txt";
/// The folder of stubs and side-cars.
pub(crate) const LIBRARY: &str = "library";

/// Most files in a backup: ten times the largest library that is tested.
pub(super) const FILES_MAX: u64 = 2_000_000;
/// Longest first or last entry.
pub(super) const NOTE_BYTES_MAX: u64 = 4096;
/// Largest database: 64 GiB.
const DATABASE_BYTES_MAX: u64 = 64 << 30;
/// Largest config.json and trackers.txt: 1 MiB.
const TEXT_BYTES_MAX: u64 = 1 << 20;
/// Largest side-car: 4 MiB. What is larger is no text.
const SIDE_CAR_BYTES_MAX: u64 = 4 << 20;
/// Side-cars that are taken along: subtitles and descriptions, made or chosen by hand. Pictures are fetched again
/// by those who made them.
const SIDE_CARS: [&str; 11] = [
    "srt", "ass", "ssa", "sub", "idx", "vtt", "sup", "nfo", "txt", "xml", "json",
];

/// The first entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Always [`FORMAT`], so far.
    pub(super) format: u32,
    /// The version of the program that made it.
    pub(super) version: String,
    /// When it was made, in seconds since 1970.
    pub(super) made_at: i64,
}

/// The last entry.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    /// How many files lie between the first and the last entry.
    pub(super) files: u64,
    /// [`Digest`] of all before, in hex.
    pub(super) sha256: String,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Database,
    Settings,
    Trackers,
    Library(String),
}

impl Kind {
    /// By its name in the archive.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub(super) fn of(name: &str) -> Result<Self, String> {
        match name {
            DATABASE => Ok(Self::Database),
            SETTINGS => Ok(Self::Settings),
            TRACKERS => Ok(Self::Trackers),
            _ => {
                let inside = name
                    .strip_prefix(LIBRARY)
                    .and_then(|rest| rest.strip_prefix('/'))
                    .ok_or_else(|| format!("{name:?} does not belong in a backup"))?;
                names::check(inside).map_err(|error| error.to_string())?;
                if !is_kept(inside) {
                    return Err(format!("{name:?} does not belong in a backup"));
                }
                Ok(Self::Library(inside.to_owned()))
            }
        }
    }

    /// How large it may be.
    pub(super) fn bytes_max(&self) -> u64 {
        match self {
            Self::Database => DATABASE_BYTES_MAX,
            Self::Settings | Self::Trackers => TEXT_BYTES_MAX,
            Self::Library(path) => library_bytes_max(path),
        }
    }
}

/// Whether a file of the library is taken along, if it is small enough.
pub(super) fn is_kept(path: &str) -> bool {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension);
    has_stub_name(path)
        || extension.is_some_and(|extension| {
            SIDE_CARS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(extension))
        })
}

/// How large a file of the library may be to be taken along.
pub(super) fn library_bytes_max(path: &str) -> u64 {
    if has_stub_name(path) {
        u64::try_from(STUB_BYTES_MAX).unwrap_or(u64::MAX)
    } else {
        SIDE_CAR_BYTES_MAX
    }
}

/// SHA-256 over the name, a zero byte, the length (big-endian, 64 bits) and the bytes of each entry.
pub(super) struct Digest(digest::Context);

impl Digest {
    pub(super) fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    pub(super) fn begin(&mut self, name: &str, len: u64) {
        self.0.update(name.as_bytes());
        self.0.update(&[0]);
        self.0.update(&len.to_be_bytes());
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> String {
        let digest = self.0.finish();
        digest
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}
