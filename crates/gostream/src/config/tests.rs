//! Whole files and environments in, settings or exact messages out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::HashMap, ffi::OsString, fs, path::PathBuf, time::Duration};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{
    ByteSize, Config, ConfigError, Loaded, LogLevel, Sources, Values, defaults, document, keys,
    load,
};

/// A config.json and an environment.
struct Case {
    dir: TempDir,
    variables: HashMap<String, OsString>,
}

impl Case {
    fn new(text: impl AsRef<[u8]>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("config.json"), text).unwrap();
        Self {
            dir,
            variables: HashMap::new(),
        }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("config.json")
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        load(&Sources {
            file: Some(self.file()),
            variables: &|name| self.variables.get(name).cloned(),
            program: None,
            data_dir: None,
            may_be_missing: false,
        })
    }

    fn config(&self) -> Config {
        self.load().unwrap().config
    }

    /// The message, with the directory left out.
    fn refused(&self) -> String {
        let message = self.load().unwrap_err().to_string();
        message.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

#[test]
fn a_bad_value_is_refused_with_its_place_key_and_range() {
    let refused = Case::new("{\n  // budget\n  \"read_ahead_budget_mb\": \"many\"\n}").refused();
    assert_eq!(
        refused,
        "config.json:3:27: read_ahead_budget_mb: expected 10..=65536 (MiB), got \"many\""
    );
}

#[test]
fn bad_files_are_refused_with_exact_messages() {
    let cases: &[&str] = &[
        // Types and ranges.
        r#"{"read_ahead_budget_mb": 9}"#,
        r#"{"read_ahead_budget_mb": 65537}"#,
        r#"{"read_ahead_budget_mb": 25.5}"#,
        r#"{"read_ahead_budget_mb": -1}"#,
        r#"{"read_ahead_budget_mb": 99999999999999999999999}"#,
        r#"{"read_ahead_budget_mb": [1, 2]}"#,
        r#"{"torrent_port": 65536}"#,
        r#"{"torrent_port": {"tcp": 1}}"#,
        r#"{"attr_timeout_seconds": -0.5}"#,
        r#"{"attr_timeout_seconds": true}"#,
        r#"{"attr_timeout_seconds": 1e999}"#,
        r#"{"read_deadline_seconds": 0}"#,
        r#"{"log_level": "LOUD"}"#,
        r#"{"log_level": 3}"#,
        r#"{"gostorm_url": "127.0.0.1:8090"}"#,
        r#"{"gostorm_url": "ftp://host/"}"#,
        r#"{"fuse_mount_path": "/mnt/\u0000"}"#,
        r#"{"bind_interface": "10.2.0"}"#,
        r#"{"bind_interface": "0.0.0.0"}"#,
        r#"{"natpmp": true}"#,
        r#"{"natpmp": {"enabled": "yes"}}"#,
        r#"{"natpmp": {"gateway": "10.2.0"}}"#,
        r#"{"port_forwarding": "on"}"#,
        r#"{"language": {"preferred_terms": ["ita", 7]}}"#,
        r#"{"scheduler": {"movies_sync": 5}}"#,
        r#"{"media_server_type": "emby"}"#,
        // A secret is not repeated.
        r#"{"plex": {"token": 12345678}}"#,
        r#"{"tmdb_api_key": ["s3cret"]}"#,
        // A long value is cut.
        r#"{"log_level": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#,
        // Doubles, also where nobody looks otherwise.
        "{\"torrent_port\": 1,\n \"torrent_port\": 1}",
        "{\"mine\": {\"a\": 1,\n  \"a\": 2}}",
        "{\"quality_scoring\": {\"movies\": {\"x\": 1, \"x\": 2}}}",
        "{\"natpmp\": {\"refresh\": 5, \"refresh\": 6}}",
        // Several at once, in the order of the file.
        "{\n\"uid\": -1,\n\"gid\": \"x\",\n\"uid\": 5\n}",
        // Syntax.
        "",
        "// nothing but a comment",
        "[]",
        "7",
        "{",
        "{\"uid\": 1",
        "{\"uid\" 1}",
        "{\"uid\": }",
        "{uid: 1}",
        "{'uid': 1}",
        "{\"uid\": 0x10}",
        "{\"uid\": +1}",
        "{\"uid\": 1 \"gid\": 2}",
        "{\"uid\": 1} trailing",
        "{\"a\": \"not closed}",
        "{\"a\": \"bad \\q escape\"}",
        "{ /* not closed ",
        "{\"é\": \"ü\", \"uid\": x}",
    ];
    let mut table = String::new();
    for text in cases {
        table.push_str(&format!("{text}\n    → {}\n", Case::new(text).refused()));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_place() {
    let refused = Case::new(b"{\n \"\xc3\xa9\": \"\xff\"}").refused();
    assert_eq!(refused, "config.json:2:8: is not valid UTF-8");
}

#[test]
fn a_file_too_long_for_a_configuration_is_refused() {
    let mut text = "{".to_owned();
    text.push_str(&" ".repeat(1024 * 1024));
    let refused = Case::new(text).refused();
    assert!(
        refused.contains("is longer than 1048576 bytes"),
        "{refused}"
    );
}

#[test]
fn hostile_nesting_is_refused_and_not_followed() {
    let refused = Case::new("{\"a\":".repeat(100_000)).refused();
    assert!(refused.contains("nesting depth exceeded"), "{refused}");
}

#[test]
fn comments_trailing_commas_and_a_mark_of_utf8_are_allowed() {
    let text = "\u{feff}{ // a // b\n \"log_level\": \"debug\", /* \"uid\": 7, */\n \
                \"gostorm_url\": \"http://host//x\", // http://y\n}";
    let config = Case::new(text).config();
    assert_eq!(config.log_level, LogLevel::Debug);
    assert_eq!(config.web.gostorm_url, "http://host//x");
    assert_eq!(config.fs.uid, 1000);
}

#[test]
fn null_and_empty_text_mean_not_set() {
    let text = r#"{"uid": null, "natpmp": null, "log_level": "", "gostorm_url": "", "plex": {"token": null}}"#;
    assert_eq!(Case::new(text).config(), Config::default());
}

#[test]
fn the_settings_of_the_seed_are_accepted() {
    let text = r#"{
      // FUSE
      "physical_source_path": "/mnt/gostream-mkv-real",
      "fuse_mount_path": "/mnt/gostream-mkv-virtual",
      "master_concurrency_limit": 30, "read_ahead_budget_mb": 512, "metadata_cache_size_mb": 50,
      "write_buffer_size_kb": 64, "read_buffer_size_kb": 1024, "fuse_block_size_bytes": 4096,
      "streaming_threshold_kb": 128, "max_concurrent_streaming": 25, "log_level": "WARN",
      "attr_timeout_seconds": 2, "entry_timeout_seconds": 1.5, "negative_timeout_seconds": 0,
      "http_client_timeout_seconds": 30, "max_retry_attempts": 6, "retry_delay_ms": 500,
      "rescue_grace_period_seconds": 240, "rescue_cooldown_hours": 24, "preload_workers_count": 4,
      "preload_initial_delay_ms": 1000, "warm_start_idle_seconds": 6, "max_concurrent_prefetch": 3,
      "cache_cleanup_interval_min": 5, "max_cache_entries": 10000,
      "gostorm_url": "http://127.0.0.1:9000/", "proxy_listen_port": 8081, "metrics_port": 8097,
      "blocklist_url": "https://host/list.gz", "disk_warmup_quota_gb": 32, "warmup_head_size_mb": 64,
      "natpmp": {"enabled": true, "gateway": "10.2.0.1", "local_port": 8091, "vpn_interface": "wg0",
                 "lifetime": 60, "refresh": 45},
      "plex": {"url": "http://127.0.0.1:32400", "token": "t", "library_id": 1}, "tmdb_api_key": "k"
    }"#;
    let loaded = Case::new(text).load().unwrap();
    let config = &loaded.config;
    assert_eq!(
        config.directories.library,
        Some("/mnt/gostream-mkv-real".into())
    );
    assert_eq!(config.engine.wakes_at_a_time, 30);
    assert_eq!(config.engine.read_ahead_budget, ByteSize::mib(512));
    assert_eq!(config.fs.block_size, 4096);
    assert_eq!(config.fs.attr_timeout, Duration::from_secs(2));
    assert_eq!(config.fs.entry_timeout, Duration::from_millis(1500));
    assert_eq!(config.web.gostorm_url, "http://127.0.0.1:9000");
    assert_eq!(
        (config.web.proxy_port, config.web.metrics_port),
        (8081, 8097)
    );
    assert_eq!(config.log_level, LogLevel::Warn);
    let list = config.blocklist.url.as_ref().map(url::Url::as_str);
    assert_eq!(list, Some("https://host/list.gz"));
    assert!(!config.blocklist.enabled);
    assert!(loaded.ignored.iter().all(|ignored| ignored.known));
}

#[test]
fn the_settings_of_the_later_upstream_are_accepted() {
    let text = r#"{
      "metrics_port": 9080, "read_ahead_budget_mb": 256, "disk_warmup_quota_gb": 15,
      "blocklist_enabled": false, "plex": {"tv_library_id": 2}, "media_server_type": "jellyfin",
      "torrentio_url": "https://torrentio.strem.fun",
      "prowlarr": {"enabled": true, "api_key": "k", "url": "http://host:9696"},
      "scheduler": {"enabled": true,
        "movies_sync": {"enabled": true, "days_of_week": [1, 4], "hour": 3, "minute": 0},
        "tv_sync": {"enabled": true, "days_of_week": [3, 5], "hour": 4, "minute": 0},
        "watchlist_sync": {"enabled": true, "interval_hours": 1}},
      "language": {"preferred_terms": ["ita"], "preferred_flags": ["IT"], "excluded_flags": []},
      "quality_scoring": {"movies": {"resolution_4k": 100}, "tv": {}},
      "ai_url": "http://host", "enable_state_db": true
    }"#;
    let loaded = Case::new(text).load().unwrap();
    assert_eq!(loaded.config.web.metrics_port, 9080);
    let unknown = loaded.ignored.iter().filter(|ignored| !ignored.known);
    let unknown: Vec<&str> = unknown.map(|ignored| ignored.key.as_str()).collect();
    assert_eq!(unknown, ["ai_url", "enable_state_db"]);
}

#[test]
fn an_older_name_counts_only_without_the_newer_one() {
    let url = |text: &str| Case::new(text).config().web.gostorm_url;
    assert_eq!(url(r#"{"torrserver_url": "http://old"}"#), "http://old");
    assert_eq!(
        url(r#"{"gostorm_url": "", "torrserver_url": "http://old"}"#),
        "http://old"
    );
    for text in [
        r#"{"gostorm_url": "http://new", "torrserver_url": "http://old"}"#,
        r#"{"torrserver_url": "http://old", "gostorm_url": "http://new"}"#,
    ] {
        assert_eq!(url(text), "http://new");
    }
    let sleep = Case::new(r#"{"TorrentDisconnectTimeout": 30}"#).config();
    assert_eq!(sleep.engine.disconnect_timeout, Duration::from_secs(30));
}

#[test]
fn a_mistyped_key_is_kept_and_gets_a_hint() {
    let loaded = Case::new("{\n  \"torrent_prot\": 1,\n  \"mine\": 2\n}")
        .load()
        .unwrap();
    let ignored = |i: usize| {
        let ignored = &loaded.ignored[i];
        format!("{} {} {:?}", ignored.at, ignored.key, ignored.meant)
    };
    assert_eq!(ignored(0), "2:3 torrent_prot Some(\"torrent_port\")");
    assert_eq!(ignored(1), "3:3 mine None");
}

#[test]
fn a_dot_in_a_name_reaches_no_member() {
    let loaded = Case::new(r#"{"natpmp.enabled": "whatever"}"#)
        .load()
        .unwrap();
    assert_eq!(loaded.ignored.len(), 1);
    assert!(!loaded.ignored[0].known);
}

#[test]
fn the_environment_wins_over_the_file() {
    let config = Case::new(r#"{"read_ahead_budget_mb": 100, "uid": 1, "gid": 2}"#)
        .with("MKV_PROXY_READ_AHEAD_BUDGET", "1G")
        .with("MKV_PROXY_CONCURRENCY", "7")
        .with("MKV_PROXY_GOSTORM_URL", "http://env:1")
        .with("MKV_PROXY_LOG_LEVEL", "error")
        .with("MKV_PROXY_UID", "33")
        .with("MKV_PROXY_GID", "")
        .config();
    assert_eq!(config.engine.read_ahead_budget, ByteSize::mib(1024));
    assert_eq!(config.engine.wakes_at_a_time, 7);
    assert_eq!(config.web.gostorm_url, "http://env:1");
    assert_eq!(config.log_level, LogLevel::Error);
    assert_eq!((config.fs.uid, config.fs.gid), (33, 2));
}

#[test]
fn a_bad_variable_is_refused_by_its_name() {
    let mut refused = Case::new("{\"uid\": \"x\"}");
    for (name, value) in [
        ("MKV_PROXY_READ_AHEAD_BUDGET", "lots"),
        ("MKV_PROXY_CONCURRENCY", "0"),
        ("MKV_PROXY_GOSTORM_URL", "localhost"),
        ("MKV_PROXY_LOG_LEVEL", "chatty"),
        ("MKV_PROXY_UID", "-1"),
        ("MKV_PROXY_GID", "4294967296"),
    ] {
        refused = refused.with(name, value);
    }
    insta::assert_snapshot!(refused.refused());
    let small = Case::new("{}").with("MKV_PROXY_READ_AHEAD_BUDGET", "5M");
    assert_eq!(
        small.refused(),
        "MKV_PROXY_READ_AHEAD_BUDGET: expected 10..=65536 (MiB), got \"5M\"; write bytes, or 512M, or 2G"
    );
}

#[test]
fn a_variable_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let mut case = Case::new("{}");
    let bytes = OsString::from_vec(vec![0xff]);
    case.variables.insert("MKV_PROXY_UID".to_owned(), bytes);
    assert_eq!(case.refused(), "MKV_PROXY_UID: is not valid UTF-8");
}

#[test]
fn a_named_file_must_exist_and_an_unnamed_one_need_not() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none.json");
    let named = Sources {
        file: Some(missing.clone()),
        variables: &|_| None,
        program: None,
        data_dir: None,
        may_be_missing: false,
    };
    let message = load(&named).unwrap_err().to_string();
    assert!(
        message.ends_with("no such file (named by --config)"),
        "{message}"
    );

    let by_variable = Sources {
        file: None,
        variables: &|name| (name == "MKV_PROXY_CONFIG_PATH").then(|| missing.clone().into()),
        program: None,
        data_dir: None,
        may_be_missing: false,
    };
    let message = load(&by_variable).unwrap_err().to_string();
    assert!(message.contains("MKV_PROXY_CONFIG_PATH"), "{message}");

    let unnamed = Sources {
        file: None,
        variables: &|_| None,
        program: Some(dir.path().join("gostream")),
        data_dir: None,
        may_be_missing: false,
    };
    let loaded = load(&unnamed).unwrap();
    assert_eq!((loaded.config, loaded.file), (Config::default(), None));
}

#[test]
fn the_file_beside_the_program_is_found_and_a_named_one_wins() {
    let beside = Case::new(r#"{"uid": 1}"#);
    let other = Case::new(r#"{"uid": 2}"#);
    let uid = |file: Option<PathBuf>, variable: Option<PathBuf>| {
        let loaded = load(&Sources {
            file,
            variables: &|name| {
                (name == "MKV_PROXY_CONFIG_PATH").then(|| variable.clone().map(OsString::from))?
            },
            program: Some(beside.dir.path().join("gostream")),
            data_dir: None,
            may_be_missing: false,
        });
        loaded.unwrap().config.fs.uid
    };
    assert_eq!(uid(None, None), 1);
    assert_eq!(uid(None, Some(other.file())), 2);
    assert_eq!(uid(Some(beside.file()), Some(other.file())), 1);
}

#[test]
fn the_printed_reference_is_a_file_that_changes_nothing() {
    let text = defaults();
    let mut values = Values::default();
    let unused = document::read(&text, &mut values).unwrap();
    assert_eq!(values, Values::default());
    assert!(unused.iter().all(|unused| unused.known));
    let without_effect = keys::all().filter(|key| !key.kind.has_effect()).count();
    assert_eq!(unused.len(), without_effect);
}

/// Text that is nearly a configuration: the printed reference with a piece
/// cut out and something else put in.
fn nearly_a_configuration() -> impl Strategy<Value = String> {
    let text = defaults();
    let len = text.len();
    (
        0..len,
        0..40_usize,
        "\\PC{0,12}|[\\[\\]{}\",:/*\\\\u0-9e.+-]{0,12}",
    )
        .prop_map(move |(start, cut, put)| {
            let start = text.floor_char_boundary(start);
            let end = text.floor_char_boundary(len.min(start + cut)).max(start);
            format!("{}{put}{}", &text[..start], &text[end..])
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_upsets_the_reader(text in "\\PC{0,80}|[\\[\\]{}\",:/*\\\\u0-9e.+\\r\\n -]{0,80}") {
        let _ = document::read(&text, &mut Values::default());
    }

    #[test]
    fn a_mistake_lies_within_the_text(text in nearly_a_configuration()) {
        if let Err(mistakes) = document::read(&text, &mut Values::default()) {
            prop_assert!(!mistakes.is_empty());
            for mistake in mistakes {
                let line = text.split('\n').nth(mistake.at.line - 1);
                let columns = line.map_or(0, |line| line.chars().count());
                prop_assert!(line.is_some() && mistake.at.column <= columns + 1, "{mistake:?}");
            }
        }
    }
}
