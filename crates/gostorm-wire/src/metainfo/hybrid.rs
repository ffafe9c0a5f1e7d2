//! A hybrid torrent says the same thing twice, as v1 and as v2 (BEP 52).
//!
//! Called by `info`. One whose two halves differ would be another torrent to each
//! kind of client, so it is refused: paths, lengths and order must agree, and
//! padding must bring each file to the piece where v2 has it.

use super::error::{MetainfoError, quoted};
use super::files::FileEntry;
use super::tree::Forest;

/// Compares the two lists of files; moves the trees to the files of v1, whose
/// list goes on to be the torrent's.
pub(super) fn join(
    v1: &[FileEntry],
    v2: &mut Forest,
    piece_length: u32,
) -> Result<(), MetainfoError> {
    let disagree = |why: &'static str, path: &[String]| MetainfoError::Hybrid {
        why,
        path: quoted(&path.join("/")),
    };
    let shown = |files: &[FileEntry]| -> Vec<(usize, FileEntry)> {
        let files = files.iter().cloned().enumerate();
        files.filter(|(_, file)| !file.padding).collect()
    };
    let (ours, theirs) = (shown(v1), shown(&v2.files));
    for ((_, one), (_, other)) in ours.iter().zip(&theirs) {
        if one.path != other.path {
            return Err(disagree(
                "one has another file, or in another place",
                &one.path,
            ));
        }
        if one.length != other.length {
            return Err(disagree("the lengths of a file differ", &one.path));
        }
        if one.length > 0 && one.offset != other.offset {
            return Err(disagree(
                "padding does not bring a file to its piece",
                &one.path,
            ));
        }
    }
    let longer = if ours.len() > theirs.len() {
        &ours
    } else {
        &theirs
    };
    if let Some((_, file)) = longer.get(ours.len().min(theirs.len())) {
        return Err(disagree("one has a file more", &file.path));
    }
    let pieces = |files: &[FileEntry]| {
        let end = files.last().map_or(0, |file| file.offset + file.length);
        end.div_ceil(u64::from(piece_length))
    };
    if pieces(v1) != pieces(&v2.files) {
        return Err(disagree("padding goes on behind the last file", &[]));
    }
    let places: Vec<(usize, usize)> = theirs
        .iter()
        .map(|(at, _)| *at)
        .zip(ours.iter().map(|(at, _)| *at))
        .collect();
    for tree in &mut v2.trees {
        let place = places.binary_search_by_key(&tree.file, |(at, _)| *at);
        match place {
            Ok(place) => tree.file = places[place].1,
            Err(_) => return Err(disagree("padding has hashes", &v2.files[tree.file].path)),
        }
    }
    Ok(())
}
