//! Tests of the stub forms.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

const HASH: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c";
const URL: &str =
    "http://127.0.0.1:8090/stream?link=0F1E2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c&index=3&play";

fn hash() -> TorrentHash {
    HASH.parse().unwrap()
}

#[test]
fn three_lines_are_read() {
    let stub = Stub::parse(format!("{URL}\n21474836480\nmagnet:?xt=urn:btih:{HASH}\n").as_bytes())
        .unwrap();
    assert_eq!(
        (stub.hash, stub.index, stub.size),
        (hash(), 3, 21_474_836_480)
    );
    assert_eq!(
        stub.magnet.as_deref(),
        Some(format!("magnet:?xt=urn:btih:{HASH}").as_str())
    );
    assert_eq!((stub.imdb, stub.url.as_str()), (None, URL));
}

#[test]
fn four_lines_with_windows_ends_and_an_empty_magnet_are_read() {
    let stub = Stub::parse(format!("\u{feff}{URL}\r\n7\r\n\r\ntt0000017\r\n").as_bytes()).unwrap();
    assert_eq!(
        (stub.size, stub.magnet, stub.imdb.as_deref()),
        (7, None, Some("tt0000017"))
    );
}

#[test]
fn an_imdb_id_further_down_is_found_but_not_one_in_the_magnet() {
    let with = |rest: &str| {
        Stub::parse(format!("{URL}\n7\nmagnet:?dn=tt7777777\n{rest}").as_bytes())
            .unwrap()
            .imdb
    };
    assert_eq!(with(""), None);
    assert_eq!(
        with("\nid=tt12345678901x\n").as_deref(),
        Some("tt1234567890")
    );
    assert_eq!(with("\ntt123 tt1234567").as_deref(), Some("tt1234567"));
}

#[test]
fn json_keeps_the_keys_it_does_not_know_and_their_order() {
    let text = format!(
        r#" {{"zeta":[1],"url":"{URL}","size":5,"alpha":{{"b":1}},"imdb":"","magnet":null}}"#
    );
    let stub = Stub::parse(text.as_bytes()).unwrap();
    assert_eq!((&stub.imdb, &stub.magnet, stub.index), (&None, &None, 3));
    let written = String::from_utf8(stub.to_json_bytes().unwrap()).unwrap();
    let expected =
        format!(r#"{{"url":"{URL}","size":5,"magnet":"","imdb":"","zeta":[1],"alpha":{{"b":1}}}}"#);
    assert_eq!(written, expected + "\n");
}

#[test]
fn a_url_without_an_index_has_index_zero() {
    let stub =
        Stub::parse(format!("https://h/stream/x.mkv?play&link={HASH}\n9").as_bytes()).unwrap();
    assert_eq!((stub.index, stub.hash), (0, hash()));
}

#[test]
fn sizes_end_at_zero_and_two_to_the_53() {
    let lines = |size: &str| Stub::parse(format!("{URL}\n{size}\n\n").as_bytes());
    let json = |size: &str| Stub::parse(format!(r#"{{"url":"{URL}","size":{size}}}"#).as_bytes());
    for good in ["1", "9007199254740992"] {
        assert!(lines(good).is_ok() && json(good).is_ok(), "{good}");
    }
    for bad in [
        "0",
        "-1",
        "1.5",
        "9007199254740993",
        "99999999999999999999999",
        "\"7\"",
    ] {
        let place = |result: Result<Stub, StubError>| {
            let Err(StubError::BadSize { place, .. }) = result else {
                panic!("{bad}: {result:?}");
            };
            place
        };
        assert_eq!(place(lines(bad)), Place::Line(2));
        assert_eq!(place(json(bad)), Place::Key("size"));
    }
}

#[test]
fn errors_name_the_line_or_key() {
    let message = |text: &str| Stub::parse(text.as_bytes()).unwrap_err().to_string();
    assert!(message("").contains("line 1 is missing"));
    assert!(message(URL).contains("line 2 is missing"));
    assert!(message("ftp://x\n5").starts_with("line 1 "));
    assert!(message("http://x/stream?link=abc\n5").contains("40 hex digits"));
    assert!(
        message(&format!("http://x/stream?link={HASH}&index=99999999999\n5")).contains("index=")
    );
    assert!(message("{}").contains("key \"url\" is missing"));
    assert!(message(r#"{"url":7}"#).contains("key \"url\" must be a string"));
    assert!(message(&format!(r#"{{"url":"{URL}"}}"#)).contains("key \"size\" is missing"));
    assert!(message(&format!(r#"{{"url":"{URL}","size":1,"imdb":[]}}"#)).contains("key \"imdb\""));
    assert!(message("{\n\"url\": }").contains("line 2, column 8"));
}

#[test]
fn what_is_no_text_or_too_long_is_refused() {
    assert_eq!(
        Stub::parse(b"http\xff"),
        Err(StubError::NotText { offset: 4 })
    );
    let bytes = STUB_BYTES_MAX + 1;
    assert_eq!(
        Stub::parse(&vec![b'a'; bytes]),
        Err(StubError::TooLarge { bytes })
    );
}

#[test]
fn a_magnet_with_many_trackers_is_shortened_to_fit() {
    let trackers = "&tr=udp%3A%2F%2Ftracker.test%3A1".repeat(2000);
    let magnet = format!("magnet:?dn=x{trackers}&xt=urn:btih:{HASH}");
    let stub = Stub::new("http://h:1/", hash(), 1, 1, Some(magnet), None).unwrap();
    let short = stub.magnet.clone().unwrap();
    assert!(
        short.len() <= MAGNET_BYTES_MAX + 64 && short.ends_with(HASH) && short.contains("&tr=")
    );
    assert_eq!(Stub::parse(&stub.to_json_bytes().unwrap()).unwrap(), stub);
}

#[test]
fn a_base_that_would_be_read_back_differently_is_refused() {
    let make = |base: &str| Stub::new(base, hash(), 1, 1, None, None);
    assert!(make("127.0.0.1:8090").is_err());
    assert!(make(&format!("http://h/?link={}&x=", "a".repeat(40))).is_err());
    assert_eq!(
        make("http://h:8090/").unwrap().url,
        format!("http://h:8090/stream?link={HASH}&index=1&play")
    );
}

fn json_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        prop::collection::vec(any::<u32>(), 0..4).prop_map(Value::from),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        bytes: [u8; 20], index: u32, size in 1..=FILM_BYTES_MAX,
        magnet in prop::option::of("magnet:[!-~]{1,200}"), imdb in prop::option::of("tt[0-9]{7,10}"),
        extra in prop::collection::vec(("x[a-z]{0,8}", json_value()), 0..6),
    ) {
        let mut stub = Stub::new("http://127.0.0.1:8090", TorrentHash(bytes), index, size, magnet, imdb).unwrap();
        stub.extra = extra.into_iter().collect();
        prop_assert_eq!(&Stub::parse(&stub.to_json_bytes().unwrap()).unwrap(), &stub);

        // The line form of the same facts.
        let lines = format!("{}\n{size}\n{}\n{}\n", stub.url, stub.magnet.as_deref().unwrap_or(""),
            stub.imdb.as_deref().unwrap_or(""));
        stub.extra.clear();
        prop_assert_eq!(Stub::parse(lines.as_bytes()).unwrap(), stub);
    }

    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "\\PC{0,120}") {
        let _ = Stub::parse(&bytes);
        let _ = Stub::parse(text.as_bytes());
        let _ = Stub::parse(format!("{URL}\n{text}\n{text}\n{text}").as_bytes());
        let _ = Stub::parse(format!("{{\"url\":\"{URL}\",\"size\":3,{text}}}").as_bytes());
    }
}
