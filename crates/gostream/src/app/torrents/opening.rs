//! Opening a file for a client: a film of the library as the mount opens it, any other file straight from its torrent.

use std::sync::Arc;

use gostorm::FileChoice;
use gostream_http::{FilmError, OpenFilm, OpenedBy};
use gostream_library::{TorrentHash, match_file};

use super::adding::request_by_hash;
use super::contents::Contents;
use super::library;
use super::shared::{Shared, Torrents};
use super::streams::Place;
use crate::app::films::{Film, of_open};

impl Torrents {
    pub(super) async fn open_file(
        &self,
        hash: TorrentHash,
        file: u32,
        by: OpenedBy,
    ) -> Result<Arc<dyn OpenFilm>, FilmError> {
        let contents = self.on_disk(move |shared| shared.contents(hash)).await;
        let contents = contents.map_err(|_| FilmError::Io)?;
        let contents = contents.ok_or(FilmError::NotFound)?;
        let opened = self.shared.open(hash, file, &contents)?;
        let len = contents.file(file).map_or(0, |(_, file)| file.len);
        let place = match by {
            OpenedBy::Player => {
                let store = Arc::clone(&self.shared.parts.store);
                Some(Place::new(store, hash, file, len))
            }
            OpenedBy::Probe => None,
        };
        Ok(self.shared.streams.tie(hash, opened, place))
    }
}

impl Shared {
    fn open(
        &self,
        hash: TorrentHash,
        file: u32,
        contents: &Contents,
    ) -> Result<Arc<dyn OpenFilm>, FilmError> {
        let (number, shown) = contents.file(file).ok_or(FilmError::NotFound)?;
        let tree = self.parts.shown.tree();
        let source = &self.parts.source;
        let mut key_is_taken = false;
        for (node, film) in library::films_of(&tree, hash) {
            key_is_taken |= film.index == file;
            let meant = match_file(node.name(), film, contents.in_order());
            if meant == Some(number) && film.size == shown.len {
                return Film::open(&**source, film, node.ino());
            }
        }
        let choice: FileChoice = Arc::new(move |_| Some(number));
        // A stub that goes by this id and means another file has the place in the warm cache.
        let warm = (!key_is_taken).then_some((file, shown.len));
        let opened = source.open_file(request_by_hash(hash), choice, warm);
        opened.map(Film::of_file).map_err(of_open)
    }
}
