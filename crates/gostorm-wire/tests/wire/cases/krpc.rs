//! What nodes of the DHT send, and what only looks like it.

use super::build::{bytes, dict, int, list, text};

type Case = (&'static str, Vec<u8>);

const ID: &str = "abcdefghij0123456789";

fn ask(query: &str, arguments: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut all = vec![("id", text(ID))];
    all.extend(arguments.iter().cloned());
    dict(&[
        ("a", dict(&all)),
        ("q", text(query)),
        ("t", text("aa")),
        ("y", text("q")),
    ])
}

fn tell(answer: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut all = vec![("id", text(ID))];
    all.extend(answer.iter().cloned());
    dict(&[("r", dict(&all)), ("t", text("aa")), ("y", text("r"))])
}

fn announce(port: Vec<u8>, implied: i64, token: Vec<u8>) -> Vec<u8> {
    ask(
        "announce_peer",
        &[
            ("implied_port", int(implied)),
            ("info_hash", text(ID)),
            ("port", port),
            ("token", token),
        ],
    )
}

pub(crate) fn cases() -> Vec<Case> {
    [questions(), answers()].concat()
}

fn questions() -> Vec<Case> {
    vec![
        ("ping", ask("ping", &[])),
        ("find-node", ask("find_node", &[("target", text(ID))])),
        ("get-peers", ask("get_peers", &[("info_hash", text(ID))])),
        ("announce", announce(int(6881), 0, text("tok"))),
        (
            "announce-at-the-port-it-comes-from",
            announce(int(0), 1, text("tok")),
        ),
        ("announce-at-port-0", announce(int(0), 0, text("tok"))),
        (
            "announce-at-port-70000",
            announce(int(70_000), 0, text("tok")),
        ),
        (
            "announce-with-a-long-token",
            announce(int(1), 0, bytes(&[7; 65])),
        ),
        ("unknown-question", ask("vote", &[])),
        (
            "target-too-short",
            ask("find_node", &[("target", text("abc"))]),
        ),
    ]
}

fn answers() -> Vec<Case> {
    let node = [ID.as_bytes(), &[192, 0, 2, 1, 0x1A, 0xE1]].concat();
    let node6 = [ID.as_bytes(), &[0x20; 16], &[0x1A, 0xE1]].concat();
    let peer = bytes(&[192, 0, 2, 7, 0, 80]);
    let with = |key: &str, value: Vec<u8>| {
        dict(&[
            ("r", dict(&[("id", text(ID))])),
            (key, value),
            ("y", text("r")),
        ])
    };
    vec![
        ("answer", tell(&[])),
        (
            "answer-with-everything",
            tell(&[
                ("nodes", bytes(&node)),
                ("nodes6", bytes(&node6)),
                ("token", text("tok")),
                ("values", list(&[peer.clone(), bytes(&[0x20; 18])])),
            ]),
        ),
        (
            "three-hundred-nodes",
            tell(&[("nodes", bytes(&node.repeat(300)))]),
        ),
        (
            "three-hundred-peers",
            tell(&[("values", list(&vec![peer; 300]))]),
        ),
        ("half-a-node", tell(&[("nodes", bytes(&node[..25]))])),
        (
            "peers-that-cannot-be",
            tell(&[(
                "values",
                list(&[
                    bytes(&[1, 2, 3]),
                    int(4),
                    bytes(&[0; 6]),
                    bytes(&[224, 0, 0, 1, 1, 1]),
                ]),
            )]),
        ),
        (
            "answer-without-a-name",
            dict(&[("r", b"de".to_vec()), ("t", text("aa")), ("y", text("r"))]),
        ),
        ("no-transaction", with("v", text("x"))),
        ("transaction-too-long", with("t", text("seventeen letters"))),
        (
            "refusal",
            dict(&[
                ("e", list(&[int(201), text("A Generic Error")])),
                ("t", text("aa")),
                ("y", text("e")),
            ]),
        ),
        ("no-kind", dict(&[("t", text("aa"))])),
        ("a-list", b"le".to_vec()),
        ("cut-short", ask("ping", &[])[..30].to_vec()),
        ("deep", b"d1:a".repeat(300)),
        ("empty", vec![]),
    ]
}
