//! The film is read back, element by element, by a reader of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Cursor;
use std::process::Command;

use super::*;

fn film(seconds: u32) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    write(&mut out, "A Title", seconds).unwrap();
    out.into_inner()
}

/// An element: its id, where it begins in what was read, its body.
struct Element<'a> {
    id: u32,
    at: usize,
    body: &'a [u8],
}

/// The elements that `bytes` consists of, to the last byte.
fn elements(bytes: &[u8]) -> Vec<Element<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let id_len = usize::try_from(bytes[at].leading_zeros()).unwrap() + 1;
        let id = bytes[at..at + id_len]
            .iter()
            .fold(0, |id, byte| id << 8 | u32::from(*byte));
        let size_at = at + id_len;
        let size_len = usize::try_from(bytes[size_at].leading_zeros()).unwrap() + 1;
        let marked = bytes[size_at..size_at + size_len]
            .iter()
            .fold(0, |size, byte| size << 8 | u64::from(*byte));
        let size = usize::try_from(marked & !(1 << (7 * size_len))).unwrap();
        let body_at = size_at + size_len;
        let body = &bytes[body_at..body_at + size];
        found.push(Element { id, at, body });
        at = body_at + size;
    }
    found
}

fn ids_of(elements: &[Element<'_>]) -> Vec<u32> {
    elements.iter().map(|element| element.id).collect()
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[test]
fn the_sizes_add_up_to_the_last_byte_at_every_level() {
    let film = film(3);
    let top = elements(&film);
    assert_eq!(ids_of(&top), [ids::EBML, ids::SEGMENT]);
    let segment = elements(top[1].body);
    assert_eq!(
        ids_of(&segment),
        [
            ids::SEEK_HEAD,
            ids::INFO,
            ids::TRACKS,
            ids::CLUSTER,
            ids::CLUSTER,
            ids::CLUSTER,
            ids::CUES
        ]
    );
    for cluster in segment.iter().filter(|part| part.id == ids::CLUSTER) {
        let parts = elements(cluster.body);
        assert_eq!(parts[0].id, ids::TIMESTAMP);
        assert_eq!(parts.len(), 1 + 2 * 25);
        let (picture, sound) = (parts[1].body, parts[2].body);
        assert_eq!(picture[..4], [0x81, 0, 0, 0x80]);
        assert_eq!(picture.len(), 4 + 320 * 180 * 3 / 2);
        assert_eq!(sound[..4], [0x82, 0, 0, 0x80]);
        assert_eq!(sound.len(), 4 + 1920 * 2);
    }
}

#[test]
fn the_seek_head_and_the_cues_point_at_what_they_name() {
    let film = film(3);
    let segment = elements(elements(&film)[1].body);
    let at_position = |position: u64| {
        let position = usize::try_from(position).unwrap();
        segment.iter().find(|part| part.at == position).unwrap()
    };
    for seek in elements(segment[0].body) {
        let fields = elements(seek.body);
        let named = number(fields[0].body);
        let found = at_position(number(fields[1].body));
        assert_eq!(u64::from(found.id), named);
    }
    for point in elements(segment[6].body) {
        let fields = elements(point.body);
        let position = number(elements(fields[1].body)[1].body);
        let cluster = at_position(position);
        assert_eq!(cluster.id, ids::CLUSTER);
        let timestamp = &elements(cluster.body)[0];
        assert_eq!(number(timestamp.body), number(fields[0].body));
    }
}

#[test]
fn ffprobe_reads_every_frame_without_a_word() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("film.mkv");
    std::fs::write(&path, film(2)).unwrap();
    let mut command = Command::new("ffprobe");
    command.args(["-v", "warning", "-count_frames", "-of", "csv=p=0"]);
    command.args(["-show_entries", "stream=codec_name,nb_read_frames"]);
    let output = match command.arg(&path).output() {
        Ok(output) => output,
        // Left out where ffprobe is not installed; the demonstration's own test needs it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => panic!("ffprobe: {error}"),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(text(&output.stdout), "rawvideo,50\npcm_s16le,50\n");
}
