//! .torrent files: what is read, what is refused and with which words.

use gostorm_wire::metainfo::encode_single_file;
use gostorm_wire::{FileEntry, Info, InfoHash, Metainfo, MetainfoError, PieceIndex, sha1};
use proptest::prelude::*;

use crate::cases::{self, bytes, dict, info, int, list, string, torrent};

fn case(name: &str) -> Metainfo {
    let cases = cases::of("metainfo");
    let (_, input) = cases.iter().find(|(n, _)| *n == name).unwrap();
    Metainfo::parse(input).unwrap()
}

/// A file of the corpus that libtorrent made.
pub(crate) fn made_by_libtorrent(kind: &str) -> Result<Metainfo, MetainfoError> {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/metainfo");
    Metainfo::parse(&std::fs::read(format!("{corpus}/libtorrent-{kind}")).unwrap())
}

pub(crate) fn summary(info: &Info) -> String {
    let files: Vec<String> = info
        .files()
        .iter()
        .map(|file| {
            let padding = if file.padding { " padding" } else { "" };
            format!(
                "{}@{}+{}{padding}",
                file.display_path(),
                file.offset,
                file.length
            )
        })
        .collect();
    format!(
        "{:?}, {} pieces, [{}]",
        info.name(),
        info.piece_count(),
        files.join(", ")
    )
}

#[test]
fn every_case_gets_its_answer() {
    insta::assert_snapshot!(cases::answers("metainfo", |input| {
        match Metainfo::parse(input) {
            Ok(metainfo) => format!("ok: {}", summary(&metainfo.info)),
            Err(error) => error.to_string(),
        }
    }));
}

#[test]
fn torrents_of_another_maker_have_the_info_hash_that_it_states() {
    let v1 = made_by_libtorrent("v1").unwrap();
    assert_eq!(
        v1.info_hash.to_string(),
        "2cf66b3f6ab2c0351ece35eb1f0b816d381ef2b3"
    );
    assert_eq!(
        summary(&v1.info),
        "\"Show\", 5 pieces, [b.mkv@0+33333, readme.nfo@33333+2, sub/épisode 1.mkv@33335+40000]"
    );
    assert_eq!(v1.trackers, [["http://tracker.example/announce"]]);
    assert_eq!(v1.url_list, ["http://seed.example/"]);
    assert_eq!(v1.comment.as_deref(), Some("made by libtorrent"));

    let hybrid = made_by_libtorrent("hybrid").unwrap();
    assert_eq!(
        hybrid.info_hash.to_string(),
        "a11c7ed964f737aaf39eeef00085172dff8e199f"
    );
    assert_eq!(
        summary(&hybrid.info),
        "\"Show\", 7 pieces, [b.mkv@0+33333, .pad/15819@33333+15819 padding, \
         readme.nfo@49152+2, .pad/16382@49154+16382 padding, \
         sub/épisode 1.mkv@65536+40000, .pad/9152@105536+9152 padding]"
    );
}

#[test]
fn the_keys_around_the_info_dictionary_are_read() {
    let metainfo = case("all-outer-keys");
    assert_eq!(
        metainfo.trackers,
        [
            vec!["http://one.example/announce", "udp://two.example:1"],
            vec!["http://flat.example/announce"],
        ]
    );
    assert_eq!(metainfo.url_list, ["http://seed.example/film.mkv"]);
    assert_eq!(metainfo.comment.as_deref(), Some("a film"));
    assert_eq!(metainfo.created_by.as_deref(), Some("maker 1.0"));
    assert_eq!(metainfo.creation_date, Some(1_700_000_000));
    assert!(metainfo.info.private());
    assert!(!case("one-file").info.private());
}

#[test]
fn announce_is_the_only_tier_when_the_list_is_useless() {
    let file = dict(&[
        ("announce", string(" http://one.example/ ")),
        ("announce-list", list(&[list(&[int(1), bytes(b"\xff")])])),
        ("info", info(&[])),
    ]);
    let trackers = Metainfo::parse(&file).unwrap().trackers;
    assert_eq!(trackers, [["http://one.example/"]]);
}

#[test]
fn trackers_are_bounded_in_number() {
    let tier = list(&vec![string("udp://t.example:1"); 300]);
    let file = dict(&[("announce-list", list(&vec![tier; 3])), ("info", info(&[]))]);
    let trackers = Metainfo::parse(&file).unwrap().trackers;
    assert_eq!(
        trackers.iter().map(Vec::len).collect::<Vec<_>>(),
        [300, 200]
    );
}

#[test]
fn the_info_hash_is_that_of_the_exact_bytes() {
    let info = info(&[("x-unknown", string("kept"))]);
    let file = dict(&[("comment", string("d4:infodee")), ("info", info.clone())]);
    let metainfo = Metainfo::parse(&file).unwrap();
    assert_eq!(metainfo.info_bytes, info);
    assert_eq!(metainfo.info_hash, InfoHash(sha1(&info)));
    assert_eq!(metainfo.info_hash, Info::info_hash_of(&info));
    assert_eq!(Info::parse(&info), Ok(metainfo.info));
    // Unsorted keys and leading zeros stay as they are: the hash is of the text.
    let odd = case("unsorted-keys");
    assert_eq!(odd.info_hash.0, sha1(&odd.info_bytes));
}

#[test]
fn an_info_dictionary_alone_is_a_torrent_without_trackers() {
    let whole = case("all-outer-keys");
    let alone = Metainfo::from_info_bytes(whole.info_bytes.clone()).unwrap();
    assert_eq!(alone.info, whole.info);
    assert_eq!(alone.info_hash, whole.info_hash);
    assert!(alone.trackers.is_empty() && alone.url_list.is_empty());
}

#[test]
fn the_last_piece_is_as_long_as_what_is_left() {
    let hashes: Vec<[u8; 20]> = (0..3).map(|n| [n; 20]).collect();
    let file = encode_single_file(None, "film.mkv", 2 * 16384 + 5, 16384, &hashes);
    let info = Metainfo::parse(&file).unwrap().info;
    let len = |piece| info.piece_len(PieceIndex(piece));
    assert_eq!(
        [len(0), len(1), len(2), len(3)],
        [Some(16384), Some(16384), Some(5), None]
    );
    assert_eq!(info.piece_sha1(PieceIndex(2)), Some((&[2; 20], 0)));
    assert_eq!(info.piece_sha1(PieceIndex(3)), None);
    assert_eq!(info.piece_sha1(PieceIndex(u32::MAX)), None);
}

#[test]
fn a_directory_of_one_file_is_not_a_single_file() {
    let entry = dict(&[("length", int(16384)), ("path", list(&[string("a.mkv")]))]);
    let file = torrent(&[("length", vec![]), ("files", list(&[entry]))]);
    let info = Metainfo::parse(&file).unwrap().info;
    assert!(info.multi_file());
    assert_eq!(info.files()[0].path, ["a.mkv"]);
    let single = case("one-file").info;
    assert!(!single.multi_file());
    assert_eq!(single.files()[0].path, ["film.mkv"]);
}

#[test]
fn a_torrent_of_too_many_files_is_refused() {
    let entry = |n: usize| {
        let path = list(&[string(&n.to_string())]);
        dict(&[("length", int(1)), ("path", path)])
    };
    let files: Vec<Vec<u8>> = (0..=100_000).map(entry).collect();
    let file = torrent(&[("length", vec![]), ("files", list(&files))]);
    assert_eq!(Metainfo::parse(&file), Err(MetainfoError::TooManyFiles));
}

#[test]
fn a_torrent_of_too_many_path_components_is_refused() {
    let path = list(&vec![string("d"); 60]);
    let entry = dict(&[("length", int(1)), ("path", path)]);
    let file = torrent(&[("length", vec![]), ("files", list(&vec![entry; 8000]))]);
    let error = Metainfo::parse(&file).unwrap_err();
    assert_eq!(
        error.to_string(),
        "info.files[6666].path has too many components"
    );
}

#[test]
fn more_bytes_than_any_torrent_has_are_refused_unread() {
    let error = Metainfo::parse(&vec![b'x'; 64 * 1024 * 1024 + 1]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the torrent file has 67108865 bytes; at most 67108864 are accepted"
    );
    let error = Info::parse(&vec![b'x'; 32 * 1024 * 1024 + 1]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the info dictionary has 33554433 bytes; at most 33554432 are accepted"
    );
}

#[test]
fn white_space_that_belongs_to_the_last_string_is_not_cut() {
    // Not a torrent anyone makes, but the end is looked for from both sides.
    let error = Metainfo::parse(b"2:\n\n").unwrap_err();
    assert_eq!(error.to_string(), "the torrent file is not a dictionary");
}

proptest! {
    #[test]
    fn a_torrent_survives_being_written(
        name in "[a-zA-Z0-9é .]{0,20}[a-z]",
        length in 1..20_000_000_u64,
        shift in 0..13_u32,
    ) {
        let piece_length = 16384 << shift;
        let count = usize::try_from(length.div_ceil(u64::from(piece_length))).unwrap();
        let hashes: Vec<[u8; 20]> = (0..count).map(|n| sha1(&n.to_be_bytes())).collect();
        let file = encode_single_file(Some("http://t/a"), &name, length, piece_length, &hashes);
        let metainfo = Metainfo::parse(&file).unwrap();
        let info = &metainfo.info;
        prop_assert_eq!(&metainfo.trackers, &[["http://t/a"]]);
        prop_assert_eq!((info.name(), info.total_length()), (name.as_str(), length));
        prop_assert_eq!(info.piece_length(), piece_length);
        for (index, hash) in (0..info.piece_count()).zip(&hashes) {
            prop_assert_eq!(info.piece_sha1(PieceIndex(index)), Some((hash, 0)));
        }
        let entry = FileEntry { path: vec![name], length, offset: 0, padding: false };
        prop_assert_eq!(info.files(), &[entry]);
    }
}
