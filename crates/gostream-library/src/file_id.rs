//! The file ids of the API, and the file of a torrent that a stub means.
//!
//! An id is the 1-based rank of a file after all files of the torrent (padding included) are sorted by
//! path, by a rule that other programs fixed long ago: strip the common prefix of two paths; if both rests
//! start with digits compare those numbers; if only one does, it is the smaller; else compare bytes. So
//! `E10.mkv` comes before `E1.mkv`. Ids stand in stubs and URLs, so the order can never be mended.
//!
//! The rule is no order (`E2 < E10 < E1. < E2` is a circle), so what comes out depends on the algorithm: up
//! to 12 files are sorted by insertion, as those programs do; longer lists by merging such runs, which is the
//! same wherever the rule has no circle. It never panics and is deterministic.

use std::cmp::Ordering;

use crate::{film::Film, media};

/// One file of a torrent, in torrent order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorrentFile {
    /// Names from the root of the torrent down; without the name of the torrent for a multi-file one.
    pub path: Vec<String>,
    /// Length in bytes.
    pub length: u64,
}

impl TorrentFile {
    /// The last name of the path, empty when there is none.
    pub fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }
}

/// Files sorted by insertion at once.
const RUN: usize = 12;

/// The two-way table of one torrent: file number (0-based, torrent order) ↔ id (1-based rank).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileIds {
    /// Position = rank - 1, value = file number.
    order: Vec<usize>,
    /// Position = file number, value = id.
    ids: Vec<u32>,
}

impl FileIds {
    /// Ranks all files of a torrent, given in torrent order with padding files.
    pub fn new(files: &[TorrentFile]) -> Self {
        let paths: Vec<String> = files.iter().map(|f| f.path.join("/")).collect();
        let order = sorted(&paths);
        let mut ids = vec![0; files.len()];
        for (id, file) in (1u32..).zip(&order) {
            ids[*file] = id;
        }
        Self { order, ids }
    }

    /// The id of a file, or none if there is no such file.
    pub fn id_of(&self, file: usize) -> Option<u32> {
        self.ids.get(file).copied()
    }

    /// The file with an id, or none if there is no such id (0 included).
    pub fn file_of(&self, id: u32) -> Option<usize> {
        let rank = usize::try_from(id).ok()?.checked_sub(1)?;
        self.order.get(rank).copied()
    }

    /// File numbers in the order of their ids.
    pub fn files(&self) -> &[usize] {
        &self.order
    }
}

/// Finds the file of a torrent that a film is: the one with its id, if that is of its size. Other programs wrote ids by
/// other rules; those seldom name a file of that size, and then it is of the files of its size one whose name agrees
/// with `stub_name` (the stub's own path or name), else the only file of that size, else the one with its id after
/// all. A stub may be called anything, so a name alone never decides against a right id.
pub fn match_file(stub_name: &str, film: &Film, files: &[TorrentFile]) -> Option<usize> {
    let by_id = FileIds::new(files).file_of(film.index);
    let same_size = |file: &usize| files[*file].length == film.size;
    if by_id.as_ref().is_some_and(same_size) {
        return by_id;
    }
    let wanted = normalised(stub_name.rsplit('/').next().unwrap_or(stub_name));
    let same_size: Vec<usize> = (0..files.len()).filter(same_size).collect();
    let named = |agrees: &dyn Fn(&str) -> bool| {
        let mut files = same_size.iter().map(|i| (*i, normalised(files[*i].name())));
        files.find(|(_, name)| agrees(name)).map(|(file, _)| file)
    };
    // An equal name beats one that is a part.
    named(&|name| name == wanted)
        .or_else(|| named(&|name| is_tail(name, &wanted) || is_tail(&wanted, name)))
        .or(match same_size[..] {
            [only] => Some(only),
            _ => by_id,
        })
}

/// True when `tail` is not empty and `text` ends with it.
fn is_tail(text: &str, tail: &str) -> bool {
    !tail.is_empty() && text.ends_with(tail)
}

/// Lower case, without the video extension and the `_<8 hex>` suffix, `_` and space as `.`.
fn normalised(name: &str) -> String {
    let stem = match media::split_extension(name) {
        (stem, _) if media::is_video(name) => stem,
        _ => name,
    };
    let stem = strip_hash_suffix(stem).unwrap_or(stem);
    stem.to_lowercase().replace(['_', ' '], ".")
}

/// The text before a `_<8 hex>` at its end, if there is one.
pub fn strip_hash_suffix(stem: &str) -> Option<&str> {
    let (before, digits) = stem.rsplit_once('_')?;
    (digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then_some(before)
}

/// File numbers in the order of the rule.
fn sorted(paths: &[String]) -> Vec<usize> {
    let less = |a: usize, b: usize| compare(&paths[a], &paths[b]) == Ordering::Less;
    let mut order: Vec<usize> = (0..paths.len()).collect();
    for run in order.chunks_mut(RUN) {
        for end in 1..run.len() {
            let mut at = end;
            while at > 0 && less(run[at], run[at - 1]) {
                run.swap(at, at - 1);
                at -= 1;
            }
        }
    }
    let mut width = RUN;
    while width < order.len() {
        let mut merged = Vec::with_capacity(order.len());
        for pair in order.chunks(2 * width) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let ([first_left, ..], [first_right, ..]) = (left, right) {
                if less(*first_right, *first_left) {
                    merged.push(*first_right);
                    right = &right[1..];
                } else {
                    merged.push(*first_left);
                    left = &left[1..];
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        order = merged;
        width *= 2;
    }
    order
}

/// The rule of the ids. Not transitive: never hand it to `sort`.
fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let common = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[common..], &b[common..]);
    match (leading_number(a), leading_number(b)) {
        // Numbers of any length: fewer digits (leading zeros apart) is less, then digit by digit.
        (Some(x), Some(y)) => (x.len(), x).cmp(&(y.len(), y)).then_with(|| a.cmp(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// The digits at the start without leading zeros, or none if it starts with no digit.
fn leading_number(text: &[u8]) -> Option<&[u8]> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let number = &text[..digits];
    let zeros = number.iter().take_while(|b| **b == b'0').count();
    (digits > 0).then(|| &number[zeros..])
}

#[cfg(test)]
#[path = "file_id_tests.rs"]
mod tests;
