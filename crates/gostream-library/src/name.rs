//! The names that films and episodes get in the library.
//!
//! Films: `<sanitised base name>_<last 8 hex of the hash>.mkv`. Episodes:
//! `<Show>[ (YYYY)]/Season.NN/<Show>_SNNENN_<first 8 hex>.mkv` (the year is in the folder only). Every video is
//! called `.mkv`, whatever its container. What is made here is never empty, has no `/` in a name, fits into
//! 255 bytes and does not begin with a dot.

use crate::{file_id::strip_hash_suffix, hash::TorrentHash, media, release::Episode};

/// The longest sanitised base name of a film, in characters (all ASCII).
const FILM_BASE_MAX: usize = 160;
/// The longest show name, in bytes: folders add a year, files a tag, a hash and the words of a subtitle.
const SHOW_BYTES_MAX: usize = 150;

/// The file name of a film, from the base name of the torrent's file (or a title). A base that already ends
/// in `_<8 hex>` gets no suffix; one without a single usable character is called `film`.
pub fn film(base: &str, hash: &TorrentHash) -> String {
    let stem = film_stem(base);
    if strip_hash_suffix(&stem).is_some() {
        format!("{stem}.mkv")
    } else {
        format!("{stem}_{}.mkv", hash.last8())
    }
}

/// Only `[A-Za-z0-9._-]`, other runs as one dot, no dots at the ends, at most 160 characters.
fn film_stem(base: &str) -> String {
    let stem = match media::split_extension(base) {
        (stem, _) if media::is_video(base) => stem,
        _ => base,
    };
    let mut clean = String::new();
    for c in stem.chars() {
        let c = match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-' => c,
            _ => '.',
        };
        if c != '.' || !clean.ends_with('.') {
            clean.push(c);
        }
    }
    let mut clean = clean.trim_matches('.').to_owned();
    clean.truncate(FILM_BASE_MAX);
    let clean = clean.trim_matches('.');
    if clean.bytes().any(|b| b.is_ascii_alphanumeric()) {
        clean.to_owned()
    } else {
        "film".to_owned()
    }
}

/// A show's name as it stands in folders and files: without `< > : " / \ | ? * ' &`, spaces as `_`.
/// `None` when nothing is left of it.
pub fn show(title: &str) -> Option<String> {
    let mut clean = String::new();
    for c in title.chars() {
        match c {
            '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*' | '\'' | '&' => {}
            c if c.is_whitespace() || c == '_' => {
                if !clean.ends_with('_') {
                    clean.push('_');
                }
            }
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    let ends = ['_', '.'];
    let clean = clean.trim_matches(ends);
    let cut = clean.floor_char_boundary(SHOW_BYTES_MAX);
    let clean = clean[..cut].trim_end_matches(ends);
    (!clean.is_empty()).then(|| clean.to_owned())
}

/// `<Show>` or `<Show> (YYYY)`; `show` comes from [`show`].
pub fn show_folder(show: &str, year: Option<u16>) -> String {
    year.map_or_else(|| show.to_owned(), |year| format!("{show} ({year:04})"))
}

/// `Season.NN`.
pub fn season_folder(season: u16) -> String {
    format!("Season.{season:02}")
}

/// `<Show>_SNNENN_<h8>.mkv`, or `<Show>_SNNENN-ENN_<h8>.mkv` for several episodes in one file.
pub fn episode(show: &str, episode: Episode, hash: &TorrentHash) -> String {
    let Episode {
        season,
        first,
        last,
    } = episode;
    let several = if last > first {
        format!("-E{last:02}")
    } else {
        String::new()
    };
    format!(
        "{show}_S{season:02}E{first:02}{several}_{}.mkv",
        hash.first8()
    )
}

/// The same name with `-<number>` before its hash suffix, for the second file that wants it.
pub fn numbered(name: &str, number: u32) -> String {
    let stem = name.strip_suffix(".mkv").unwrap_or(name);
    match strip_hash_suffix(stem) {
        Some(before) => format!("{before}-{number}{}.mkv", &stem[before.len()..]),
        None => format!("{stem}-{number}.mkv"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;
    use crate::path;

    fn hash() -> TorrentHash {
        "0f1e2d3c4b5a69788796a5b4c3d2e1f00a1b2c3d".parse().unwrap()
    }

    #[test]
    fn films_are_sanitised() {
        let table = [
            (
                "Copper Lanterns (2031) [2160p].mkv",
                "Copper.Lanterns.2031.2160p_0a1b2c3d.mkv",
            ),
            (
                "Copper..Lanterns...2031.mp4",
                "Copper.Lanterns.2031_0a1b2c3d.mkv",
            ),
            ("..Copper & Lanterns!..m2ts", "Copper.Lanterns_0a1b2c3d.mkv"),
            ("Copper_12345678.mkv", "Copper_12345678.mkv"),
            ("Медь 2031.avi", "2031_0a1b2c3d.mkv"),
            ("Медь.avi", "film_0a1b2c3d.mkv"),
            ("", "film_0a1b2c3d.mkv"),
            ("v1.0", "v1.0_0a1b2c3d.mkv"),
        ];
        for (base, expected) in table {
            assert_eq!(film(base, &hash()), expected);
        }
        assert_eq!(film(&"a".repeat(300), &hash()).len(), 160 + 13);
    }

    #[test]
    fn shows_and_episodes_follow_the_pattern() {
        assert_eq!(
            show("The \"Copper\" Lantern's: A & B").as_deref(),
            Some("The_Copper_Lanterns_A_B")
        );
        assert_eq!(show("..//__"), None);
        assert_eq!(show_folder("A_B", Some(2031)), "A_B (2031)");
        assert_eq!(season_folder(3), "Season.03");
        let one = Episode {
            season: 1,
            first: 2,
            last: 2,
        };
        assert_eq!(episode("A_B", one, &hash()), "A_B_S01E02_0f1e2d3c.mkv");
        let two = Episode { last: 3, ..one };
        assert_eq!(episode("A_B", two, &hash()), "A_B_S01E02-E03_0f1e2d3c.mkv");
    }

    #[test]
    fn the_second_name_keeps_its_suffix() {
        assert_eq!(numbered("A_0a1b2c3d.mkv", 2), "A-2_0a1b2c3d.mkv");
        assert_eq!(numbered("A.mkv", 3), "A-3.mkv");
    }

    proptest! {
        #[test]
        fn every_name_is_a_good_name(text in "\\PC{0,300}", season: u16, first: u16, last: u16) {
            prop_assert_eq!(path::check(&film(&text, &hash())), Ok(()));
            if let Some(show) = show(&text) {
                prop_assert_eq!(path::check(&show_folder(&show, Some(1999))), Ok(()));
                let name = episode(&show, Episode { season, first, last }, &hash());
                prop_assert_eq!(path::check(&numbered(&name, 999)), Ok(()));
                prop_assert!(!show.starts_with('.'));
            }
        }
    }
}
