//! Which files of a torrent are films, samples and subtitles, by their names and sizes.
//!
//! Used by the planner and by the matching of stubs to files. Only lists and small string rules live here.

/// Extensions (lower case, no dot) of files that get a stub.
pub const VIDEO_EXTENSIONS: [&str; 8] = ["mkv", "mp4", "avi", "mov", "webm", "m4v", "ts", "m2ts"];

/// Extensions (lower case, no dot) of subtitle files that are put beside the film.
pub const SUBTITLE_EXTENSIONS: [&str; 7] = ["srt", "ass", "ssa", "sub", "idx", "vtt", "sup"];

/// A video with `sample` in its name is skipped below this size: 100 MiB.
pub const SAMPLE_BYTES_MAX: u64 = 100 * 1024 * 1024;

/// Splits a file name into stem and extension; a leading dot starts no extension.
pub fn split_extension(name: &str) -> (&str, &str) {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, extension),
        Some(_) | None => (name, ""),
    }
}

/// True for a name with one of [`VIDEO_EXTENSIONS`], in any case.
pub fn is_video(name: &str) -> bool {
    has_extension(name, &VIDEO_EXTENSIONS)
}

/// True for a name with one of [`SUBTITLE_EXTENSIONS`], in any case.
pub fn is_subtitle(name: &str) -> bool {
    has_extension(name, &SUBTITLE_EXTENSIONS)
}

/// True when `sample` is in a name of the path inside the torrent and the file is under [`SAMPLE_BYTES_MAX`].
pub fn is_sample(path: &[String], length: u64) -> bool {
    length < SAMPLE_BYTES_MAX
        && path
            .iter()
            .any(|name| name.to_ascii_lowercase().contains("sample"))
}

fn has_extension(name: &str, list: &[&str]) -> bool {
    let (_, extension) = split_extension(name);
    list.iter().any(|e| e.eq_ignore_ascii_case(extension))
}

/// Words by which release groups name the language of a subtitle file, and the ISO 639-1 code that media
/// servers look for in its name.
const LANGUAGES: [(&str, &str); 32] = [
    ("arabic", "ar"),
    ("bulgarian", "bg"),
    ("chinese", "zh"),
    ("croatian", "hr"),
    ("czech", "cs"),
    ("danish", "da"),
    ("dutch", "nl"),
    ("english", "en"),
    ("estonian", "et"),
    ("finnish", "fi"),
    ("french", "fr"),
    ("german", "de"),
    ("greek", "el"),
    ("hebrew", "he"),
    ("hindi", "hi"),
    ("hungarian", "hu"),
    ("indonesian", "id"),
    ("italian", "it"),
    ("japanese", "ja"),
    ("korean", "ko"),
    ("lithuanian", "lt"),
    ("latvian", "lv"),
    ("norwegian", "no"),
    ("polish", "pl"),
    ("portuguese", "pt"),
    ("romanian", "ro"),
    ("russian", "ru"),
    ("spanish", "es"),
    ("swedish", "sv"),
    ("thai", "th"),
    ("turkish", "tr"),
    ("ukrainian", "uk"),
];

/// The ISO 639-1 code of a language named in English, in any case.
pub fn language_code(word: &str) -> Option<&'static str> {
    LANGUAGES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(word))
        .map(|(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extension_decides_in_any_case() {
        assert!(is_video("a.MKV") && is_video("a.b.m2ts") && is_subtitle("a.en.SRT"));
        assert!(
            !is_video("mkv")
                && !is_video(".mkv")
                && !is_video("a.mkv.part")
                && !is_subtitle("a.nfo")
        );
    }

    #[test]
    fn sample_needs_the_word_and_a_small_size() {
        let path = |p: &str| p.split('/').map(str::to_owned).collect::<Vec<_>>();
        assert!(is_sample(&path("film-SAMPLE.mkv"), 1));
        assert!(is_sample(&path("Sample/film.mkv"), SAMPLE_BYTES_MAX - 1));
        assert!(!is_sample(&path("film-sample.mkv"), SAMPLE_BYTES_MAX));
        assert!(!is_sample(&path("film.mkv"), 1));
    }
}
