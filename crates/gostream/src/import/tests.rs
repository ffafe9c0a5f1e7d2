//! Documents of every kind, read and written to a database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use gostream_library::TorrentHash;
use gostream_store::ListedTorrent;

use super::found::Setting;
use super::node::Document;
use super::*;

const A: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c";
const B: &str = "00112233445566778899AABBCCDDEEFF00112233";

fn hash(text: &str) -> TorrentHash {
    text.parse().unwrap()
}

fn read_into(found: &mut Found, text: &str) -> Result<(), String> {
    let document = Document {
        name: "file.json".to_owned(),
        text: text.to_owned(),
    };
    recognise::read(&document, 77, found)
}

fn read(text: &str) -> Found {
    let mut found = Found::default();
    read_into(&mut found, text).unwrap();
    found
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("gostream.db")).unwrap();
    (folder, store)
}

fn save(store: &Store, found: Found) -> Vec<String> {
    save::all(store, Path::new("/srv/films"), found).unwrap()
}

#[test]
fn a_list_of_torrents_is_listed_once_and_what_is_here_stays() {
    let text = format!(
        r#"[{{"title":"Copper Lanterns (2031)","category":"movie","poster":"http://p/1.jpg","timestamp":1900000000,
             "name":"Copper.Lanterns","hash":"{A}","stat":5,"stat_string":"Torrent in db","data":"{{\"TorrServer\":{{}}}}",
             "torrent_size":21474836480,"file_stats":[{{"id":1,"path":"a.mkv","length":3}}]}},
            {{"title":"","name":"Only a name","hash":"{B}","poster":null,"is_priority":false}}]"#
    );
    let (_folder, store) = store();
    assert_eq!(
        save(&store, read(&text)),
        ["torrents: 2 imported, 0 were here already"]
    );
    let list = store.listed().list().unwrap();
    assert_eq!(list[0].hash, hash(A));
    assert_eq!(
        (list[0].title.as_str(), list[0].category.as_str()),
        ("Copper Lanterns (2031)", "movie")
    );
    assert_eq!(
        (list[0].data.as_str(), list[0].added_at_unix),
        (r#"{"TorrServer":{}}"#, 1_900_000_000)
    );
    assert_eq!(
        (list[1].title.as_str(), list[1].added_at_unix),
        ("Only a name", 77)
    );
    assert!(store.torrents().get(&hash(B)).unwrap().is_some());

    let mine = ListedTorrent {
        title: "mine".to_owned(),
        ..list[0].clone()
    };
    store.listed().put(mine).unwrap();
    assert_eq!(
        save(&store, read(&text)),
        ["torrents: 0 imported, 2 were here already"]
    );
    assert_eq!(store.listed().get(&hash(A)).unwrap().unwrap().title, "mine");
    assert_eq!(save(&store, read("null")), ["there was nothing to import"]);
}

#[test]
fn viewed_marks_are_read_in_all_four_forms() {
    let answer = format!(
        r#"[{{"hash":"{A}","file_index":3,"timecode":61.5,"offset":1000}},{{"hash":"{A}","file_index":4,"timecode":0}}]"#
    );
    let file =
        format!(r#"{{"{B}":{{"1":{{}},"2":12.25,"10":{{"tc":3.5,"off":99,"len":100,"dur":7}}}}}}"#);
    let mut found = read(&answer);
    read_into(&mut found, &file).unwrap();
    let (_folder, store) = store();
    let said = save(&store, found);
    assert_eq!(
        said,
        [
            "viewed marks: 5 imported, 0 were here already",
            "playback positions: 2 imported, 0 were here already",
        ]
    );
    let marks = |of: &str| -> Vec<(u32, f64)> {
        let marks = store.viewed().of(&hash(of)).unwrap();
        marks
            .iter()
            .map(|mark| (mark.file_index, mark.timecode_seconds))
            .collect()
    };
    assert_eq!(marks(A), [(3, 61.5), (4, 0.0)]);
    assert_eq!(marks(B), [(1, 0.0), (2, 12.25), (10, 3.5)]);
    let position = store.positions().get(&hash(B), 10).unwrap().unwrap();
    assert_eq!((position.offset_bytes, position.seconds), (99, Some(3.5)));
    assert!(save(&store, read(&answer))[0].contains("0 imported, 2 were here"));
}

#[test]
fn settings_become_lines_that_our_config_takes_and_defaults_say_nothing() {
    let text = r#"{"BitTorr":{"CacheSize":1073741824,"ReaderReadAHead":95,"UseDisk":true,"ForceEncrypt":true,
        "RetrackersMode":3,"TorrentDisconnectTimeout":120,"DisableUPNP":true,"DisableDHT":true,"DisableUpload":true,
        "DisableUTP":true,"EnableDebug":true,"DownloadRateLimit":5000,"UploadRateLimit":100,"ConnectionsLimit":60,
        "PeersListenPort":6881,"BlockListURL":"http://lists.example/a.gz","FriendlyName":"tv","TMDBSettings":{"APIKey":"k"}}}"#;
    let settings = read(text).settings;
    let here: Vec<String> = settings
        .iter()
        .filter_map(|setting| match setting {
            Setting::Here(key, value) => Some(format!("\"{key}\": {value}")),
            Setting::Nowhere(..) => None,
        })
        .collect();
    assert_eq!(here.len(), 16, "{here:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    std::fs::write(&file, format!("{{{}}}", here.join(","))).unwrap();
    let sources = crate::config::Sources {
        file: Some(file),
        variables: &|_| None,
        program: None,
        data_dir: None,
        may_be_missing: false,
    };
    let loaded = crate::config::load(&sources).unwrap();
    assert_eq!(loaded.ignored, []);
    assert_eq!(loaded.config.engine.read_ahead_budget.as_mib(), 1024);
    assert_eq!(loaded.config.engine.torrent_port, 6881);
    let lines = settings::lines(&settings).join("\n");
    for words in [
        "  \"connections_per_torrent\": 60,",
        "ReaderReadAHead: windows follow",
        "FriendlyName: ",
    ] {
        assert!(lines.contains(words), "no {words:?} in {lines}");
    }
    assert!(!lines.contains("APIKey"), "a secret is printed: {lines}");

    let defaults = r#"{"CacheSize":67108864,"RetrackersMode":1,"DisableUTP":false,"UploadRateLimit":0,"ConnectionsLimit":25}"#;
    assert_eq!(read(defaults).settings, []);
    let large = read(r#"{"CacheSize":1,"ConnectionsLimit":9999999}"#).settings;
    assert!(
        large
            .iter()
            .all(|setting| matches!(setting, Setting::Nowhere(..))),
        "{large:?}"
    );
}

#[test]
fn every_setting_of_theirs_leads_to_a_key_that_there_is_and_a_value_that_it_takes() {
    use gostream_http::btsets::{Meaning, TABLE};
    let known = |name: &str| crate::config::keys::find(name).is_some();
    assert!(
        gostream_http::btsets::defaults()
            .keys()
            .all(|key| known(key))
    );
    for row in TABLE {
        let Meaning::Flag(sides) = &row.meaning else {
            continue;
        };
        for (key, word) in sides
            .iter()
            .flat_map(|side| [(side.key, side.on), (side.key, side.off)])
        {
            let file = serde_json::json!({key: word.value()}).to_string();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("config.json");
            std::fs::write(&path, file).unwrap();
            let sources = crate::config::Sources {
                file: Some(path),
                variables: &|_| None,
                program: None,
                data_dir: None,
                may_be_missing: false,
            };
            assert_eq!(crate::config::load(&sources).unwrap().ignored, [], "{key}");
        }
    }
}

#[test]
fn a_blacklist_refuses_torrents_and_not_the_folder_of_films() {
    let text = format!(
        r#"{{"hashes":{{"{A}":"Amber Lighthouse","{B}":"Other.Film.2030.1080p"}},"titles":["amberlighthouse","movies","lonely"]}}"#
    );
    let (_folder, store) = store();
    let said = save(&store, read(&text));
    assert_eq!(said[0], "refused torrents: 2 imported, 0 were here already");
    assert!(said[1].starts_with("1 titles of the blacklist"), "{said:?}");
    let refused = store.refusals().list().unwrap();
    let title = |of: &str| {
        refused
            .iter()
            .find(|one| one.hash == hash(of))
            .unwrap()
            .title
            .clone()
    };
    assert_eq!(title(A).as_deref(), Some("amberlighthouse"));
    assert_eq!(title(B), None);
}

#[test]
fn a_mistake_is_named_with_file_line_column_and_key() {
    for (text, said) in [
        ("", "file.json: is empty"),
        (
            "[\n{\"hash\": 7}]",
            "file.json:2:10: 0.hash: expected a text",
        ),
        (
            "[\n  {\"title\": \"x\"}]",
            "file.json:2:3: 0: there is no hash",
        ),
        (
            "[{\"hash\":\"xyz\"}]",
            "file.json:1:10: 0.hash: not a torrent hash",
        ),
        ("[7]", "file.json:1:2: 0: expected a torrent"),
        ("{\"what\": 1}", "file.json:1:1: is none of the files"),
        (
            "{\"BitTorr\":\n{\"CacheSize\":\"big\"}}",
            "file.json:2:14: BitTorr.CacheSize: expected a whole number",
        ),
        (
            "{\"hashes\":[]}",
            "file.json:1:11: hashes: expected an object",
        ),
        (
            "{\"titles\":[\"a\", 2]}",
            "file.json:1:17: titles.1: expected a text",
        ),
        (
            "[{\"hash\":\"0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c\",\"file_index\":4294967296}]",
            "file_index: no torrent has a file of that number",
        ),
        (
            "{\"0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c\":{\"one\":{}}}",
            "expected the number of a file",
        ),
        ("[{\"hash\":", "file.json:1:"),
        ("nonsense", "file.json:1:1: "),
    ] {
        let error = read_into(&mut Found::default(), text).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
    let deep = "[".repeat(100_000);
    assert!(read_into(&mut Found::default(), &deep).is_err());
}

#[test]
fn a_folder_gives_what_is_known_in_it_and_names_what_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let from = folder.path().to_str().unwrap();
    let error = source::documents(from, &mut Found::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("nothing to import") && error.contains("viewed.json"),
        "{error}"
    );
    for (name, text) in [
        ("viewed.json", "{}"),
        ("config.db", "bolt"),
        ("tv_fullpacks.json", "{}"),
        ("letters.txt", ""),
    ] {
        std::fs::write(at(name), text).unwrap();
    }
    let mut found = Found::default();
    let documents = source::documents(from, &mut found).unwrap();
    assert_eq!(documents.len(), 1);
    assert_eq!(found.notes.len(), 2);
    assert!(
        found.notes[0].contains("config.db") && found.notes[0].contains("gostream import http://")
    );
    assert!(
        found.notes[1].contains("tv_fullpacks.json"),
        "{:?}",
        found.notes
    );
    let error = source::documents(at("config.db").to_str().unwrap(), &mut Found::default());
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("start that TorrServer")
    );
    std::fs::write(at("viewed.json"), [0xff, 0xfe]).unwrap();
    let error = source::documents(from, &mut Found::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("viewed.json") && error.contains("UTF-8"),
        "{error}"
    );
}
