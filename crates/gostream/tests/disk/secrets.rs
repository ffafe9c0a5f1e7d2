//! No secret of the user is written anywhere: not in the log, whatever its level, and not by the web ports.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::http::{Answer, request};
use crate::harness::server::{Place, Server};
use crate::harness::wait::until;
use crate::harness::{free_port, workspace};

const LIMIT: Duration = Duration::from_secs(60);

/// Sends the standard error to a file.
const TO_A_FILE: &str = r#"exec 2>"$ERRORS"; exec "$@""#;

/// Stands in every secret: it is searched for.
const WORD: &str = "s3cr3t";

/// `ann:s3cr3t-password`, as a browser sends it.
const BASIC: &str = "YW5uOnMzY3IzdC1wYXNzd29yZA==";

const HASH: &str = "00112233445566778899aabbccddeeff00112233";

/// A tracker that refuses, and quotes what it was asked. Each question is told.
fn quoting_tracker() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, asked) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).unwrap_or(0) > 0 {}
            let path = head.split(' ').nth(1).unwrap_or_default();
            let path = path.split("info_hash").next().unwrap_or_default();
            let said = format!("passkey {path} is unknown, see http://tracker.example{path}");
            let body = format!("d14:failure reason{}:{said}e", said.len());
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            // Who asks may have gone.
            let _ = stream
                .get_mut()
                .write_all(format!("{head}{body}").as_bytes());
            if tell.send(path.to_owned()).is_err() {
                return;
            }
        }
    });
    (port, asked)
}

fn settings(ports: (u16, u16), tracker: u16) -> Value {
    json!({
        "torrent_port": 0,
        "api_listen_port": ports.0,
        "metrics_port": ports.1,
        "log_dir": "data/logs",
        "ssrf_mitigation": false,
        "api_local_links": true,
        "web_user": "ann",
        "web_password": "s3cr3t-password",
        "web_token": "s3cr3t-token",
        "webhook_key": "s3cr3t-webhook",
        "plex": {"token": "s3cr3t-plex"},
        "tmdb_api_key": "s3cr3t-tmdb",
        "prowlarr": {"api_key": "s3cr3t-prowlarr"},
        "blocklist_enabled": true,
        "blocklist_url": format!("http://me:s3cr3t-list@127.0.0.1:{tracker}/list?pin=s3cr3t-pin"),
        "extra_trackers": [format!("http://127.0.0.1:{tracker}/s3cr3t-extra/announce?uid=1&passkey=s3cr3t-uid")],
        "default_trackers": [format!("http://ann:s3cr3t-default@127.0.0.1:{tracker}/announce")],
    })
}

/// Every secret that is a key, also of those that are not here.
#[test]
fn what_is_set_here_are_all_secrets_that_there_are() {
    let page = fs::read_to_string(workspace().join("docs/SETTINGS.md")).unwrap();
    let secrets: Vec<&str> = page
        .lines()
        .filter(|line| line.contains(", a secret"))
        .collect();
    assert_eq!(secrets.len(), 6, "{secrets:#?}");
}

/// A server that was given every secret, and what it answered.
struct Asked {
    server: Server,
    api: u16,
    metrics: u16,
    tracker: u16,
    answers: Vec<String>,
}

/// What a browser sends of the login.
fn login() -> String {
    format!("Basic {BASIC}")
}

impl Asked {
    fn ask_with(&self, login: &str, port: u16, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let headers = [
            ("Authorization", login),
            ("Content-Type", "application/json"),
        ];
        request(port, method, path, &headers, body.as_bytes()).unwrap()
    }

    fn ask(&self, port: u16, method: &str, path: &str, body: &Value) -> Answer {
        self.ask_with(&login(), port, method, path, body)
    }

    fn right_and_wrong_logins_and_keys(&mut self) {
        let logins = [
            &*login(),
            "Bearer s3cr3t-token",
            "Bearer s3cr3t-wrong",
            "Basic czNjcjN0LXdyb25n",
        ];
        for login in logins {
            for (port, path) in [
                (self.api, "/torrents"),
                (self.api, "/api/v1/settings"),
                (self.metrics, "/api/config"),
            ] {
                let answer = self.ask_with(login, port, "GET", path, &Value::Null);
                self.answers.push(answer.body);
            }
        }
        for key in ["s3cr3t-webhook", "s3cr3t-wrong"] {
            let path = format!("/webhook?key={key}");
            let answer = self.ask(self.metrics, "POST", &path, &json!({"event": "x"}));
            self.answers.push(answer.body);
        }
    }

    /// A torrent with a passkey wakes, and each of its trackers refuses and quotes it; a link with a login leads nowhere.
    fn torrents(&mut self, asked: &Receiver<String>) {
        let here = format!("127.0.0.1:{}", self.tracker);
        let announce = format!("http://{here}/s3cr3t-own/announce");
        let encoded = announce.replace(':', "%3A").replace('/', "%2F");
        let magnet = format!("magnet:?xt=urn:btih:{HASH}&tr={encoded}");
        let link = format!("http://me:s3cr3t-link@{here}/s3cr3t.torrent?key=s3cr3t-key");
        for link in [&magnet, &link] {
            let body = json!({"action": "add", "link": link});
            self.ask(self.api, "POST", "/torrents", &body);
        }
        let mut quoted: Vec<String> = Vec::new();
        let parts = ["own", "extra", "announce"];
        while !parts
            .iter()
            .all(|part| quoted.iter().any(|path| path.contains(part)))
        {
            quoted.push(asked.recv_timeout(LIMIT).unwrap());
        }
        let looked = until("the refusals are known", LIMIT, || {
            let path = format!("/api/v1/torrents/{HASH}/trackers");
            let body = self.ask(self.api, "GET", &path, &Value::Null).body;
            (body.matches("is unknown").count() == 3).then_some(body)
        });
        self.answers.push(looked);
    }

    /// Settings change, and what cannot be is refused.
    fn settings(&mut self) {
        for change in [
            json!({"web_token": "s3cr3t-new", "extra_trackers": ["http://t.example/s3cr3t-a/announce"]}),
            json!({"web_token": 7, "blocklist_url": "ftp://me:s3cr3t-ftp@h/", "extra_trackers": ["s3cr3t"]}),
        ] {
            let answer = self.ask(self.api, "PATCH", "/api/v1/settings", &change);
            self.answers.push(answer.body);
            let answer = self.ask(self.metrics, "POST", "/api/config", &change);
            self.answers.push(answer.body);
        }
        let change = ["config", "set", "webhook_key", "s3cr3t-again"];
        for command in [&change[..], &["config", "get"], &["config"]] {
            let said = self.server.place.run(command);
            self.answers.extend([said.out, said.err]);
        }
        for (port, path) in [
            (self.api, "/api/v1/settings"),
            (self.metrics, "/api/config"),
            (self.metrics, "/metrics"),
            (self.metrics, "/metrics/prometheus"),
            (self.metrics, "/metrics/playbacks"),
            (self.metrics, "/health"),
        ] {
            let answer = self.ask(port, "GET", path, &Value::Null);
            assert_eq!(answer.status, 200, "{path}");
            self.answers.push(answer.body);
        }
    }
}

#[test]
fn no_secret_is_written_at_any_level() {
    let (tracker, asked) = quoting_tracker();
    let (api, metrics) = (free_port(), free_port());
    let place = Place::new(settings((api, metrics), tracker));
    let directory = tempfile::tempdir().unwrap();
    let errors = directory.path().join("errors");
    let variables = [
        ("ERRORS", errors.as_os_str()),
        ("RUST_LOG", "trace".as_ref()),
    ];
    let mut server = Asked {
        server: Server::start_by_script(place, TO_A_FILE, &variables),
        api,
        metrics,
        tracker,
        answers: Vec::new(),
    };
    let mut events = listen_to_events(api);
    server.right_and_wrong_logins_and_keys();
    server.torrents(&asked);
    server.settings();

    let log = server.server.place.data_dir.join("logs/gostream.log");
    let mut answers = server.answers;
    let (_, _after) = server.server.stop();
    let mut told = String::new();
    // It ends with the server; a cut connection is an end, too.
    let _ = events.read_to_string(&mut told);
    assert!(told.contains("settings"), "{told}");
    answers.push(told);
    for file in [&log, &errors] {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains("TRACE") && text.contains("announce failed"));
        answers.push(text);
    }
    for answer in &answers {
        for word in [WORD, BASIC, "czNjcjN0"] {
            let found = answer.match_indices(word).map(|(at, _)| {
                let start = answer.floor_char_boundary(at.saturating_sub(150));
                &answer[start..answer.floor_char_boundary(at + 50)]
            });
            let found: Vec<&str> = found.collect();
            assert!(found.is_empty(), "{word} is written: {found:#?}");
        }
    }
}

/// The events of the server, as they come.
fn listen_to_events(port: u16) -> BufReader<TcpStream> {
    let login = login();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let head = format!(
        "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: {login}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut events = BufReader::new(stream);
    let mut status = String::new();
    events.read_line(&mut status).unwrap();
    assert!(status.contains("200"), "{status}");
    events
}
