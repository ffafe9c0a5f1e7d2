//! Which files of a torrent become which stubs, and under which paths.
//!
//! `gostream add` and the jobs call [`plan_stubs`] once the metadata is known. Every video that is no sample
//! gets a stub, subtitles become side-cars beside their film. Episodes go to `tv/`, all else to `movies/`, if
//! the caller names no folder. Same input, same plan; within a plan no two paths are equal, not even when
//! letter case is ignored (Samba); no path leaves the library.

use std::collections::HashSet;

use crate::{
    file_id::{FileIds, TorrentFile},
    hash::TorrentHash,
    media, name,
    path::{self, PathError},
    release::{self, Release},
    sidecar::{self, Film, PlannedSidecar},
    stub::FILM_BYTES_MAX,
};

/// What the user wants otherwise than by rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Folder below the root of the library, such as `movies` or `kids/tv`. In `movies` episodes lie flat.
    pub dir: Option<String>,
    /// Title to use for the film or show, such as `Copper Lanterns (2031)`.
    pub name: Option<String>,
}

/// A stub to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedStub {
    /// Path relative to the root of the library.
    pub virtual_path: String,
    /// The 1-based file id of the API.
    pub index: u32,
    /// Size of the film in bytes, 1 ..= 2^53.
    pub size: u64,
    /// Number of the file in torrent order, from 0.
    pub torrent_file: usize,
    /// Subtitles of this film.
    pub sidecars: Vec<PlannedSidecar>,
}

/// Why a torrent gets no stubs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No video in it.
    #[error(
        "no video among the {files} files of the torrent ({samples} samples and {empty} empty ones left out)"
    )]
    NoVideo {
        /// Number of files.
        files: usize,
        /// Videos left out as samples.
        samples: usize,
        /// Videos left out because they have no bytes.
        empty: usize,
    },
    /// A video over 2^53 bytes.
    #[error("file {file:?} has an impossible size: {length} bytes")]
    TooLarge {
        /// Its path in the torrent.
        file: String,
        /// Its length in bytes.
        length: u64,
    },
    /// The folder asked for is not inside the library.
    #[error("bad folder {dir:?}: {source}")]
    BadDir {
        /// The folder as given.
        dir: String,
        /// What is wrong with it.
        source: PathError,
    },
    /// A name of the folder asked for begins with a dot, which hides it.
    #[error("bad folder {dir:?}: names that begin with a dot are hidden")]
    HiddenDir {
        /// The folder as given.
        dir: String,
    },
    /// The name asked for cannot be a name.
    #[error("bad name {name:?}: {reason}")]
    BadName {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Plans the stubs of a torrent.
///
/// `files` are all files in torrent order, padding files included (their ranks count).
pub fn plan_stubs(
    files: &[TorrentFile],
    torrent_name: &str,
    hash: &TorrentHash,
    options: &PlanOptions,
) -> Result<Vec<PlannedStub>, PlanError> {
    let dir = options.dir.as_deref().map(check_dir).transpose()?;
    if let Some(name) = &options.name {
        check_name(name)?;
    }
    let ids = FileIds::new(files);
    let videos = videos(files, &ids)?;
    let releases: Vec<Release> = videos
        .iter()
        .map(|video| release_of(files[*video].name(), torrent_name, options, videos.len()))
        .collect();
    let context = Context {
        torrent: release::parse(torrent_name),
        named: options.name.as_deref(),
        dir,
        flat: dir.is_some_and(is_movies),
        leader: videos
            .iter()
            .zip(&releases)
            .find(|(_, release)| release.episode.is_some())
            .map(|(video, release)| (&files[*video], release)),
        single: videos.len() == 1,
        hash,
    };
    let mut taken = HashSet::new();
    let mut stubs = Vec::with_capacity(videos.len());
    for (video, release) in videos.iter().zip(&releases) {
        let file = &files[*video];
        let wanted = context.path_of(file, release);
        let virtual_path = distinct(&wanted, &mut taken);
        path::check(&virtual_path).map_err(|source| PlanError::BadDir {
            dir: options.dir.clone().unwrap_or_default(),
            source,
        })?;
        stubs.push(PlannedStub {
            virtual_path,
            index: ids.id_of(*video).unwrap_or(0),
            size: file.length,
            torrent_file: *video,
            sidecars: Vec::new(),
        });
    }
    let films: Vec<Film> = stubs
        .iter()
        .map(|stub| Film::new(&stub.virtual_path, &files[stub.torrent_file]))
        .collect();
    for (film, sidecar) in sidecar::assign(files, &ids, &films, &mut taken) {
        stubs[film].sidecars.push(sidecar);
    }
    Ok(stubs)
}

/// Numbers of the files that get a stub, in the order of their ids.
fn videos(files: &[TorrentFile], ids: &FileIds) -> Result<Vec<usize>, PlanError> {
    let (mut samples, mut empty) = (0, 0);
    let mut found = Vec::new();
    for file in ids.files() {
        let TorrentFile { path, length } = &files[*file];
        if !media::is_video(files[*file].name()) {
            continue;
        }
        if *length == 0 {
            empty += 1;
        } else if media::is_sample(path, *length) {
            samples += 1;
        } else if *length > FILM_BYTES_MAX {
            return Err(PlanError::TooLarge {
                file: path.join("/"),
                length: *length,
            });
        } else {
            found.push(*file);
        }
    }
    if found.is_empty() {
        return Err(PlanError::NoVideo {
            files: files.len(),
            samples,
            empty,
        });
    }
    Ok(found)
}

/// The release name of one video. A single file with a meaningless name takes its episode from the name
/// that the user gave, or from the torrent's.
fn release_of(file: &str, torrent: &str, options: &PlanOptions, videos: usize) -> Release {
    let mut own = release::parse(file);
    if videos == 1 {
        let named = options.name.as_deref().map(release::parse);
        if let Some(named) = named.filter(|r| r.episode.is_some()) {
            (own.season, own.episode) = (named.season, named.episode);
        } else if own.episode.is_none() {
            let torrent = release::parse(torrent);
            if torrent.episode.is_some() {
                own = torrent;
            }
        }
    }
    own
}

/// What all videos of a torrent share.
struct Context<'a> {
    torrent: Release,
    named: Option<&'a str>,
    dir: Option<&'a str>,
    /// Episodes lie flat, as films do.
    flat: bool,
    /// The first episode among the videos, if there is one.
    leader: Option<(&'a TorrentFile, &'a Release)>,
    /// There is only one video.
    single: bool,
    hash: &'a TorrentHash,
}

impl Context<'_> {
    fn path_of(&self, file: &TorrentFile, release: &Release) -> String {
        let Some((leader, leader_release)) = self.leader.filter(|_| !self.flat) else {
            return path::join(self.dir.unwrap_or("movies"), &self.film_name(file));
        };
        let folder_of =
            |show: &str, year| path::join(self.dir.unwrap_or("tv"), &name::show_folder(show, year));
        if let Some(episode) = release.episode {
            let (show, year) = self.show_of(file, release);
            let season = name::season_folder(episode.season);
            let file = name::episode(&show, episode, self.hash);
            format!("{}/{season}/{file}", folder_of(&show, year))
        } else {
            // What comes with episodes but is none goes to the show of the first one.
            let (show, year) = self.show_of(leader, leader_release);
            let file = name::film(file.name(), self.hash);
            format!("{}/Extras/{file}", folder_of(&show, year))
        }
    }

    fn film_name(&self, file: &TorrentFile) -> String {
        match self.named {
            Some(named) if self.single => name::film(named, self.hash),
            Some(named) => name::film(&format!("{named}.{}", file.name()), self.hash),
            None => name::film(file.name(), self.hash),
        }
    }

    /// Name and year of the show: what the user said, else the file's name, its folders from the inside out,
    /// the torrent's name.
    fn show_of(&self, file: &TorrentFile, release: &Release) -> (String, Option<u16>) {
        let own = Some(release.clone());
        let folders = file.path.iter().rev().skip(1).map(|f| release::parse(f));
        let candidates = self
            .named
            .map(release::parse)
            .into_iter()
            .chain(own)
            .chain(folders)
            .chain(Some(self.torrent.clone()));
        for candidate in candidates {
            let Some(show) = show_name(&candidate.title) else {
                continue;
            };
            let torrent = show_name(&self.torrent.title);
            let same = torrent.is_some_and(|t| t.eq_ignore_ascii_case(&show));
            let year = candidate.year.or(self.torrent.year.filter(|_| same));
            return (show, year);
        }
        ("Unknown_Show".to_owned(), None)
    }
}

/// A title that can name a show: "01" in front of a tag is a counter, and "Subs" or "Extras" a mere folder.
fn show_name(title: &str) -> Option<String> {
    let counter = title.starts_with('0') && title.bytes().all(|b| b.is_ascii_digit());
    let folder = ["extras", "featurettes", "specials", "subs", "season"]
        .iter()
        .any(|word| title.eq_ignore_ascii_case(word));
    if counter || folder || !title.chars().any(char::is_alphanumeric) {
        return None;
    }
    name::show(title)
}

/// Takes `wanted`, or the first numbered form of it that is free.
fn distinct(wanted: &str, taken: &mut HashSet<String>) -> String {
    let (folder, file) = path::split(wanted);
    let mut free = wanted.to_owned();
    let mut number = 2;
    while !taken.insert(free.to_lowercase()) {
        free = path::join(folder, &name::numbered(file, number));
        number += 1;
    }
    free
}

fn is_movies(dir: &str) -> bool {
    dir.split('/')
        .next()
        .is_some_and(|first| first.eq_ignore_ascii_case("movies"))
}

/// The folder without a slash at its end.
fn check_dir(dir: &str) -> Result<&str, PlanError> {
    let trimmed = dir.strip_suffix('/').unwrap_or(dir);
    path::check(trimmed).map_err(|source| PlanError::BadDir {
        dir: dir.to_owned(),
        source,
    })?;
    if trimmed.split('/').any(|name| name.starts_with('.')) {
        return Err(PlanError::HiddenDir {
            dir: dir.to_owned(),
        });
    }
    Ok(trimmed)
}

fn check_name(name: &str) -> Result<(), PlanError> {
    let reason = if name.contains(['/', '\\']) {
        "it has a slash in it; a folder is given apart"
    } else if name.chars().any(char::is_control) {
        "it has a control character in it"
    } else if !name.chars().any(char::is_alphanumeric) {
        "it has no letter or digit"
    } else if name.len() > path::NAME_BYTES_MAX {
        "it is longer than 255 bytes"
    } else {
        return Ok(());
    };
    Err(PlanError::BadName {
        name: name.chars().take(200).collect(),
        reason,
    })
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
