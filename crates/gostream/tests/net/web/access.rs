//! Who may do what: guesses at the login, and commands from elsewhere.

use std::io::Write;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::{Stand, post, status};
use crate::harness::{http, wire};

fn login() -> Value {
    json!({"web_user": "ann", "web_password": "right horse", "web_token": "t0ken", "webhook_key": "k3y"})
}

#[test]
fn who_guesses_at_the_login_is_locked_out_of_all_ports_and_nobody_else_is() {
    let stand = Stand::of_short_film(&login());
    let guess = |port: u16, path: &str, given: &str| {
        http::request(port, "GET", path, &[("Authorization", given)], b"").unwrap()
    };
    let all = [
        (stand.api, "/api/v1/status"),
        (stand.api, "/stat"),
        (stand.proxy, "/"),
        (stand.metrics, "/ready"),
    ];
    // A program with an old password locks nobody out.
    for _ in 0..50 {
        assert_eq!(guess(stand.metrics, "/ready", "Bearer stale").status, 401);
    }
    assert_eq!(guess(stand.metrics, "/ready", "Bearer t0ken").status, 200);
    for number in 0..8 {
        let (port, path) = all[number % all.len()];
        assert_eq!(
            guess(port, path, &format!("Bearer guess{number}")).status,
            401,
            "{path}"
        );
    }
    let key = |key: &str| {
        post(
            stand.metrics,
            &format!("/webhook?key={key}"),
            &[("Authorization", "Bearer t0ken")],
            &json!({}),
        )
    };
    assert_eq!(key("k3y").status, 200);
    assert_eq!(key("guess").status, 403);
    for (port, path) in all {
        for given in ["Bearer guess", "Bearer t0ken"] {
            let answer = guess(port, path, given);
            assert_eq!(answer.status, 429, "{path}");
            let again: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=300).contains(&again), "{again}");
        }
        assert_eq!(
            http::request(port, "GET", path, &[], b"").unwrap().status,
            401
        );
        let mut other = wire::connect_from(Ipv4Addr::new(127, 0, 0, 9), port);
        write!(other, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer t0ken\r\n\r\n").unwrap();
        assert_eq!(status(&wire::heard(&mut other)), 200, "{path}");
    }
    let log = stand.server.log();
    assert_eq!(log.matches("a wrong login").count(), 1, "{log}");
    assert!(log.contains("127.0.0.1"), "{log}");
    for secret in ["guess", "stale", "t0ken", "right horse", "k3y"] {
        let told = log.lines().filter(|line| line.contains("login"));
        assert!(told.clone().all(|line| !line.contains(secret)), "{log}");
    }
}

#[test]
fn settings_are_changed_from_here_or_with_the_login_at_every_port() {
    let stand = Stand::of_short_film(&json!({}));
    // As a proxy on this machine passes on what somebody elsewhere asks.
    let elsewhere = ("X-Forwarded-For", "192.168.1.9");
    let change = json!({"disconnect_timeout_seconds": 7}).to_string();
    let sets = json!({"action": "set", "sets": {"TorrentDisconnectTimeout": 7}}).to_string();
    let commands = [
        (stand.api, "PATCH", "/api/v1/settings", change.as_str()),
        (stand.api, "POST", "/settings", &sets),
        (stand.api, "POST", "/settings", r#"{"action":"def"}"#),
        (stand.metrics, "POST", "/api/config", &change),
        (stand.metrics, "POST", "/api/restart", ""),
    ];
    for (port, method, path, body) in commands {
        let answer = http::request(port, method, path, &[elsewhere], body.as_bytes()).unwrap();
        assert_eq!(answer.status, 403, "{path}");
    }
    let look = |port, method, path, body: &str| {
        http::request(port, method, path, &[elsewhere], body.as_bytes()).unwrap()
    };
    let timeout = || {
        let config = look(stand.metrics, "GET", "/api/config", "").body;
        serde_json::from_str::<Value>(&config).unwrap()["disconnect_timeout_seconds"].clone()
    };
    assert_eq!(timeout(), 2.0);
    assert_eq!(look(stand.api, "GET", "/api/v1/settings", "").status, 200);
    assert_eq!(
        look(stand.api, "POST", "/settings", r#"{"action":"get"}"#).status,
        200
    );
    assert_eq!(
        look(stand.api, "POST", "/torrents", r#"{"action":"list"}"#).status,
        200
    );
    for (port, method, path, body) in &commands[..2] {
        let here = http::request(*port, method, path, &[], body.as_bytes()).unwrap();
        assert_eq!(here.status, 200, "{path}: {}", here.body);
    }
    assert_eq!(timeout(), 7.0);
    stand
        .server
        .place
        .run(&["config", "set", "web_token", "t0ken"])
        .success();
    let known = [elsewhere, ("Authorization", "Bearer t0ken")];
    for (port, method, path, _) in &commands[..4] {
        let body = if path.contains("/settings") && *method == "POST" {
            &sets
        } else {
            &change
        };
        let answer = http::request(*port, method, path, &known, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
    let told = stand
        .server
        .log()
        .matches("may not change settings without a login")
        .count();
    assert_eq!(told, 1);
}
