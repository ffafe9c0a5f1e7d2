//! The torrents that films of the library need, as the tree of the mount has them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use gostream_fs::{NodeKind, NodeRef, Tree};
use gostream_http::{FileView, Labels};
use gostream_library::{Film, TorrentHash, file_id, media, path};

use super::contents::files_as_data;

/// A torrent by its films.
#[derive(Debug)]
pub(super) struct LibraryTitle {
    pub(super) labels: Labels,
    /// The oldest of its stubs.
    pub(super) added_unix: i64,
    /// Its films, by their ids; the paths are those of the mount.
    pub(super) films: Vec<FileView>,
}

/// All of them.
pub(super) fn titles(tree: &Tree) -> BTreeMap<TorrentHash, LibraryTitle> {
    let mut titles = BTreeMap::new();
    for (node, film) in films(tree) {
        note(&mut titles, node, film);
    }
    titles
        .into_iter()
        .map(|(hash, title)| (hash, finished(title)))
        .collect()
}

/// One of them.
pub(super) fn title(tree: &Tree, hash: TorrentHash) -> Option<LibraryTitle> {
    let mut titles = BTreeMap::new();
    for (node, film) in films(tree).filter(|(_, film)| film.hash == hash) {
        note(&mut titles, node, film);
    }
    titles.remove(&hash).map(finished)
}

/// Whether a film needs that torrent.
pub(super) fn needs(tree: &Tree, hash: TorrentHash) -> bool {
    films(tree).any(|(_, film)| film.hash == hash)
}

/// The films of a torrent.
pub(super) fn films_of(
    tree: &Tree,
    hash: TorrentHash,
) -> impl Iterator<Item = (NodeRef<'_>, &Arc<Film>)> {
    films(tree).filter(move |(_, film)| film.hash == hash)
}

fn films(tree: &Tree) -> impl Iterator<Item = (NodeRef<'_>, &Arc<Film>)> {
    tree.iter().filter_map(|node| match node.kind() {
        NodeKind::Media(film) => Some((node, film)),
        NodeKind::Dir { .. } | NodeKind::SideCar { .. } => None,
    })
}

fn note(titles: &mut BTreeMap<TorrentHash, LibraryTitle>, node: NodeRef<'_>, film: &Film) {
    let path = node.path();
    let since = node.mtime().duration_since(UNIX_EPOCH).unwrap_or_default();
    let added_unix = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let title = titles.entry(film.hash).or_insert_with(|| LibraryTitle {
        labels: labels_of(&path),
        added_unix,
        films: Vec::new(),
    });
    title.added_unix = title.added_unix.min(added_unix);
    title.films.push(FileView {
        id: film.index,
        path,
        len: film.size,
    });
}

fn finished(mut title: LibraryTitle) -> LibraryTitle {
    title.films.sort_by_key(|film| film.id);
    title.labels.data = files_as_data(&title.films);
    title
}

/// A film is called by its name, an episode by its show, the folder below `tv`.
fn labels_of(path: &str) -> Labels {
    let (folder, name) = path::split(path);
    let mut folders = folder.split('/');
    let top = folders.next().unwrap_or_default();
    let (stem, _) = media::split_extension(name);
    let stem = file_id::strip_hash_suffix(stem).unwrap_or(stem);
    let show = folders.next().filter(|_| top == "tv");
    let category = match top {
        "movies" => "movie",
        "tv" => "tv",
        _ => "other",
    };
    Labels {
        title: show.unwrap_or(stem).replace('_', " "),
        category: category.to_owned(),
        ..Labels::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_and_shows_are_called_by_their_names() {
        let called = |path: &str| {
            let labels = labels_of(path);
            (labels.title, labels.category)
        };
        let pair = |title: &str, category: &str| (title.to_owned(), category.to_owned());
        assert_eq!(
            called("movies/A_Film_2020_0a1b2c3d.mkv"),
            pair("A Film 2020", "movie")
        );
        assert_eq!(
            called("tv/A_Show/Season.01/A_Show_S01E02_0a1b2c3d.mkv"),
            pair("A Show", "tv")
        );
        assert_eq!(called("tv/Lone_S01E01.mkv"), pair("Lone S01E01", "tv"));
        assert_eq!(called("Film.mkv"), pair("Film", "other"));
    }
}
