//! .torrent files: as they are made, and as they should not be.

use super::build::{bytes, dict, info, int, list, text, torrent};

type Case = (&'static str, Vec<u8>);

pub(crate) fn cases() -> Vec<Case> {
    [
        good(),
        good_files(),
        numbers(),
        hashes(),
        names(),
        paths(),
        structure(),
    ]
    .concat()
}

/// An entry of `files`, of some bytes, under a path.
fn file(length: u32, path: &[&str]) -> Vec<u8> {
    let path: Vec<Vec<u8>> = path.iter().map(|part| text(part)).collect();
    dict(&[("length", int(length)), ("path", list(&path))])
}

/// A torrent of several files, 16 KiB in all when they are 8 KiB and two.
fn several(files: &[Vec<u8>]) -> Vec<u8> {
    torrent(&[("length", vec![]), ("files", list(files))])
}

fn good() -> Vec<Case> {
    let outer = dict(&[
        ("announce", text("http://one.example/announce")),
        (
            "announce-list",
            list(&[
                list(&[
                    text("http://one.example/announce"),
                    text("udp://two.example:1"),
                ]),
                list(&[]),
                text("http://flat.example/announce"),
                int(7),
            ]),
        ),
        ("comment", text("a film")),
        ("created by", text("maker 1.0")),
        ("creation date", int(1_700_000_000)),
        ("info", info(&[("private", int(1))])),
        ("url-list", text("http://seed.example/film.mkv")),
    ]);
    vec![
        ("one-file", torrent(&[])),
        ("all-outer-keys", outer),
        (
            "white-space-after-the-end",
            [torrent(&[]), b"\r\n".to_vec()].concat(),
        ),
        (
            "name-of-latin-1",
            torrent(&[("name", bytes(b"caf\xE9.mkv"))]),
        ),
        (
            "utf-8-keys-first",
            torrent(&[
                ("name.utf-8", text("café.mkv")),
                ("name", bytes(b"caf\xE9.mkv")),
            ]),
        ),
        (
            "hybrid",
            torrent(&[("meta version", int(2)), ("file tree", b"de".to_vec())]),
        ),
        (
            "unsorted-keys",
            dict(&[(
                "info",
                dict(&[
                    ("pieces", bytes(&[1; 20])),
                    ("piece length", int("0016384")),
                    ("length", int(5)),
                    ("name", text("a")),
                ]),
            )]),
        ),
        (
            "hashes-that-are-bencode",
            torrent(&[("pieces", text("d3:fooi1eeeeeeeeeeee"))]),
        ),
    ]
}

fn good_files() -> Vec<Case> {
    let padding = dict(&[
        ("attr", text("p")),
        ("length", int(4192)),
        ("path", list(&[text(".pad"), text("4192")])),
    ]);
    let link = dict(&[
        ("attr", text("l")),
        ("path", list(&[text("link")])),
        ("symlink path", list(&[text("a")])),
    ]);
    vec![
        (
            "two-files",
            several(&[file(8192, &["season 1", "a.mkv"]), file(8192, &["b.srt"])]),
        ),
        (
            "padding",
            several(&[file(8000, &["a"]), padding.clone(), file(4192, &["b"])]),
        ),
        (
            "padding-twice",
            several(&[file(8000, &["a"]), padding.clone(), padding]),
        ),
        ("symbolic-link", several(&[file(16384, &["a"]), link])),
    ]
}

fn numbers() -> Vec<Case> {
    let piece_length = |digits: &str| torrent(&[("piece length", int(digits))]);
    let length = |digits: &str| torrent(&[("length", int(digits))]);
    vec![
        ("piece-length-0", piece_length("0")),
        ("piece-length-negative", piece_length("-16384")),
        ("piece-length-no-power-of-two", piece_length("49152")),
        ("piece-length-too-small", piece_length("8192")),
        ("piece-length-128-mib", piece_length("134217728")),
        ("piece-length-2-63", piece_length("9223372036854775808")),
        (
            "piece-length-wraps-to-16384",
            piece_length("18446744073709568000"),
        ),
        ("piece-length-of-200-digits", piece_length(&"9".repeat(200))),
        (
            "piece-length-text",
            torrent(&[("piece length", text("16384"))]),
        ),
        ("length-negative", length("-1")),
        ("length-minus-zero", length("-0")),
        ("length-2-63", length("9223372036854775808")),
        ("length-2-64-and-more", length("18446744073709551617")),
        ("length-above-2-53", length("9007199254740993")),
        ("length-2-53-of-one-hash", length("9007199254740992")),
        (
            "length-0",
            torrent(&[("length", int(0)), ("pieces", bytes(b""))]),
        ),
        (
            "lengths-wrap",
            several(&[
                dict(&[
                    ("length", int("18446744073709551615")),
                    ("path", list(&[text("a")])),
                ]),
                dict(&[("length", int(16385)), ("path", list(&[text("b")]))]),
            ]),
        ),
        (
            "lengths-above-2-53",
            several(&[
                dict(&[
                    ("length", int("9007199254740992")),
                    ("path", list(&[text("a")])),
                ]),
                file(1, &["b"]),
            ]),
        ),
        (
            "file-length-negative",
            several(&[
                file(16384, &["a"]),
                dict(&[("length", int(-5)), ("path", list(&[text("b")]))]),
            ]),
        ),
        ("private-text", torrent(&[("private", text("yes"))])),
    ]
}

fn hashes() -> Vec<Case> {
    let pieces = |content: &[u8]| torrent(&[("pieces", bytes(content))]);
    vec![
        ("hashes-of-19-bytes", pieces(&[1; 19])),
        ("hashes-missing", torrent(&[("pieces", vec![])])),
        ("hashes-none", pieces(b"")),
        ("hashes-too-many", pieces(&[1; 40])),
        (
            "hashes-a-list",
            torrent(&[("pieces", list(&[bytes(&[1; 20])]))]),
        ),
        (
            "v2-only",
            torrent(&[
                ("pieces", vec![]),
                ("length", vec![]),
                ("meta version", int(2)),
                (
                    "file tree",
                    dict(&[("film.mkv", dict(&[("", dict(&[("length", int(16384))]))]))]),
                ),
            ]),
        ),
    ]
}

fn names() -> Vec<Case> {
    let name = |content: &[u8]| torrent(&[("name", bytes(content))]);
    vec![
        ("name-missing", torrent(&[("name", vec![])])),
        ("name-empty", name(b"")),
        ("name-parent", name(b"..")),
        ("name-with-slash", name(b"../../etc/passwd")),
        ("name-with-nul", name(b"film\0.mkv")),
        ("name-a-number", torrent(&[("name", int(5))])),
        (
            "name-very-long-and-unsafe",
            name("/é".repeat(5000).as_bytes()),
        ),
    ]
}

fn paths() -> Vec<Case> {
    let unsafe_path = |path: &[&str]| several(&[file(8192, &["ok"]), file(8192, path)]);
    let deep = vec!["d"; 65];
    vec![
        ("path-parent", unsafe_path(&["a", "..", "b"])),
        ("path-dot", unsafe_path(&["."])),
        ("path-empty-component", unsafe_path(&["", "etc"])),
        ("path-absolute", unsafe_path(&["/etc/passwd"])),
        ("path-with-nul", unsafe_path(&["a\0b"])),
        ("path-with-escapes", unsafe_path(&["\u{1b}[31m/"])),
        ("path-of-nothing", unsafe_path(&[])),
        ("path-too-deep", unsafe_path(&deep)),
        (
            "path-twice",
            several(&[file(8192, &["a", "b"]), file(8192, &["a", "b"])]),
        ),
        (
            "path-through-a-file",
            several(&[file(8192, &["a", "b"]), file(8192, &["a"])]),
        ),
        (
            "path-a-string",
            several(&[dict(&[("length", int(16384)), ("path", text("a"))])]),
        ),
        (
            "path-of-numbers",
            several(&[dict(&[("length", int(16384)), ("path", list(&[int(1)]))])]),
        ),
        ("path-missing", several(&[dict(&[("length", int(16384))])])),
        (
            "file-length-missing",
            several(&[dict(&[("path", list(&[text("a")]))])]),
        ),
        ("file-a-number", several(&[int(4)])),
        ("files-none", several(&[])),
        (
            "files-a-dictionary",
            torrent(&[("length", vec![]), ("files", b"de".to_vec())]),
        ),
        (
            "files-and-length",
            torrent(&[("files", list(&[file(16384, &["a"])]))]),
        ),
        ("files-nor-length", torrent(&[("length", vec![])])),
    ]
}

fn structure() -> Vec<Case> {
    let twice = dict(&[(
        "info",
        [
            b"d6:lengthi16384e".as_slice(),
            b"6:lengthi1e4:name1:a12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae",
        ]
        .concat(),
    )]);
    let whole = torrent(&[]);
    vec![
        ("empty", vec![]),
        ("web-page", b"<!DOCTYPE html><title>404</title>".to_vec()),
        ("a-list", b"le".to_vec()),
        ("a-number", b"i1e".to_vec()),
        ("no-info", b"d7:comment2:hie".to_vec()),
        ("info-a-string", dict(&[("info", text("d6:lengthi1ee"))])),
        (
            "info-twice",
            dict(&[("info", info(&[])), ("info", info(&[]))]),
        ),
        ("length-twice", twice),
        ("cut-short", whole[..whole.len() - 10].to_vec()),
        (
            "bytes-after-the-end",
            [whole.clone(), b"garbage".to_vec()].concat(),
        ),
        (
            "string-longer-than-the-file",
            b"d4:info99999999999999:".to_vec(),
        ),
        (
            "string-length-wraps",
            b"d4:info18446744073709551620:aaaae".to_vec(),
        ),
        ("string-length-negative", b"d4:info-1:e".to_vec()),
        ("deep-lists", b"l".repeat(30_000)),
        ("deep-dictionaries", b"d1:a".repeat(10_000)),
        ("number-without-end", b"d4:infoi12".to_vec()),
        ("number-of-nothing", b"d4:infoiee".to_vec()),
        ("number-with-a-letter", b"d4:infoi1x2ee".to_vec()),
        ("key-a-number", b"di1ei2ee".to_vec()),
        ("key-without-value", b"d4:infoe".to_vec()),
        ("end-without-begin", b"e".to_vec()),
    ]
}
