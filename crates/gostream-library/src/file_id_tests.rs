//! Tests of file ids and of matching stubs to files.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::Stub;
use proptest::prelude::*;

use super::*;
use crate::hash::TorrentHash;

fn file(path: &str, length: u64) -> TorrentFile {
    TorrentFile {
        path: path.split('/').map(str::to_owned).collect(),
        length,
    }
}

fn by_rank(paths: &[&str]) -> Vec<String> {
    let files: Vec<TorrentFile> = paths.iter().map(|p| file(p, 1)).collect();
    let ids = FileIds::new(&files);
    ids.files().iter().map(|i| paths[*i].to_owned()).collect()
}

fn stub(index: u32, size: u64) -> Film {
    let stub = Stub::new("http://h", TorrentHash([7; 20]), index, size, None, None);
    Film::from(&stub.unwrap())
}

#[test]
fn numbers_compare_as_numbers_after_the_common_prefix() {
    assert_eq!(
        by_rank(&["s/E10.mkv", "s/E9.mkv", "s/E2.mkv"]),
        ["s/E2.mkv", "s/E9.mkv", "s/E10.mkv"]
    );
    // The known oddity: behind the common "E1" the digit comes before the dot.
    assert_eq!(by_rank(&["E1.mkv", "E10.mkv"]), ["E10.mkv", "E1.mkv"]);
    assert_eq!(by_rank(&["b", "a", "0"]), ["0", "a", "b"]);
    assert_eq!(by_rank(&["a/x", "a.x", "B"]), ["B", "a.x", "a/x"]);
    assert_eq!(
        by_rank(&["p99999999999999999999999", "p100000000000000000000000"])[0],
        "p99999999999999999999999"
    );
}

#[test]
fn ids_are_one_based_and_go_both_ways() {
    let files = [file("b.mkv", 1), file("a.txt", 1)];
    let ids = FileIds::new(&files);
    assert_eq!(
        (ids.id_of(0), ids.id_of(1), ids.id_of(2)),
        (Some(2), Some(1), None)
    );
    assert_eq!(
        (
            ids.file_of(0),
            ids.file_of(1),
            ids.file_of(2),
            ids.file_of(3)
        ),
        (None, Some(1), Some(0), None)
    );
}

#[test]
fn a_film_that_takes_its_siblings_name_stays_what_it_is() {
    let files = [file("Show.S01E01.mkv", 10), file("Show.S01E02.mkv", 10)];
    for (id, own) in [(1, 0), (2, 1)] {
        for name in ["Show_S01E01_0f1e2d3c.mkv", "Show.S01E02.mkv", "x.mkv"] {
            assert_eq!(match_file(name, &stub(id, 10), &files), Some(own), "{name}");
        }
    }
}

#[test]
fn an_id_of_a_file_of_another_size_gives_way_to_size_and_name() {
    let files = [
        file("Show.S01E01.mkv", 10),
        file("Show S01E02.mp4", 10),
        file("c.mkv", 20),
        file("d.mkv", 20),
    ];
    assert_eq!(
        match_file("tv/x/Show_S01E02_0f1e2d3c.mkv", &stub(1, 10), &files),
        Some(1)
    );
    // The release name may be longer than ours, or ours longer than the release's.
    assert_eq!(
        match_file("S01E01_0f1e2d3c.mkv", &stub(4, 10), &files),
        Some(0)
    );
    assert_eq!(
        match_file("Best.of.Show.S01E01.mkv", &stub(4, 10), &files),
        Some(0)
    );
    // No name agrees: the id, of which "c.mkv" has 3.
    assert_eq!(
        match_file("film.mkv", &stub(3, 20), &files),
        FileIds::new(&files).file_of(3)
    );
    assert_eq!(match_file("film.mkv", &stub(0, 20), &files), None);
}

#[test]
fn the_only_file_of_the_size_is_taken_whatever_its_name() {
    let files = [file("a.mkv", 10), file("b.mkv", 20)];
    assert_eq!(
        match_file("movies/film_0f1e2d3c.mkv", &stub(1, 20), &files),
        Some(1)
    );
}

#[test]
fn same_size_and_same_name_twice_is_settled_by_the_id() {
    let files = [file("a/x.mkv", 10), file("b/x.mkv", 10)];
    assert_eq!(match_file("x.mkv", &stub(2, 10), &files), Some(1));
    assert_eq!(match_file("x.mkv", &stub(9, 10), &files), Some(0));
}

#[test]
fn a_hash_suffix_is_eight_hex_digits() {
    assert_eq!(strip_hash_suffix("a_b_0f1E2d3c"), Some("a_b"));
    assert_eq!(strip_hash_suffix("a_0f1e2d3"), None);
    assert_eq!(strip_hash_suffix("a_0f1e2d3g"), None);
}

proptest! {
    /// Whatever the names (circles of the rule included), every file has exactly one id.
    #[test]
    fn ids_are_a_permutation(names in prop::collection::vec("[aE]?[0-2]{0,3}[.]?", 0..60)) {
        let files: Vec<TorrentFile> = names.iter().map(|n| file(n, 1)).collect();
        let ids = FileIds::new(&files);
        for i in 0..files.len() {
            prop_assert_eq!(ids.file_of(ids.id_of(i).unwrap()), Some(i));
        }
        prop_assert_eq!(ids.files().len(), files.len());
    }

    /// Where no name is a number followed by a letter, the rule is an order and the result is sorted.
    #[test]
    fn padded_numbers_come_in_order(count in 0u32..100) {
        let mut files: Vec<TorrentFile> = (0..count).map(|n| file(&format!("E{n:03}.mkv"), 1)).collect();
        files.reverse();
        let ids = FileIds::new(&files);
        let back: Vec<usize> = (0..files.len()).rev().collect();
        prop_assert_eq!(ids.files(), &back[..]);
    }
}
