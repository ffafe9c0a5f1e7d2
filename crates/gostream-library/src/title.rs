//! By what a title is known when it is refused: the same film or show under any release.
//!
//! Called by the librarian when a stub goes. An episode belongs to its show, whose folder names it
//! (`tv/<Show> (<YYYY>)/Season.NN/…`), or the words before its tag where there is no such folder; a film is
//! known by the words before year and technical tags. Normalised: lower case, without years, only `a-z0-9`.

use crate::{file_id::strip_hash_suffix, media, path, release};

/// What a stub is one of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title {
    /// The normalised name; empty when nothing is left of it (other scripts): then there is no title to refuse.
    pub name: String,
    /// Whether it is an episode of that show, not the film of that name.
    pub is_episode: bool,
}

/// The title of the stub at `path`.
pub fn of(path: &str) -> Title {
    let (folder, file) = path::split(path);
    let (stem, _) = media::split_extension(file);
    let release = release::parse(strip_hash_suffix(stem).unwrap_or(stem));
    if release.season.is_none() {
        return Title {
            name: normalised(&release.title),
            is_episode: false,
        };
    }
    let (above, parent) = path::split(folder);
    let is_season = parent.to_ascii_lowercase().starts_with("season");
    let (above, show) = if is_season {
        path::split(above)
    } else {
        (above, parent)
    };
    // A folder directly below the root (`tv`) is no show.
    let named = if above.is_empty() { "" } else { show };
    let name = match normalised(named) {
        name if name.is_empty() => normalised(&release.title),
        name => name,
    };
    Title {
        name,
        is_episode: true,
    }
}

/// Lower case, four digits in a row removed, then only `a-z0-9`.
pub fn normalised(name: &str) -> String {
    let lower = name.to_lowercase();
    let mut clean = String::with_capacity(lower.len());
    let mut rest = lower.as_str();
    while let Some(first) = rest.chars().next() {
        let digits = rest.bytes().take(4).filter(u8::is_ascii_digit).count();
        if digits == 4 {
            rest = &rest[4..];
            continue;
        }
        if first.is_ascii_alphanumeric() {
            clean.push(first);
        }
        rest = &rest[first.len_utf8()..];
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(path: &str) -> (String, bool) {
        let Title { name, is_episode } = of(path);
        (name, is_episode)
    }

    #[test]
    fn a_film_is_known_by_the_words_before_its_tags() {
        let film = ("thegreatfilm".to_owned(), false);
        for name in [
            "movies/The_Great_Film_2020_2160p_HDR_0123abcd.mkv",
            "movies/The.Great.Film.2020.1080p.WEB-DL.x264_0123abcd.mkv",
            "kids/more/The Great Film.mkv",
            "The_Great_Film_0123abcd.mkv",
        ] {
            assert_eq!(title(name), film, "{name}");
        }
    }

    #[test]
    fn an_episode_is_known_by_the_folder_of_its_show() {
        let show = ("theshow".to_owned(), true);
        for name in [
            "tv/The Show (2020)/Season.01/The_Show_S01E02_0123abcd.mkv",
            "tv/The_Show/The_Show_S01E02_0123abcd.mkv",
            "tv/The.Show.S01E02.1080p_0123abcd.mkv",
            "tv/Season.01/The_Show_S01E02_0123abcd.mkv",
        ] {
            assert_eq!(title(name), show, "{name}");
        }
    }

    #[test]
    fn a_name_of_which_nothing_is_left_is_no_title() {
        assert_eq!(title("movies/1917_0123abcd.mkv").0, "");
        assert_eq!(title("movies/Сталкер.mkv").0, "");
    }
}
