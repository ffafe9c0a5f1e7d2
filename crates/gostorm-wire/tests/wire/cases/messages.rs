//! What peers send: streams, handshakes, extension messages.

use super::build::{bytes, dict, int, text};

type Case = (&'static str, Vec<u8>);

/// A message: its length prefix, made from what follows.
pub(super) fn message(id: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len() + 1).unwrap();
    [&len.to_be_bytes(), [id].as_slice(), payload].concat()
}

/// Big-endian numbers.
pub(super) fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

pub(crate) fn frames() -> Vec<Case> {
    let bare = |id| message(id, &[]);
    let every = [
        vec![0; 4],
        bare(0),
        bare(1),
        bare(2),
        bare(3),
        message(4, &numbers(&[7])),
        message(5, &[0xF0, 0x80]),
        message(6, &numbers(&[1, 16384, 16384])),
        message(8, &numbers(&[1, 16384, 16384])),
        message(9, &[0x1A, 0xE2]),
        message(13, &numbers(&[3])),
        bare(14),
        bare(15),
        message(16, &numbers(&[1, 0, 16384])),
        message(17, &numbers(&[4])),
        message(20, b"\x00d1:mdee"),
        message(20, b"\x03"),
        message(99, b"whatever"),
        message(7, &[numbers(&[2, 16384]), vec![0x55; 100]].concat()),
        bare(1),
    ];
    let huge = |id: u8| [[0xFF; 4].as_slice(), &[id]].concat();
    vec![
        ("every-message", every.concat()),
        (
            "cut-in-a-request",
            message(6, &numbers(&[1, 2, 3]))[..10].to_vec(),
        ),
        ("cut-in-the-length", vec![0, 0]),
        ("cut-in-a-block-header", message(7, &[0; 100])[..9].to_vec()),
        ("cut-before-the-id", vec![0, 0, 0, 5]),
        ("length-2-32", huge(5)),
        ("length-2-32-before-the-id", vec![0xFF; 4]),
        ("length-2-32-of-a-block", huge(7)),
        ("length-2-32-unknown", huge(200)),
        (
            "block-longer-than-16-kib",
            [numbers(&[9 + 16385]), vec![7], numbers(&[0, 0])].concat(),
        ),
        ("block-of-nothing", message(7, &numbers(&[0, 0]))),
        ("block-without-offset", message(7, &numbers(&[0]))),
        (
            "block-beyond-2-32",
            message(7, &[numbers(&[0, u32::MAX]), vec![1; 4]].concat()),
        ),
        ("choke-with-content", message(0, b"x")),
        ("have-too-short", message(4, &[1, 2, 3])),
        ("have-too-long", message(4, &numbers(&[1, 2]))),
        ("request-of-nothing", message(6, &numbers(&[1, 0, 0]))),
        ("request-of-256-kib", message(6, &numbers(&[1, 0, 262_144]))),
        (
            "request-beyond-2-32",
            message(6, &numbers(&[1, u32::MAX, 16384])),
        ),
        ("cancel-too-short", message(8, &numbers(&[1, 0]))),
        (
            "reject-of-everything",
            message(16, &numbers(&[u32::MAX; 3])),
        ),
        ("port-of-one-byte", message(9, &[1])),
        ("extended-without-id", message(20, b"")),
        ("have-all-with-content", message(14, &[0])),
        ("not-bittorrent", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
    ]
}

pub(crate) fn handshakes() -> Vec<Case> {
    let with = |head: &[u8], reserved: [u8; 8]| {
        [head, &reserved, &[0x11; 20], b"-qB4630-abcdefghijkl"].concat()
    };
    let protocol = b"\x13BitTorrent protocol";
    vec![
        ("plain", with(protocol, [0; 8])),
        ("fast-extended-dht", with(protocol, [0, 0, 0, 0, 0, 0x10, 0, 0x05])),
        ("every-bit", with(protocol, [0xFF; 8])),
        ("other-protocol", with(b"\x13BitTorrent Protocol", [0; 8])),
        ("other-length", with(b"\x12BitTorrent protocol", [0; 8])),
        ("web-request", b"GET /announce HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\nUser-Agent: curl\r\n\r\n".to_vec()),
        ("encrypted", (0..68_u8).map(|i| i.wrapping_mul(151) ^ 0x5A).collect()),
    ]
}

pub(crate) fn extensions() -> Vec<Case> {
    [good_extensions(), bad_extensions()].concat()
}

fn good_extensions() -> Vec<Case> {
    let full = dict(&[
        ("e", int(0)),
        ("ipv4", bytes(&[1, 2, 3, 4])),
        (
            "m",
            dict(&[
                ("lt_donthave", int(7)),
                ("ut_metadata", int(2)),
                ("ut_pex", int(1)),
            ]),
        ),
        ("metadata_size", int(31235)),
        ("p", int(51413)),
        ("reqq", int(500)),
        ("upload_only", int(1)),
        ("v", text("qBittorrent/4.6.3")),
        ("yourip", bytes(&[198, 51, 100, 4])),
    ]);
    vec![
        ("everything", full),
        ("nothing", b"de".to_vec()),
        ("empty-m", b"d1:mdee".to_vec()),
        (
            "extension-turned-off",
            dict(&[("m", dict(&[("ut_metadata", int(0))]))]),
        ),
        (
            "extension-id-256",
            dict(&[("m", dict(&[("ut_metadata", int(256))]))]),
        ),
        (
            "wrong-types",
            dict(&[
                ("m", int(1)),
                ("metadata_size", text("5")),
                ("p", text("80")),
                ("reqq", b"le".to_vec()),
                ("v", int(4)),
                ("yourip", bytes(&[1, 2])),
            ]),
        ),
        (
            "senseless-numbers",
            dict(&[
                ("p", int(70000)),
                ("reqq", int(-1)),
                ("upload_only", int(0)),
            ]),
        ),
        (
            "hostile-name",
            dict(&[("v", bytes("\u{1b}[2J\0é\u{fffd}".repeat(90).as_bytes()))]),
        ),
        (
            "yourip-v6",
            dict(&[(
                "yourip",
                bytes(b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"),
            )]),
        ),
        ("bytes-after-the-end", b"detrailing".to_vec()),
    ]
}

fn bad_extensions() -> Vec<Case> {
    let size = |digits: &str| dict(&[("metadata_size", int(digits))]);
    vec![
        ("metadata-size-0", size("0")),
        ("metadata-size-negative", size("-1")),
        ("metadata-size-33-mib", size("34603008")),
        ("metadata-size-2-64", size("18446744073709551617")),
        ("empty", vec![]),
        ("a-list", b"le".to_vec()),
        ("cut-short", b"d1:md11:ut_met".to_vec()),
        ("deep", b"d1:m".repeat(101)),
    ]
}

pub(crate) fn ut_metadata() -> Vec<Case> {
    let head = |msg_type: i64, piece: i64, total: &str| {
        let total_size = (!total.is_empty()).then(|| ("total_size", int(total)));
        let entries = [("msg_type", int(msg_type)), ("piece", int(piece))];
        dict(&entries.into_iter().chain(total_size).collect::<Vec<_>>())
    };
    let data = |piece, total, len| [head(1, piece, total), vec![b'x'; len]].concat();
    vec![
        ("request", head(0, 0, "")),
        ("reject", head(2, 5, "")),
        ("data-whole", data(0, "16384", 16384)),
        ("data-last", data(1, "16389", 5)),
        ("unknown-type", head(9, 0, "")),
        (
            "data-that-looks-like-bencode",
            [head(1, 0, "2"), b"de".to_vec()].concat(),
        ),
        ("data-too-short", data(0, "16384", 16383)),
        ("data-too-long", data(0, "5", 6)),
        ("data-beyond-the-end", data(2, "16389", 5)),
        ("data-of-no-size", data(0, "", 5)),
        ("data-of-size-0", data(0, "0", 0)),
        ("data-of-size-negative", data(0, "-1", 5)),
        ("data-of-size-2-40", data(0, "1099511627776", 5)),
        ("data-of-piece-2-32", data(4_294_967_295, "16389", 5)),
        ("piece-negative", head(0, -1, "")),
        ("piece-too-large", head(0, 4_294_967_296, "")),
        ("piece-missing", b"d8:msg_typei0ee".to_vec()),
        ("type-missing", b"d5:piecei0ee".to_vec()),
        ("type-negative", head(-1, 0, "")),
        ("type-text", dict(&[("msg_type", text("0"))])),
        ("a-list", b"le".to_vec()),
        ("empty", vec![]),
        ("deep", b"l".repeat(500)),
    ]
}

pub(crate) fn pex() -> Vec<Case> {
    let v4 = [192, 0, 2, 1, 0x1A, 0xE1];
    let v6 = *b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1A\xE1";
    let added = |list: &[u8]| dict(&[("added", bytes(list))]);
    vec![
        (
            "everything",
            dict(&[
                ("added", bytes(&v4)),
                ("added.f", bytes(&[0x13])),
                ("added6", bytes(&v6)),
                ("added6.f", bytes(&[0xFF])),
                ("dropped", bytes(&v4.repeat(2))),
                ("dropped6", bytes(&v6)),
            ]),
        ),
        ("nothing", b"de".to_vec()),
        (
            "fewer-flags-than-peers",
            dict(&[("added", bytes(&v4.repeat(2))), ("added.f", bytes(&[2]))]),
        ),
        (
            "more-flags-than-peers",
            dict(&[("added", bytes(&v4)), ("added.f", bytes(&[2; 9]))]),
        ),
        ("port-0", added(&[192, 0, 2, 1, 0, 0])),
        ("unspecified", added(&[0, 0, 0, 0, 1, 1])),
        ("multicast", added(&[239, 0, 0, 1, 1, 1])),
        ("three-hundred", added(&v4.repeat(300))),
        (
            "as-many-as-are-borne",
            dict(&[
                ("added", bytes(&v4.repeat(1_000))),
                ("dropped", bytes(&v4.repeat(1_000))),
            ]),
        ),
        ("one-too-many", added(&v4.repeat(2_001))),
        ("half-an-address", added(&v4[..5])),
        (
            "half-an-address-of-v6",
            dict(&[("dropped6", bytes(&v6[1..]))]),
        ),
        ("a-number-for-a-list", dict(&[("added", int(6))])),
        ("a-list", b"le".to_vec()),
        ("cut-short", b"d5:added6:abc".to_vec()),
        ("empty", vec![]),
    ]
}
