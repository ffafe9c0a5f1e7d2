//! What a release name says: title, year, season and episode.
//!
//! Release names are words joined by dots, spaces or underscores: a title, perhaps a year, perhaps a season
//! tag (`S01`, `Season 1`) or an episode tag (`S01E02`, `S01E02E03`, `S01E02-E03`, `1x02`), then technical
//! words. The title is what stands before the first of these. Used by the planner to choose folders; a wrong
//! guess costs a strange name, never a wrong byte.

use crate::media;

/// One episode, or several in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Episode {
    /// Season; 0 = specials.
    pub season: u16,
    /// First episode in the file.
    pub first: u16,
    /// Last episode in the file, ≥ `first`.
    pub last: u16,
}

/// The parts of a release name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Release {
    /// Words of the title joined by single spaces; empty when the name begins with a tag.
    pub title: String,
    /// Year, 1900 ..= 2099, when it stands between the title and the tags.
    pub year: Option<u16>,
    /// Season of a season or episode tag.
    pub season: Option<u16>,
    /// The episode tag.
    pub episode: Option<Episode>,
}

/// Technical words (lower case) that end a title.
const TECHNICAL: [&str; 22] = [
    "2160p", "1080p", "1080i", "720p", "576p", "480p", "4k", "uhd", "bluray", "bdrip", "brrip",
    "webrip", "webdl", "hdtv", "dvdrip", "remux", "x264", "x265", "h264", "h265", "hevc", "xvid",
];

/// Reads a release name, with or without a video or subtitle extension.
pub fn parse(name: &str) -> Release {
    let text = match media::split_extension(name) {
        (stem, _) if media::is_video(name) || media::is_subtitle(name) => stem,
        _ => name,
    };
    let text = without_leading_groups(text);
    let mut tag = None;
    let mut technical = None;
    let mut years = Vec::new();
    for (start, end) in words(text) {
        if tag.is_none()
            && let Some(found) = read_tag(text, start)
        {
            tag = Some((start, found));
        }
        let word = &text[start..end];
        if technical.is_none() && is_technical(text, start, end) {
            technical = Some(start);
        }
        if word.len() == 4
            && let Ok(year @ 1900..=2099) = word.parse::<u16>()
        {
            years.push((start, year));
        }
    }
    let tag_start = tag.as_ref().map(|(start, _)| *start);
    let mut end = tag_start
        .into_iter()
        .chain(technical)
        .min()
        .unwrap_or(text.len());
    // The last year is the real one ("2049.2017"), and a name may begin with a number that is its title.
    let year = years
        .iter()
        .rev()
        .find(|(start, _)| *start < end && has_letter_or_digit(&text[..*start]));
    if let Some((start, _)) = year {
        end = *start;
    }
    let (season, episode) = match tag {
        Some((_, Tag::Season(season))) => (Some(season), None),
        Some((_, Tag::Episode(episode))) => (Some(episode.season), Some(episode)),
        None => (None, None),
    };
    Release {
        title: clean(&text[..end]),
        year: year.map(|(_, year)| *year),
        season,
        episode,
    }
}

enum Tag {
    Season(u16),
    Episode(Episode),
}

/// Reads the tag that begins at `start`, the first byte of a word.
fn read_tag(text: &str, start: usize) -> Option<Tag> {
    let rest = &text.as_bytes()[start..];
    read_s_tag(rest)
        .or_else(|| read_x_tag(rest).map(Tag::Episode))
        .or_else(|| read_season_word(rest).map(Tag::Season))
}

/// `S01`, `S01E02`, `S01.E02`, `S01E02E03`, `S01E02-E03`, `S01E02-03`.
fn read_s_tag(rest: &[u8]) -> Option<Tag> {
    if !starts_with_letter(rest, b's') {
        return None;
    }
    let (season, after) = read_number(&rest[1..], 4)?;
    let spaced = skip_separators(after, 1);
    let Some((first, mut after)) = read_e_number(spaced) else {
        return at_word_end(after).then_some(Tag::Season(season));
    };
    let mut last = first;
    loop {
        let dashed = after.strip_prefix(b"-").unwrap_or(after);
        let next = read_e_number(dashed).or_else(|| {
            read_number(after.strip_prefix(b"-")?, 3).filter(|(_, rest)| at_word_end(rest))
        });
        match next {
            Some((number, rest)) if number > last => (last, after) = (number, rest),
            _ => break,
        }
    }
    Some(Tag::Episode(Episode {
        season,
        first,
        last,
    }))
}

/// `1x02`: at most two digits, `x`, two or three digits, and no digit or letter at the end (`1920x1080`).
fn read_x_tag(rest: &[u8]) -> Option<Episode> {
    let (season, after) = read_number(rest, 2)?;
    if !starts_with_letter(after, b'x') {
        return None;
    }
    let (first, end) = read_number(&after[1..], 3)?;
    let digits = after.len() - 1 - end.len();
    (digits >= 2 && at_word_end(end)).then_some(Episode {
        season,
        first,
        last: first,
    })
}

/// `Season 1`, `season.01`.
fn read_season_word(rest: &[u8]) -> Option<u16> {
    let word = rest.get(..6)?;
    if !word.eq_ignore_ascii_case(b"season") {
        return None;
    }
    let (season, after) = read_number(skip_separators(&rest[6..], 2), 2)?;
    at_word_end(after).then_some(season)
}

fn read_e_number(text: &[u8]) -> Option<(u16, &[u8])> {
    if !starts_with_letter(text, b'e') {
        return None;
    }
    read_number(&text[1..], 4)
}

/// A number of 1 to `digits_max` digits that no further digit follows, and what stands behind it.
fn read_number(text: &[u8], digits_max: usize) -> Option<(u16, &[u8])> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || digits > digits_max {
        return None;
    }
    let number = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    Some((number, &text[digits..]))
}

fn starts_with_letter(text: &[u8], letter: u8) -> bool {
    text.first()
        .is_some_and(|b| b.eq_ignore_ascii_case(&letter))
}

fn skip_separators(text: &[u8], most: usize) -> &[u8] {
    let count = text
        .iter()
        .take(most)
        .take_while(|b| matches!(b, b'.' | b' ' | b'_' | b'-'))
        .count();
    &text[count..]
}

fn at_word_end(rest: &[u8]) -> bool {
    rest.first().is_none_or(|b| !b.is_ascii_alphanumeric())
}

/// Start and end of every run of letters and digits.
fn words(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        match (c.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                found.push((from, at));
                start = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    if let Some(from) = start {
        found.push((from, text.len()));
    }
    found
}

fn is_technical(text: &str, start: usize, end: usize) -> bool {
    let word = text[start..end].to_ascii_lowercase();
    let next = text[end..].to_ascii_lowercase();
    // "Web" alone may be a title; "WEB-DL" and "WEB.DL" are not.
    let web = word == "web" && (next.starts_with("-dl") || next.starts_with(".dl"));
    web || TECHNICAL.contains(&word.as_str())
}

/// Drops `[group]` and `【group】` in front of the title.
fn without_leading_groups(text: &str) -> &str {
    let mut rest = text.trim_start();
    for (open, close) in [('[', ']'), ('【', '】'), ('[', ']')] {
        if let Some((_, after)) = rest.strip_prefix(open).and_then(|t| t.split_once(close))
            && has_letter_or_digit(after)
        {
            rest = after.trim_start_matches([' ', '.', '_', '-']);
        }
    }
    rest
}

fn has_letter_or_digit(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// Dots and underscores as spaces, single spaces, no dash or bracket at either end.
fn clean(title: &str) -> String {
    let spaced = title.replace(['.', '_'], " ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    words
        .join(" ")
        .trim_matches([' ', '-', '(', '[', '{', '–', '~'])
        .to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(name: &str) -> String {
        let release = parse(name);
        let year = release.year.map_or(String::new(), |y| format!(" ({y})"));
        let tag = match (release.season, release.episode) {
            (_, Some(e)) if e.first == e.last => format!(" {}x{}", e.season, e.first),
            (_, Some(e)) => format!(" {}x{}-{}", e.season, e.first, e.last),
            (Some(season), None) => format!(" s{season}"),
            (None, None) => String::new(),
        };
        format!("{}{year}{tag}", release.title)
    }

    #[test]
    fn release_names_are_read() {
        let table = [
            (
                "Copper.Lanterns.S01E02.1080p.WEB-DL.x264-GRP.mkv",
                "Copper Lanterns 1x2",
            ),
            (
                "Copper Lanterns (2031) - S02E10 - The Mill.mkv",
                "Copper Lanterns (2031) 2x10",
            ),
            ("copper_lanterns_s1e3.avi", "copper lanterns 1x3"),
            (
                "Copper.Lanterns.2031.S01E02E03.mkv",
                "Copper Lanterns (2031) 1x2-3",
            ),
            ("Copper.Lanterns.S01E02-E05.mkv", "Copper Lanterns 1x2-5"),
            (
                "Copper.Lanterns.S01E02-03.720p.mkv",
                "Copper Lanterns 1x2-3",
            ),
            ("Copper.Lanterns.S01E02-1080p.mkv", "Copper Lanterns 1x2"),
            ("Copper.Lanterns.S01.E02.mkv", "Copper Lanterns 1x2"),
            ("Copper.Lanterns.S01E02v2.mkv", "Copper Lanterns 1x2"),
            ("Copper Lanterns 1x02.mkv", "Copper Lanterns 1x2"),
            ("Copper.Lanterns.1920x1080.mkv", "Copper Lanterns 1920x1080"),
            ("Copper.Lanterns.S01.2160p.UHD.BluRay", "Copper Lanterns s1"),
            ("Copper Lanterns Season 3 Complete", "Copper Lanterns s3"),
            (
                "[Group] Copper Lanterns - S01E07 [1080p].mkv",
                "Copper Lanterns 1x7",
            ),
            ("[A][B] Copper Lanterns S01E07", "Copper Lanterns 1x7"),
            ("S01E07.mkv", " 1x7"),
            ("24.S03E07.mkv", "24 3x7"),
            (
                "Tin.Moon.2049.2017.1080p.BluRay.mkv",
                "Tin Moon 2049 (2017)",
            ),
            ("2001.A.Tin.Moon.1968.mkv", "2001 A Tin Moon (1968)"),
            ("1917.2019.2160p.mkv", "1917 (2019)"),
            ("1984.mkv", "1984"),
            ("Tin.Web.2006.WEB-DL.mkv", "Tin Web (2006)"),
            ("Tin.Moon.1080p.2006.mkv", "Tin Moon"),
            ("Медный.Фонарь.S01E02.mkv", "Медный Фонарь 1x2"),
            ("Tin.Moon.S2031E0012.mkv", "Tin Moon 2031x12"),
            ("Tin.Moon.S00E01.Special.mkv", "Tin Moon 0x1"),
            ("Tin.Moon.S01E03E02.mkv", "Tin Moon 1x3"),
            ("Ses01e02.mkv", "Ses01e02"),
            ("", ""),
        ];
        for (name, expected) in table {
            assert_eq!(shown(name), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_name_panics(name in "\\PC{0,80}", tag in "[sS]?[0-9]{0,5}[xXeE. -]?[0-9]{0,5}[eE-]?[0-9]{0,6}") {
            let release = parse(&format!("{name}.{tag}.{name}"));
            prop_assert!(release.episode.is_none_or(|e| e.first <= e.last));
            prop_assert_eq!(parse(&tag), parse(&tag));
        }
    }
}
