//! What a file of a torrent is to a player, by the ending of its name.

use crate::torrents::FileView;

/// What a playlist makes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    Video,
    Audio,
    Subtitle,
    Other,
}

/// Endings of subtitles that a player can take along.
const SUBTITLES: [&str; 7] = ["srt", "ass", "ssa", "vtt", "sub", "sup", "idx"];
/// Videos whose endings no registry knows as such.
const VIDEOS: [&str; 10] = [
    "m2ts", "rm", "rmvb", "ogm", "tp", "trp", "mxf", "nsv", "mpv", "avchd",
];
/// Sound, likewise.
const SOUNDS: [&str; 8] = ["ape", "dff", "dsf", "wv", "tak", "eac3", "amr", "mlp"];

impl Media {
    pub(super) fn of(file: &FileView) -> Self {
        let name = file.name();
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let ending = ending.to_ascii_lowercase();
        let is_in = |endings: &[&str]| endings.contains(&ending.as_str());
        if is_in(&SUBTITLES) {
            return Self::Subtitle;
        }
        let kind = mime_guess::from_ext(&ending).first_raw();
        let kind = kind.unwrap_or_default();
        if kind.starts_with("video/") || is_in(&VIDEOS) {
            Self::Video
        } else if kind.starts_with("audio/") || is_in(&SOUNDS) {
            Self::Audio
        } else {
            Self::Other
        }
    }

    /// Whether it has a line of its own in a playlist.
    pub(super) const fn plays(self) -> bool {
        matches!(self, Self::Video | Self::Audio)
    }
}

/// Whether a file goes with a video, as subtitles or as sound in another language: its path has the video's name.
pub(super) fn goes_with(other: &FileView, video: &FileView) -> bool {
    let name = video.name();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    Media::of(video) == Media::Video
        && matches!(Media::of(other), Media::Subtitle | Media::Audio)
        && other.path.contains(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> FileView {
        FileView {
            id: 1,
            path: path.to_owned(),
            len: 1,
        }
    }

    #[test]
    fn what_players_play_is_told_from_the_rest() {
        let of = |path: &str| Media::of(&file(path));
        for path in ["a/B.MKV", "a.ts", "a.m2ts", "a.avi", "a.vob", "a.rmvb"] {
            assert_eq!(of(path), Media::Video, "{path}");
        }
        for path in ["a.flac", "a.mka", "a.ac3", "a.dts", "a.ape", "a.opus"] {
            assert_eq!(of(path), Media::Audio, "{path}");
        }
        for path in ["a.srt", "a.sub", "a.SUP"] {
            assert_eq!(of(path), Media::Subtitle, "{path}");
        }
        for path in ["a.txt", "a.jpg", "mkv", "a.", "a/.nfo", "a.iso"] {
            assert_eq!(of(path), Media::Other, "{path}");
        }
    }

    #[test]
    fn a_video_has_the_subtitles_and_the_sound_of_its_name() {
        let video = file("S/S01E01.mkv");
        for other in ["S/S01E01.en.srt", "S/Rus/S01E01.mka", "S/S01E01.ac3"] {
            assert!(goes_with(&file(other), &video), "{other}");
        }
        for other in ["S/S01E02.mka", "S/S01E01.nfo", "S/S01E01.sample.mkv"] {
            assert!(!goes_with(&file(other), &video), "{other}");
        }
        // An album is no film.
        assert!(!goes_with(
            &file("A/Song (live).flac"),
            &file("A/Song.flac")
        ));
    }
}
