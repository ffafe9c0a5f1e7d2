//! What is new with BEP 52: torrents of v2 and hybrids, and asking for hashes.

use super::build::{bytes, dict, info, int, list, text};
use super::messages::{message, numbers};

type Case = (&'static str, Vec<u8>);

const ROOT: [u8; 32] = [0xAA; 32];

/// A file of a tree.
fn leaf(length: u64) -> Vec<u8> {
    let file = [("length", int(length)), ("pieces root", bytes(&ROOT))];
    dict(&[("", dict(&file))])
}

/// A torrent of v2 alone.
fn v2(tree: Vec<u8>) -> Vec<u8> {
    with_layers(tree, vec![])
}

fn with_layers(tree: Vec<u8>, layers: Vec<u8>) -> Vec<u8> {
    let info = info(&[
        ("pieces", vec![]),
        ("length", vec![]),
        ("meta version", int(2)),
        ("file tree", tree),
    ]);
    let mut entries = vec![("info", info)];
    if !layers.is_empty() {
        entries.push(("piece layers", layers));
    }
    dict(&entries)
}

/// A hybrid of two pieces: these files as v1, this tree as v2.
fn hybrid(files: &[(&[&str], u64, &str)], tree: Vec<u8>, pieces: usize) -> Vec<u8> {
    let files = files.iter().map(|(path, length, attr)| {
        let path: Vec<Vec<u8>> = path.iter().map(|part| text(part)).collect();
        dict(&[
            ("attr", text(attr)),
            ("length", int(length)),
            ("path", list(&path)),
        ])
    });
    let files: Vec<Vec<u8>> = files.collect();
    let info = info(&[
        ("length", vec![]),
        ("files", list(&files)),
        ("pieces", bytes(&vec![1; 20 * pieces])),
        ("meta version", int(2)),
        ("file tree", tree),
    ]);
    dict(&[("info", info)])
}

pub(crate) fn torrents() -> Vec<Case> {
    [trees(), keys(), hybrids()].concat()
}

fn two() -> Vec<u8> {
    dict(&[("a", leaf(5)), ("b", leaf(6))])
}

fn trees() -> Vec<Case> {
    let nested = |depth: usize| (0..depth).fold(leaf(7), |inner, _| dict(&[("d", inner)]));
    vec![
        ("v2-one-file", v2(dict(&[("film.mkv", leaf(16384))]))),
        ("v2-one-file-of-another-name", v2(dict(&[("a", leaf(5))]))),
        ("v2-two-files", v2(two())),
        (
            "v2-directories",
            v2(dict(&[
                ("a", dict(&[("x", leaf(40000)), ("y", leaf(0))])),
                ("b", leaf(1)),
            ])),
        ),
        ("v2-unsorted", v2(dict(&[("b", leaf(5)), ("a", leaf(6))]))),
        ("v2-twice", v2(dict(&[("a", leaf(5)), ("a", leaf(6))]))),
        ("v2-unsafe-path", v2(dict(&[("..", leaf(5))]))),
        ("v2-deep", v2(nested(64))),
        ("v2-too-deep", v2(nested(65))),
        (
            "v2-no-root",
            v2(dict(&[("a", dict(&[("", dict(&[("length", int(5))]))]))])),
        ),
        ("v2-no-length", v2(dict(&[("a", dict(&[("", dict(&[]))]))]))),
        ("v2-huge", v2(dict(&[("a", leaf(1 << 53)), ("b", leaf(1))]))),
        (
            "v2-file-and-directory",
            v2(dict(&[(
                "a",
                dict(&[("", dict(&[("length", int(0))])), ("x", leaf(5))]),
            )])),
        ),
        ("v2-no-dictionary", v2(dict(&[("a", int(5))]))),
        ("v2-empty", v2(dict(&[]))),
        ("v2-only-empty-files", v2(dict(&[("a", leaf(0))]))),
        ("v2-a-list", v2(list(&[]))),
    ]
}

fn keys() -> Vec<Case> {
    vec![
        (
            "meta-version-3",
            dict(&[("info", info(&[("meta version", int(3))]))]),
        ),
        (
            "meta-version-missing",
            dict(&[("info", info(&[("file tree", two())]))]),
        ),
        (
            "v2-wrong-layer",
            with_layers(
                dict(&[("a", leaf(20000))]),
                [b"d32:", ROOT.as_slice(), &bytes(&[1; 64]), b"e"].concat(),
            ),
        ),
        (
            "v2-layer-of-no-file",
            with_layers(dict(&[("a", leaf(5))]), dict(&[("x", bytes(&[1; 64]))])),
        ),
    ]
}

fn hybrids() -> Vec<Case> {
    let pad: &[&str] = &[".pad", "16379"];
    vec![
        (
            "hybrid-of-two",
            hybrid(
                &[(&["a"], 5, ""), (pad, 16379, "p"), (&["b"], 6, "")],
                two(),
                2,
            ),
        ),
        (
            "hybrid-other-length",
            hybrid(
                &[(&["a"], 5, ""), (pad, 16379, "p"), (&["b"], 7, "")],
                two(),
                2,
            ),
        ),
        (
            "hybrid-other-order",
            hybrid(
                &[(&["b"], 6, ""), (pad, 16378, "p"), (&["a"], 5, "")],
                two(),
                2,
            ),
        ),
        (
            "hybrid-without-padding",
            hybrid(&[(&["a"], 5, ""), (&["b"], 6, "")], two(), 1),
        ),
        (
            "hybrid-with-a-file-more",
            hybrid(&[(&["a"], 5, ""), (pad, 16379, "p")], two(), 1),
        ),
        (
            "hybrid-padded-to-another-piece",
            hybrid(
                &[
                    (&["a"], 5, ""),
                    (pad, 16379, "p"),
                    (&["b"], 6, ""),
                    (pad, 30000, "p"),
                ],
                two(),
                3,
            ),
        ),
    ]
}

fn body(layer: u32, index: u32, count: u32, proof: u32) -> Vec<u8> {
    [ROOT.to_vec(), numbers(&[layer, index, count, proof])].concat()
}

pub(crate) fn frames() -> Vec<Case> {
    let hashes = |count: u32, proof: u32, len: usize| {
        message(22, &[body(0, 0, count, proof), vec![7; len * 32]].concat())
    };
    let every = [
        message(21, &body(0, 512, 512, 8)),
        hashes(2, 0, 2),
        hashes(4, 3, 6),
        message(23, &body(4, 0, 8, 2)),
    ];
    vec![
        ("hash-messages", every.concat()),
        ("hash-request-short", message(21, &body(0, 0, 2, 0)[..47])),
        (
            "hash-request-long",
            message(21, &[body(0, 0, 2, 0), vec![0]].concat()),
        ),
        ("hash-request-of-3", message(21, &body(0, 0, 3, 0))),
        ("hash-request-of-none", message(21, &body(0, 0, 0, 0))),
        ("hash-request-askew", message(21, &body(0, 1, 2, 0))),
        ("hash-request-too-many", message(21, &body(0, 0, 16384, 0))),
        ("hash-request-too-high", message(21, &body(40, 0, 2, 0))),
        ("hashes-too-few", hashes(4, 3, 5)),
        ("hashes-too-many", hashes(4, 3, 7)),
        (
            "hashes-of-a-wide-range",
            message(22, &body(0, 0, u32::MAX, u32::MAX)),
        ),
    ]
}

pub(crate) fn magnets() -> Vec<Case> {
    let hex = "ab".repeat(32);
    vec![
        ("bare-v2-hex", hex.clone().into()),
        (
            "v2-upper-case",
            format!("magnet:?xt=URN:BTMH:1220{}", hex.to_uppercase()).into(),
        ),
        (
            "v2-other-multihash",
            format!("magnet:?xt=urn:btmh:1114{}", "ab".repeat(20)).into(),
        ),
        ("v2-short", b"magnet:?xt=urn:btmh:1220abab".to_vec()),
        (
            "v2-wrong-digit",
            format!("magnet:?xt=urn:btmh:1220{}g", &hex[1..]).into(),
        ),
    ]
}
