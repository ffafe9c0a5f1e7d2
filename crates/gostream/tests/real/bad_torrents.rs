//! .torrent files that are broken or hostile: refused with a message, and nothing is written.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::harness::media;
use crate::harness::server::{Place, Server};
use crate::harness::swarm::Torrent;

const HASH: &[u8; 20] = b"aaaaaaaaaaaaaaaaaaaa";

/// A bencoded string.
fn text(bytes: &[u8]) -> Vec<u8> {
    [format!("{}:", bytes.len()).as_bytes(), bytes].concat()
}

/// A torrent of one file, with an info dictionary of these raw values.
fn single(length: &str, name: &[u8], piece_length: &str, hashes: usize) -> Vec<u8> {
    let mut torrent = b"d4:infod6:length".to_vec();
    torrent.extend(length.as_bytes());
    torrent.extend(b"4:name");
    torrent.extend(text(name));
    torrent.extend(b"12:piece length");
    torrent.extend(piece_length.as_bytes());
    torrent.extend(b"6:pieces");
    torrent.extend(text(&HASH.repeat(hashes)));
    torrent.extend(b"ee");
    torrent
}

/// A torrent of several files; each is its length and the parts of its path.
fn several(files: &[(&str, &[&[u8]])], hashes: usize) -> Vec<u8> {
    let mut torrent = b"d4:infod5:filesl".to_vec();
    for (length, path) in files {
        torrent.extend(b"d6:length");
        torrent.extend(length.as_bytes());
        torrent.extend(b"4:pathl");
        for part in *path {
            torrent.extend(text(part));
        }
        torrent.extend(b"ee");
    }
    torrent.extend(b"e4:name4:Film12:piece lengthi16384e6:pieces");
    torrent.extend(text(&HASH.repeat(hashes)));
    torrent.extend(b"ee");
    torrent
}

/// Each hostile torrent, with what it is called in a failure.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let good = single("i16384e", b"Film.mkv", "i16384e", 1);
    let half = good[..good.len() / 2].to_vec();
    let deep = [b"d4:info".to_vec(), vec![b'l'; 1 << 20]].concat();
    let cases: [(&'static str, Vec<u8>); 20] = [
        ("empty", Vec::new()),
        ("garbage", b"\x89PNG\r\n\x1a\nnot a torrent at all".to_vec()),
        ("truncated", half),
        ("a web page", b"<!doctype html><title>404</title>".to_vec()),
        ("no info", b"d8:announce3:abce".to_vec()),
        ("deep nesting", deep),
        ("a huge string", b"d4:info99999999999999999999:".to_vec()),
        ("piece length 0", single("i16384e", b"Film.mkv", "i0e", 1)),
        (
            "negative piece length",
            single("i16384e", b"Film.mkv", "i-16384e", 1),
        ),
        (
            "odd piece length",
            single("i16384e", b"Film.mkv", "i16385e", 1),
        ),
        (
            "length 2^63",
            single("i9223372036854775808e", b"Film.mkv", "i16384e", 1),
        ),
        ("negative length", single("i-1e", b"Film.mkv", "i16384e", 1)),
        (
            "missing hashes",
            single("i65536e", b"Film.mkv", "i16384e", 3),
        ),
        (
            "too many hashes",
            single("i16384e", b"Film.mkv", "i16384e", 2),
        ),
        ("no hash", single("i16384e", b"Film.mkv", "i16384e", 0)),
        (
            "name ..",
            several(&[("i16384e", &[b"..", b"..", b"evil.mkv"])], 1),
        ),
        (
            "an absolute path",
            several(&[("i16384e", &[b"/etc/evil.mkv"])], 1),
        ),
        (
            "a NUL in a path",
            several(&[("i16384e", &[b"a\0b.mkv"])], 1),
        ),
        ("an empty path", several(&[("i16384e", &[])], 1)),
        (
            "lengths that overflow",
            several(
                &[
                    ("i9223372036854775807e", &[b"a.mkv"]),
                    ("i9223372036854775807e", &[b"b.mkv"]),
                ],
                1,
            ),
        ),
    ];
    cases.into()
}

fn all_refused(place: &Place) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("film.torrent");
    for (name, bytes) in hostile() {
        fs::write(&path, bytes).unwrap();
        let finished = place.run(&["add", path.to_str().unwrap()]);
        assert_eq!(finished.code, Some(2), "{name}: {finished:?}");
        assert!(!finished.err.trim().is_empty(), "{name}: no message");
        assert!(!finished.err.contains("panicked"), "{name}: {finished:?}");
        assert_eq!(finished.out, "", "{name}");
        assert_eq!(place.stubs(), [] as [PathBuf; 0], "{name}");
    }
}

#[test]
fn hostile_torrents_are_refused_without_a_server() {
    all_refused(&Place::new(json!({})));
}

#[test]
fn hostile_torrents_are_refused_by_a_running_server() {
    let mut server = Server::start(json!({}));
    all_refused(&server.place);
    assert!(!server.ended(), "{}", server.log());
}

#[test]
fn a_torrent_without_a_film_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let book = directory.path().join("book.pdf");
    fs::write(&book, vec![7; 100_000]).unwrap();
    let torrent = Torrent::make(&book, 16 * 1024, None, &[]);
    let place = Place::new(json!({}));
    place
        .run(&["add", torrent.path.to_str().unwrap()])
        .refused(&[]);
    assert_eq!(place.stubs(), [] as [PathBuf; 0]);
}

#[test]
fn a_good_torrent_is_still_taken() {
    let torrent = Torrent::make(&media::short_film(), 64 * 1024, None, &[]);
    let place = Place::new(json!({}));
    place
        .run(&["add", torrent.path.to_str().unwrap()])
        .success();
    assert_eq!(place.stubs().len(), 1);
}
