//! Which open film a media server means: it has another name for it, another path, and another language. Pure.
//!
//! Only films that are open are compared, so that a weak likeness is enough where the library as a whole would have many.
//! The first way that leads to a film counts:
//! 1. the same IMDb id;
//! 2. the same file name, or the same eight digits at its end;
//! 3. the only film open in that kind of library, when none there has an IMDb id and no file was named;
//! 4. likeness of names: the whole title, else the whole name of the series, else their first word.
//!
//! Episodes of one series are told apart by their numbers, wherever both sides have them, and films by their IMDb ids.

use gostream_http::{Notice, Section};
use gostream_library::release;

/// First words that are no longer than this are in too many names.
const SERIES_WORD_MIN: usize = 5;
const TITLE_WORD_MIN: usize = 4;

/// An open film.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    /// In the mount.
    pub(super) path: &'a str,
    pub(super) imdb: Option<&'a str>,
}

/// Which of `open` is meant; they come in the order in which they are preferred where several are alike.
pub(super) fn find(notice: &Notice, open: &[Candidate<'_>]) -> Option<usize> {
    let possible: Vec<usize> = (0..open.len())
        .filter(|at| is_possible(notice, &open[*at]))
        .collect();
    let same_id: Vec<usize> = possible
        .iter()
        .copied()
        .filter(|at| notice.imdb.is_some() && open[*at].imdb == notice.imdb.as_deref())
        .collect();
    match same_id[..] {
        [] => by_file(notice, open, &possible)
            .or_else(|| only_one(notice, open, &possible))
            .or_else(|| by_name(notice, open, &possible)),
        // Two editions of one film, or episodes that have the id of their series.
        [first, ..] => by_file(notice, open, &same_id)
            .or_else(|| by_name(notice, open, &same_id))
            .or((notice.section == Section::Movie || same_id.len() == 1).then_some(first)),
    }
}

/// False when what both sides know contradicts.
fn is_possible(notice: &Notice, film: &Candidate<'_>) -> bool {
    if let (Section::Movie, Some(ours), Some(theirs)) =
        (notice.section, film.imdb, notice.imdb.as_deref())
    {
        return ours == theirs;
    }
    let theirs = notice.season.zip(notice.episode);
    let Some((season, episode)) = theirs.filter(|_| notice.section == Section::Show) else {
        return true;
    };
    release::parse(base_name(film.path))
        .episode
        .is_none_or(|ours| {
            u32::from(ours.season) == season
                && (u32::from(ours.first)..=u32::from(ours.last)).contains(&episode)
        })
}

fn by_file(notice: &Notice, open: &[Candidate<'_>], possible: &[usize]) -> Option<usize> {
    let means = |at: &usize| {
        let ours = base_name(open[*at].path);
        notice.files.iter().any(|theirs| {
            theirs == ours || short_hash(theirs).is_some_and(|hash| short_hash(ours) == Some(hash))
        })
    };
    possible.iter().copied().find(|at| means(at))
}

/// The eight hex digits of its torrent, at the end of a name.
fn short_hash(name: &str) -> Option<String> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let (_, hash) = stem.rsplit_once('_')?;
    let is_hash = hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| hash.to_ascii_lowercase())
}

fn only_one(notice: &Notice, open: &[Candidate<'_>], possible: &[usize]) -> Option<usize> {
    // The server plays another file: one of its own, while ours is only scanned.
    if !notice.files.is_empty() {
        return None;
    }
    let folder = match notice.section {
        Section::Movie => "movies/",
        Section::Show => "tv/",
    };
    let there = |at: &usize| open[*at].path.starts_with(folder);
    let mut all = (0..open.len()).filter(there);
    if all.clone().any(|at| open[at].imdb.is_some()) {
        return None;
    }
    let only = all.next().filter(|_| all.next().is_none())?;
    possible.contains(&only).then_some(only)
}

fn by_name(notice: &Notice, open: &[Candidate<'_>], possible: &[usize]) -> Option<usize> {
    let level = |at: &usize| likeness(notice, base_name(open[*at].path));
    let best = possible.iter().map(level).max().filter(|best| *best > 0)?;
    let mut alike = possible.iter().copied().filter(|at| level(at) == best);
    let first = alike.next()?;
    // One word alone must leave no choice.
    (best > 1 || alike.next().is_none()).then_some(first)
}

/// How much the name of a file is like what is told: 3 the whole title, 2 the whole series, 1 the first word.
fn likeness(notice: &Notice, name: &str) -> u8 {
    let name = words(name);
    let has = |text: &str| {
        let wanted = words(text);
        !wanted.is_empty() && name.windows(wanted.len()).any(|part| part == wanted)
    };
    let starts = |text: &str, least: usize| {
        let first = words(text).into_iter().next();
        first.is_some_and(|word| word.chars().count() >= least && name.contains(&word))
    };
    let year = notice.year.is_some_and(|year| has(&year.to_string()));
    if has(&notice.title) {
        3
    } else if has(&notice.series) {
        2
    } else if starts(&notice.series, SERIES_WORD_MIN)
        || (starts(&notice.title, TITLE_WORD_MIN) && year)
    {
        1
    } else {
        0
    }
}

/// The words of a name or title, in small letters: whatever stands between them, and without apostrophes.
fn words(text: &str) -> Vec<String> {
    let text: String = text
        .chars()
        .filter(|char| !matches!(char, '\'' | '’'))
        .collect();
    text.split(|char: char| !char.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HARBOUR: &str = "movies/Glass_Harbour_2029_0a1b2c3d.mkv";
    const LAMP: &str = "tv/Copper Lanterns/Season.01/Copper_Lanterns_S01E03_11223344.mkv";
    const NEXT: &str = "tv/Copper Lanterns/Season.01/Copper_Lanterns_S01E04_11223344.mkv";
    const DOUBLE: &str = "tv/Copper Lanterns/Season.01/Copper_Lanterns_S01E05-E06_11223344.mkv";

    fn open<'a>(paths: &[&'a str]) -> Vec<Candidate<'a>> {
        paths
            .iter()
            .map(|path| Candidate { path, imdb: None })
            .collect()
    }

    fn movie(title: &str, year: u32) -> Notice {
        Notice {
            title: title.to_owned(),
            year: Some(year),
            ..Notice::default()
        }
    }

    fn episode(series: &str, title: &str, season: u32, episode: u32) -> Notice {
        Notice {
            section: Section::Show,
            series: series.to_owned(),
            title: title.to_owned(),
            season: Some(season),
            episode: Some(episode),
            ..Notice::default()
        }
    }

    fn file(section: Section, name: &str) -> Notice {
        Notice {
            section,
            files: vec![name.to_owned()],
            ..Notice::default()
        }
    }

    /// What is told, what is open, and which of it is meant.
    #[test]
    fn names_and_files_lead_to_the_film_that_is_meant() {
        let others = [
            "movies/Other_Film_2029_99999999.mkv",
            "movies/Third_2001_88888888.mkv",
        ];
        let films = [others[0], HARBOUR, others[1]];
        for (what, notice, expected) in [
            ("a title", movie("Glass Harbour", 2029), Some(1)),
            ("other marks", movie("GLASS harbour!", 2029), Some(1)),
            (
                "one word and the year",
                movie("Glass – Extended", 2029),
                Some(1),
            ),
            (
                "one word, other year",
                movie("Glass – Extended", 1999),
                None,
            ),
            ("a short word", movie("The Elsewhere", 2029), None),
            ("part of a word", movie("Glas", 2029), None),
            ("no title", movie("", 2029), None),
            ("another film", movie("Tin Roof", 2020), None),
            (
                "a file",
                file(Section::Movie, "Glass_Harbour_2029_0a1b2c3d.mkv"),
                Some(1),
            ),
            (
                "its digits",
                file(Section::Movie, "renamed_0A1B2C3D.mkv"),
                Some(1),
            ),
            (
                "digits without letters",
                file(Section::Movie, "renamed_0a1b2c3.mkv"),
                None,
            ),
            ("another file", file(Section::Movie, "x_ffffffff.mkv"), None),
        ] {
            assert_eq!(find(&notice, &open(&films)), expected, "{what}");
        }
    }

    #[test]
    fn episodes_are_told_apart_by_their_numbers() {
        let shows = [NEXT, LAMP, DOUBLE, HARBOUR];
        for (what, notice, expected) in [
            ("an episode", episode("Copper Lanterns", "x", 1, 3), Some(1)),
            ("the next", episode("Copper Lanterns", "x", 1, 4), Some(0)),
            (
                "two in one file",
                episode("Copper Lanterns", "x", 1, 6),
                Some(2),
            ),
            (
                "none that is open",
                episode("Copper Lanterns", "x", 2, 3),
                None,
            ),
            (
                "one word of the series",
                episode("Copper Things", "x", 1, 3),
                Some(1),
            ),
            ("another series", episode("Tin Roof", "x", 1, 3), None),
        ] {
            assert_eq!(find(&notice, &open(&shows)), expected, "{what}");
        }
    }

    #[test]
    fn the_only_one_of_its_library_is_meant_unless_its_number_says_otherwise() {
        let unlike = movie("Porto di vetro", 2029);
        assert_eq!(find(&unlike, &open(&[LAMP, HARBOUR])), Some(1));
        assert_eq!(
            find(&unlike, &open(&[LAMP, HARBOUR, "movies/B_22222222.mkv"])),
            None
        );
        assert_eq!(find(&unlike, &open(&[])), None);
        let elsewhere = Notice {
            files: vec!["Porto di vetro.mkv".to_owned()],
            ..unlike.clone()
        };
        assert_eq!(find(&elsewhere, &open(&[HARBOUR])), None, "another file");
        let translated = episode("Lanterne di rame", "La lampada", 1, 3);
        assert_eq!(find(&translated, &open(&[HARBOUR, LAMP])), Some(1));
        let other = episode("Lanterne di rame", "La lampada", 1, 9);
        assert_eq!(find(&other, &open(&[HARBOUR, LAMP])), None);
    }

    #[test]
    fn an_id_says_more_than_names_and_excludes_films_that_have_another() {
        let with = |path, imdb| Candidate { path, imdb };
        let told = Notice {
            imdb: Some("tt0000456".to_owned()),
            ..movie("Glass Harbour", 2029)
        };
        let films = [
            with("movies/Glass_Harbour_2029_99999999.mkv", Some("tt0000999")),
            with("movies/X_11111111.mkv", Some("tt0000456")),
        ];
        assert_eq!(find(&told, &films), Some(1));
        assert_eq!(
            find(&told, &films[..1]),
            None,
            "the same name, another film"
        );
        let editions = [
            with("movies/Glass_1080p_22222222.mkv", Some("tt0000456")),
            with("movies/Glass_2160p_33333333.mkv", Some("tt0000456")),
        ];
        assert_eq!(
            find(&told, &editions),
            Some(0),
            "the one that was opened last"
        );
        let second = Notice {
            files: vec!["Glass_2160p_33333333.mkv".to_owned()],
            ..told
        };
        assert_eq!(find(&second, &editions), Some(1));
    }

    #[test]
    fn episodes_that_all_have_the_id_of_their_series_are_told_apart_by_number() {
        let with = |path| Candidate {
            path,
            imdb: Some("tt0000777"),
        };
        let told = |imdb: &str| Notice {
            imdb: Some(imdb.to_owned()),
            ..episode("Copper Lanterns", "x", 1, 4)
        };
        let films = [with(LAMP), with(NEXT)];
        assert_eq!(find(&told("tt0000777"), &films), Some(1));
        assert_eq!(
            find(&told("tt0000123"), &films),
            Some(1),
            "the id is the episode's"
        );
    }
}
