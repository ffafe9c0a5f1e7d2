//! Subtitles of a torrent: which film each belongs to, and its name beside that film.
//!
//! Called by the planner once the films have their paths. A subtitle that could belong to several films is
//! left out rather than put beside the wrong one.

use std::collections::HashSet;

use crate::{
    file_id::{FileIds, TorrentFile},
    media,
    release::{self, Episode},
};

/// The longest words between film name and extension, in bytes.
const WORDS_BYTES_MAX: usize = 40;
/// Words that tell one subtitle of a language from another.
const KINDS: [&str; 4] = ["forced", "sdh", "cc", "hi"];

/// A subtitle file to be put beside a film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedSidecar {
    /// Path relative to the root of the library: the film's path without `.mkv`, words such as `.en`, extension.
    pub virtual_path: String,
    /// Number of the file in torrent order, from 0.
    pub torrent_file: usize,
    /// Size in bytes, at least 1.
    pub size: u64,
}

/// A film that subtitles may belong to.
pub(crate) struct Film {
    /// Path relative to the root of the library, ending in `.mkv`.
    virtual_path: String,
    /// Lower-case name of the torrent's file without extension.
    stem: String,
    episode: Option<Episode>,
}

impl Film {
    pub(crate) fn new(virtual_path: &str, file: &TorrentFile) -> Self {
        Self {
            virtual_path: virtual_path.to_owned(),
            stem: media::split_extension(file.name()).0.to_lowercase(),
            episode: release::parse(file.name()).episode,
        }
    }
}

/// The subtitles among `files` that have a film, each with the position of its film in `films`.
/// `taken` holds the lower-case paths in use.
pub(crate) fn assign(
    files: &[TorrentFile],
    ids: &FileIds,
    films: &[Film],
    taken: &mut HashSet<String>,
) -> Vec<(usize, PlannedSidecar)> {
    let mut found = Vec::new();
    for number in ids.files() {
        let file = &files[*number];
        if file.length == 0 || !media::is_subtitle(file.name()) {
            continue;
        }
        let Some((film, words)) = film_of(file, films) else {
            continue;
        };
        let stem = films[film].virtual_path.trim_end_matches(".mkv");
        let (_, extension) = media::split_extension(file.name());
        let sidecar = PlannedSidecar {
            virtual_path: distinct(stem, &words, &extension.to_lowercase(), taken),
            torrent_file: *number,
            size: file.length,
        };
        found.push((film, sidecar));
    }
    found
}

/// The film that a subtitle belongs to, and the words (`.en.forced` or nothing) that its name shall carry.
fn film_of(file: &TorrentFile, films: &[Film]) -> Option<(usize, String)> {
    let (stem, _) = media::split_extension(file.name());
    let lower = stem.to_lowercase();
    // The film's whole name in front: the longest one, so that "Film 2" does not go to "Film".
    let prefixed = (0..films.len())
        .filter_map(|i| {
            let rest = lower.strip_prefix(films[i].stem.as_str())?;
            let ends = rest.chars().next().is_none_or(|c| !c.is_alphanumeric());
            ends.then_some((i, rest))
        })
        .min_by_key(|(_, rest)| rest.len());
    if let Some((film, rest)) = prefixed {
        return Some((film, joined(words_of(rest))));
    }
    for folder in file.path.iter().rev().skip(1) {
        let folder = folder.to_lowercase();
        if let Some(film) = only(films, |film| film.stem == folder) {
            return Some((film, language_words(&lower)));
        }
    }
    let episode = release::parse(stem).episode;
    if episode.is_some()
        && let Some(film) = only(films, |film| film.episode == episode)
    {
        return Some((film, language_words(&lower)));
    }
    (films.len() == 1).then(|| (0, language_words(&lower)))
}

/// The only film that fits, none if several do.
fn only(films: &[Film], fits: impl Fn(&Film) -> bool) -> Option<usize> {
    let mut found = (0..films.len()).filter(|i| fits(&films[*i]));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// Of a name that says more than the language, the words that are about language; a short last word is
/// taken for a language code ("film.eng").
fn language_words(stem: &str) -> String {
    let last = words_of(stem).last();
    let is_code = |word: &str| {
        Some(word) == last
            && matches!(word.len(), 2 | 3)
            && word.bytes().all(|b| b.is_ascii_lowercase())
    };
    joined(words_of(stem).filter(|word| {
        media::language_code(word).is_some() || KINDS.contains(word) || is_code(word)
    }))
}

/// Each word with a dot in front; languages as ISO 639-1 codes.
fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for word in words {
        let word = media::language_code(word).unwrap_or(word);
        if text.len() + 1 + word.len() <= WORDS_BYTES_MAX {
            text.push('.');
            text.push_str(word);
        }
    }
    text
}

fn distinct(stem: &str, words: &str, extension: &str, taken: &mut HashSet<String>) -> String {
    let mut free = format!("{stem}{words}.{extension}");
    let mut number = 2;
    while !taken.insert(free.to_lowercase()) {
        free = format!("{stem}{words}.{number}.{extension}");
        number += 1;
    }
    free
}
