//! Documents of every kind, read and written to a database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use gostream_library::TorrentHash;
use gostream_store::{ListedTorrent, Store};

use super::found::Setting;
use super::node::Document;
use super::*;
use crate::config::{SettingsFile, Told};

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
    recognise::read(&document, found)
}

fn read(text: &str) -> Found {
    let mut found = Found::default();
    read_into(&mut found, text).unwrap();
    found
}

fn store() -> (tempfile::TempDir, Arc<Store>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("gostream.db")).unwrap();
    (folder, Arc::new(store))
}

fn save(store: &Arc<Store>, found: Found) -> Vec<String> {
    let reached = Reached::over(Arc::clone(store));
    save::all(&reached, Path::new("/srv/films"), found, false).unwrap()
}

/// What a config.json of this text says.
fn told(text: &str) -> (tempfile::TempDir, SettingsFile, Told) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, text).unwrap();
    let file = SettingsFile::new(path, Arc::new(|_| None));
    let told = file.told().unwrap();
    (folder, file, told)
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
    assert_eq!(list[1].title, "Only a name");
    assert!(list[1].added_at_unix > 1_700_000_000, "now");
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
    assert!(read("null").is_empty());
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

/// Settings that have a counterpart, all at values of their own.
const SETTINGS: &str = r#"{"BitTorr":{"CacheSize":1073741824,"ReaderReadAHead":95,"UseDisk":true,"ForceEncrypt":true,
    "RetrackersMode":3,"TorrentDisconnectTimeout":120,"DisableUPNP":true,"DisableDHT":true,"DisableUpload":true,
    "DisableUTP":true,"EnableDebug":true,"DownloadRateLimit":5000,"UploadRateLimit":100,"ConnectionsLimit":60,
    "PeersListenPort":6881,"BlockListURL":"http://lists.example/a.gz","FriendlyName":"tv","TMDBSettings":{"APIKey":"k"}}}"#;

#[test]
fn settings_become_one_change_that_our_config_takes_and_defaults_say_nothing() {
    let (_folder, file, told) = told("{}");
    let plan = Plan::of(&read(SETTINGS).settings, &told, false);
    // utp is off here already.
    assert_eq!(plan.changes.len(), 15, "{:?}", plan.changes);
    let lines = plan.lines(file.path(), false).join("\n");
    for words in [
        "settings for /",
        "  connections_per_torrent = 60 (ConnectionsLimit)",
        "ReaderReadAHead: windows follow",
        "FriendlyName: ",
        "settings that are so here already: 1",
    ] {
        assert!(lines.contains(words), "no {words:?} in {lines}");
    }
    assert!(!lines.contains("APIKey"), "a secret is printed: {lines}");
    let loaded = file.change(&plan.changes).unwrap();
    assert_eq!(loaded.ignored, []);
    assert_eq!(loaded.config.engine.read_ahead_budget.as_mib(), 1024);
    assert_eq!(loaded.config.engine.torrent_port, 6881);
    let again = Plan::of(&read(SETTINGS).settings, &file.told().unwrap(), false);
    assert!(again.changes.is_empty(), "{again:?}");

    let defaults = r#"{"CacheSize":67108864,"RetrackersMode":1,"DisableUTP":false,"UploadRateLimit":0,"ConnectionsLimit":25}"#;
    assert_eq!(read(defaults).settings, []);
    let large = read(r#"{"CacheSize":1,"ConnectionsLimit":9999999}"#).settings;
    assert!(
        large
            .iter()
            .all(|setting| matches!(setting, Setting::Nowhere { .. })),
        "{large:?}"
    );
}

#[test]
fn what_was_set_by_hand_stays_and_is_named_by_line_unless_it_is_forced() {
    let text = "{\n  // mine\n  \"connections_per_torrent\": 40,\n  \"dht\": false,\n  \"UploadRateLimit\": 7,\n  \
                \"log_level\": null\n}";
    let (_folder, file, told) = told(text);
    let plan = Plan::of(&read(SETTINGS).settings, &told, false);
    for key in ["connections_per_torrent", "dht", "upload_limit_kb"] {
        assert!(!plan.changes.contains_key(key), "{key}");
    }
    assert!(plan.changes.contains_key("log_level"), "null is not set");
    let lines = plan.lines(file.path(), true).join("\n");
    let place = file.path().display();
    for words in [
        "settings that would be written to",
        &format!("{place}:3:30: connections_per_torrent is 40, by ConnectionsLimit it would be 60"),
        &format!("{place}:5:22: upload_limit_kb is 7, by UploadRateLimit it would be 100"),
        "so here already: 2",
    ] {
        assert!(lines.contains(words), "no {words:?} in {lines}");
    }
    let forced = Plan::of(&read(SETTINGS).settings, &told, true);
    let loaded = file.change(&forced.changes).unwrap();
    assert_eq!(loaded.config.engine.connections_per_torrent, 60);
    let written = std::fs::read_to_string(file.path()).unwrap();
    assert!(written.contains("// mine"), "{written}");
}

#[test]
fn the_databases_of_torrserver_give_torrents_with_metadata_marks_and_settings() {
    let fixture = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gostream-library/tests/bolt");
        std::fs::read(folder.join(name)).unwrap()
    };
    let mut found = Found::default();
    database::read("config.db", &fixture("config.db"), &mut found).unwrap();
    assert_eq!(found.notes, Vec::<String>::new());
    assert_eq!(
        found.settings,
        [Setting::Here {
            theirs: "ConnectionsLimit".to_owned(),
            key: "connections_per_torrent",
            value: 60.into(),
        }]
    );
    let (_folder, store) = store();
    assert_eq!(
        save(&store, found),
        [
            "torrents: 2 imported, 0 were here already",
            "viewed marks: 1 imported, 0 were here already",
            "playback positions: 1 imported, 0 were here already",
        ]
    );
    let of = hash("5934fce4fdb33610535035f0e4baee96451ec57c");
    let record = store.torrents().get(&of).unwrap().unwrap();
    assert!(record.info_dict.is_some());
    assert_eq!(record.name, "Copper.Lanterns.mkv");
    assert_eq!(record.trackers.len(), 2);
    let list = store.listed().list().unwrap();
    let titles: Vec<&str> = list.iter().map(|one| one.title.as_str()).collect();
    assert_eq!(titles, ["Copper Lanterns (2031)", "Only a name"]);

    let mut found = Found::default();
    database::read("torrserver.db", &fixture("torrserver.db"), &mut found).unwrap();
    let old = &found.brought.torrents[0];
    assert_eq!(
        (old.title.as_str(), old.added_at_unix),
        ("Amber Lighthouse", 1_500_000_000)
    );
    assert_eq!(old.trackers, [["http://tracker.example/announce"]]);
}

#[test]
fn a_damaged_database_is_refused_and_a_single_bad_record_is_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gostream-library/tests/bolt");
    let whole = std::fs::read(folder.join("config.db")).unwrap();
    let mut found = Found::default();
    let error = database::read("config.db", &whole[..9000], &mut found).unwrap_err();
    assert!(error.starts_with("config.db: is damaged: page"), "{error}");
    let replace = |from: &[u8], to: &[u8]| {
        let at = whole.windows(from.len()).position(|part| part == from);
        let mut bytes = whole.clone();
        bytes[at.unwrap()..][..to.len()].copy_from_slice(to);
        bytes
    };
    let bytes = replace(b"\"Trackers\":null", b"\"Trackers\":1234");
    database::read("config.db", &bytes, &mut found).unwrap();
    assert_eq!(found.brought.torrents.len(), 1);
    let note = &found.notes[0];
    assert!(
        note.contains("left out: config.db: Torrents/1100") && note.contains("Trackers"),
        "{note}"
    );
    // An info dict that is not that of its hash.
    let mut found = Found::default();
    let bytes = replace(b"\"InfoBytes\":\"ZDY6", b"\"InfoBytes\":\"ZDc6");
    database::read("config.db", &bytes, &mut found).unwrap();
    assert_eq!(found.brought.torrents.len(), 2);
    assert!(
        found.notes[0].contains("is not its own"),
        "{:?}",
        found.notes
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
    let found = read(&text);
    let note = &found.notes[0];
    assert!(note.starts_with("1 titles of the blacklist"), "{note}");
    assert_eq!(
        save(&store, found),
        ["refused torrents: 2 imported, 0 were here already"]
    );
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
        ("tv_fullpacks.json", "{}"),
        ("letters.txt", ""),
    ] {
        std::fs::write(at(name), text).unwrap();
    }
    let mut found = Found::default();
    let documents = source::documents(from, &mut found).unwrap();
    assert_eq!(documents.len(), 1);
    assert_eq!(found.notes.len(), 1);
    assert!(
        found.notes[0].contains("tv_fullpacks.json"),
        "{:?}",
        found.notes
    );
    std::fs::write(at("config.db"), "bolt").unwrap();
    let error = source::documents(from, &mut Found::default());
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("config.db: is no database of bbolt"),
        "{error}"
    );
    std::fs::remove_file(at("config.db")).unwrap();
    std::fs::write(at("viewed.json"), [0xff, 0xfe]).unwrap();
    let error = source::documents(from, &mut Found::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("viewed.json") && error.contains("UTF-8"),
        "{error}"
    );
}
