//! Viewed marks, in the two forms of TorrServer: what its API answers, and viewed.json.
//!
//! viewed.json has an object for each torrent, whose names are numbers of files. What stands there is the newest
//! of three: `{"tc": seconds, "off": bytes, …}`, seconds, or an empty object.

use gostream_http::{BroughtMark, BroughtPosition};
use gostream_library::{HashError, TorrentHash};

use super::found::Found;
use super::node::Node;

/// Where a file was left.
struct Mark {
    hash: TorrentHash,
    file_index: u32,
    seconds: f64,
    offset_bytes: u64,
}

/// Adds the marks of an answer: an array of objects.
pub(super) fn from_answer(list: &[Node<'_>], found: &mut Found) -> Result<(), String> {
    for entry in list {
        let hash = entry.hash()?;
        let Some(index) = entry.get("file_index") else {
            return Err(entry.mistake("there is no file_index"));
        };
        let mark = Mark {
            hash,
            file_index: file_index(&index, index.as_whole()?)?,
            seconds: entry.number("timecode")?.unwrap_or(0.0),
            offset_bytes: entry.whole("offset")?.unwrap_or(0),
        };
        take(&mark, found);
    }
    Ok(())
}

/// Adds the marks of viewed.json.
pub(super) fn from_file(torrents: &[(&str, Node<'_>)], found: &mut Found) -> Result<(), String> {
    for (name, files) in torrents {
        let hash = name
            .parse()
            .map_err(|error: HashError| files.mistake(&error.to_string()))?;
        of_torrent(hash, files, found)?;
    }
    Ok(())
}

/// Adds the marks of one torrent: an object by the numbers of its files.
pub(super) fn of_torrent(
    hash: TorrentHash,
    files: &Node<'_>,
    found: &mut Found,
) -> Result<(), String> {
    for (number, file) in files.members()? {
        let index = number
            .parse()
            .map_err(|_| file.mistake("expected the number of a file as name"))?;
        let (seconds, offset_bytes) = if file.is_number() {
            (file.as_number()?, 0)
        } else {
            // An object, or a mistake.
            file.members()?;
            (
                file.number("tc")?.unwrap_or(0.0),
                file.whole("off")?.unwrap_or(0),
            )
        };
        let mark = Mark {
            hash,
            file_index: file_index(&file, index)?,
            seconds,
            offset_bytes,
        };
        take(&mark, found);
    }
    Ok(())
}

fn file_index(at: &Node<'_>, index: u64) -> Result<u32, String> {
    u32::try_from(index).map_err(|_| at.mistake("no torrent has a file of that number"))
}

fn take(mark: &Mark, found: &mut Found) {
    let (hash, file_index) = (mark.hash.to_string(), mark.file_index);
    if mark.offset_bytes > 0 {
        found.brought.positions.push(BroughtPosition {
            hash: hash.clone(),
            file_index,
            offset_bytes: mark.offset_bytes,
            seconds: (mark.seconds > 0.0).then_some(mark.seconds),
        });
    }
    found.brought.viewed.push(BroughtMark {
        hash,
        file_index,
        timecode_seconds: mark.seconds,
    });
}
