//! The metrics port of the built program: its figures, its health, and the restart.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::http::{Answer, request};
use crate::harness::server::{Place, Server};
use crate::harness::swarm::SharedFilm;
use crate::harness::{cli, free_port, python, tool, wait};

const LIMIT: Duration = Duration::from_secs(30);

fn get(port: u16, path: &str) -> Answer {
    request(port, "GET", path, &[], b"").unwrap_or_else(|| panic!("no answer to GET {path}"))
}

fn json(port: u16, path: &str) -> Value {
    let answer = get(port, path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Prometheus text, read strictly: every sample belongs to a family that was announced, and none is there twice.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut kinds = BTreeMap::new();
    let mut found = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(
                kinds.insert(name, kind).is_none(),
                "{name} is announced twice"
            );
        } else if line.strip_prefix("# HELP ").is_none() {
            let (series, number) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|part| name.strip_suffix(part))
                .find(|stem| kinds.get(stem) == Some(&"histogram"))
                .unwrap_or(name);
            assert!(kinds.contains_key(family), "{line}: no TYPE");
            let number = number.parse().unwrap();
            assert!(
                found.insert(series.to_owned(), number).is_none(),
                "{line}: twice"
            );
        }
    }
    found
}

#[test]
fn figures_follow_what_is_read_and_only_grow() {
    let film = SharedFilm::start();
    let port = free_port();
    let server = Server::start(json!({"metrics_port": port}));
    let shown = server.add(&film.magnet());
    let before = samples(&get(port, "/metrics/prometheus").body);
    assert_eq!(before["gostream_library_films"], 1.0);
    assert_eq!(before["gostream_mounted"], 1.0);
    let length = fs::read(&shown[0]).unwrap().len();
    let after = samples(&get(port, "/metrics/prometheus").body);
    #[expect(clippy::cast_precision_loss, reason = "a small film")]
    let length = length as f64;
    assert!(after["gostream_fs_read_bytes_total"] >= length);
    assert!(after["gostream_downloaded_bytes_total"] >= length);
    assert!(after["gostream_read_duration_seconds_count{origin=\"swarm\"}"] >= 1.0);
    assert_eq!(after["gostream_first_read_duration_seconds_count"], 1.0);
    assert!(after["gostream_peers"] >= 1.0 && after["process_resident_memory_bytes"] > 1e6);
    assert_eq!(
        after["gostream_http_responses_total{port=\"metrics\",code=\"5xx\"}"],
        0.0
    );
    for (series, number) in &before {
        if series.contains("_total") {
            assert!(after[series] >= *number, "{series} shrank");
        }
    }
    let figures = json(port, "/metrics");
    assert_eq!(figures["version"], env!("CARGO_PKG_VERSION"));
    assert!(figures["uptime"].as_str().unwrap().ends_with('s'));
    assert_eq!(
        figures["config_source"],
        server.place.config.to_str().unwrap()
    );
    assert_eq!(figures["cache_entries"], 1);
    assert_eq!(figures["read_ahead_budget"], 268_435_456);
    assert!(figures["read_ahead_total_bytes"].as_u64().unwrap() > 0);
    assert!(figures["read_ahead_percent"].is_f64());
    for key in [
        "cache_size_mb",
        "cleanup_hashes",
        "cleanup_offsets",
        "cleanup_activities",
        "locks_total",
        "master_concurrency_limit",
        "negative_cache_entries",
        "fullpack_cache_entries",
        "streaming_threshold_kb",
        "config_preload_workers",
        "max_conns_per_host",
        "read_ahead_active_bytes",
        "read_ahead_stale_bytes",
        "read_ahead_entries",
        "read_ahead_active_percent",
        "read_ahead_stale_percent",
        "natpmp_port",
    ] {
        assert!(figures[key].is_number(), "{key}");
    }
    let profiling = json(port, "/metrics/profiling");
    assert!(profiling["http_fetches"].as_u64().unwrap() > 0);
    let ttff = json(port, "/metrics/ttff");
    assert_eq!(ttff["first_read_seconds"]["count"], 1);
}

#[test]
fn prometheus_gets_text_that_its_own_client_reads_and_others_get_json() {
    let port = free_port();
    let _server = Server::start(json!({"metrics_port": port}));
    let asked =
        |accept: &str| request(port, "GET", "/metrics", &[("Accept", accept)], b"").unwrap();
    let scraper =
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
    assert!(asked(scraper).body.starts_with("# HELP "));
    assert!(
        asked("text/plain")
            .header("Content-Type")
            .unwrap()
            .contains("0.0.4")
    );
    assert!(asked("*/*").body.starts_with('{'));
    assert!(asked("application/json, text/plain").body.starts_with('{'));
    let text = get(port, "/metrics?format=prometheus").body;
    let mut reader = Command::new(python());
    reader.arg(tool("read_metrics.py"));
    let mut reader = reader
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    reader
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success());
    let families: Value = serde_json::from_slice(&output.stdout).unwrap();
    let families = families.as_object().unwrap();
    assert!(families.len() > 50, "{} families", families.len());
    for (name, family) in families {
        assert_ne!(family["kind"], "unknown", "{name}");
        assert_ne!(family["help"], "", "{name}");
    }
    assert_eq!(
        families["gostream_read_duration_seconds"]["kind"],
        "histogram"
    );
}

#[test]
fn health_names_the_part_that_is_not_well() {
    let port = free_port();
    let server = Server::start(json!({"metrics_port": port}));
    assert_eq!(json(port, "/ready"), json!({"ready": true}));
    let health = json(port, "/health");
    assert_eq!(health["status"], "healthy");
    let names: Vec<_> = health["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["name"].clone())
        .collect();
    assert_eq!(names, ["mount", "engine", "database", "library"]);
    let library = server.place.library();
    let away = library.with_extension("away");
    fs::rename(&library, &away).unwrap();
    wait::until("the missing library is told", LIMIT, || {
        let answer = get(port, "/health");
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        let check = &body["checks"][3];
        (answer.status == 503 && body["status"] == "unhealthy" && check["ok"] == false)
            .then_some(())
    });
    fs::rename(&away, &library).unwrap();
    wait::until("it is well again", LIMIT, || {
        (get(port, "/health").status == 200).then_some(())
    });
}

#[test]
fn other_paths_and_methods_are_refused() {
    let port = free_port();
    let _server = Server::start(json!({"metrics_port": port}));
    for (method, path, status) in [
        ("GET", "/nothing", 404),
        ("GET", "/debug/pprof/profile?seconds=500", 400),
        ("GET", "/debug/pprof/heap", 404),
        ("POST", "/debug/pprof/profile", 405),
        ("POST", "/metrics", 405),
        ("GET", "/api/restart", 405),
        ("GET", "/webhook", 405),
        ("PUT", "/plex/webhook", 405),
        ("DELETE", "/health", 405),
    ] {
        let answer = request(port, method, path, &[], b"").unwrap();
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(answer.body.starts_with("{\"error\":"), "{method} {path}");
    }
}

#[test]
fn a_restart_ends_the_process_in_order_and_a_page_elsewhere_cannot_ask_for_it() {
    let port = free_port();
    let mut server = Server::start(json!({"metrics_port": port}));
    let restart = |headers: &[(&str, &str)]| request(port, "POST", "/api/restart", headers, b"");
    let page = [
        ("Origin", "http://evil.example"),
        ("Sec-Fetch-Site", "cross-site"),
    ];
    assert_eq!(restart(&page).unwrap().status, 403);
    assert!(!server.ended());
    let answer = restart(&[]).unwrap();
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "{\"ok\":true}")
    );
    wait::until("the process ends", LIMIT, || server.ended().then_some(()));
    let (status, after) = server.stop();
    assert!(status.success() && !after.still_mounted);
}

#[test]
fn a_taken_port_is_named_and_the_remedy_with_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let place = Place::new(json!({"metrics_port": port, "listen": ["loopback"]}));
    let mut serve = cli::binary();
    serve.arg("--config").arg(&place.config);
    serve.arg("--data-dir").arg(&place.data_dir).arg("serve");
    let finished = cli::finish(&mut serve, LIMIT);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.err.contains(&format!("port {port}")),
        "{}",
        finished.err
    );
    assert!(finished.err.contains("metrics_port"), "{}", finished.err);
}

#[test]
fn the_settings_are_shown_to_all_and_changed_by_no_page_of_another_origin() {
    let port = free_port();
    let _server = Server::start(json!({"metrics_port": port}));
    assert_eq!(json(port, "/api/config")["metrics_port"], port);
    let body = br#"{"disconnect_timeout_seconds": 7}"#;
    let change = |headers: &[(&str, &str)]| {
        request(port, "POST", "/api/config", headers, body)
            .unwrap()
            .status
    };
    assert_eq!(change(&[("Origin", "http://evil.example")]), 403);
    assert_eq!(change(&[]), 200);
    assert_eq!(json(port, "/api/config")["disconnect_timeout_seconds"], 7.0);
}
