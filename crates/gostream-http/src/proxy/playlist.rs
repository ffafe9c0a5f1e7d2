//! A playlist (M3U) of the films below a folder.
//!
//! Its lines are links relative to the folder, so it works under any name by which the server is reached.

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};

use super::page::link;
use crate::films::{FilmLibrary, Item};

/// Entries of one playlist: more than a player shows, and a bound for the answer.
const ENTRIES_MAX: usize = 10_000;

/// Endings of what a player plays. Every film of the library ends in `.mkv`.
const FILM: &str = ".mkv";

pub(super) fn of_folder(library: &dyn FilmLibrary, path: &str, name: &str) -> Response {
    let mut text = String::from("#EXTM3U\n");
    // Folders that are still to be looked at, as paths relative to `path`; the next one is at the end.
    let mut folders = vec![String::new()];
    let mut entries = 0;
    while let Some(folder) = folders.pop() {
        let full = join(path, &folder);
        let (below, files): (Vec<Item>, Vec<Item>) = library
            .children(&full)
            .unwrap_or_default()
            .into_iter()
            .partition(Item::is_folder);
        for film in files.iter().filter(|file| file.name.ends_with(FILM)) {
            if entries == ENTRIES_MAX {
                break;
            }
            entries += 1;
            let title = film.name.trim_end_matches(FILM);
            let target = link(&join(&folder, &film.name));
            text.push_str(&format!("#EXTINF:-1,{title}\n{target}\n"));
        }
        folders.extend(below.iter().rev().map(|item| join(&folder, &item.name)));
    }
    let file_name = if name.is_empty() { "library" } else { name };
    let disposition = format!("inline; filename*=UTF-8''{}.m3u", link(file_name));
    (
        [
            (
                header::CONTENT_TYPE,
                "audio/x-mpegurl; charset=utf-8".to_owned(),
            ),
            (header::CONTENT_DISPOSITION, disposition),
        ],
        text,
    )
        .into_response()
}

fn join(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, name) => format!("{folder}/{name}"),
    }
}
