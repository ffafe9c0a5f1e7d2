//! What webhooks of media servers bring about in the built program, seen at its metrics port.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::content::attribute;
use crate::harness::http::{Answer, request};
use crate::harness::media;
use crate::harness::server::Server;
use crate::harness::shared::Shared;
use crate::harness::swarm::SharedFilm;
use crate::harness::{free_port, stubs, wait};

const LIMIT: Duration = Duration::from_secs(30);
const BOUNDARY: &str = "----------------------------b7f1";

/// A server with one film, which a seeder shares.
struct Watched {
    port: u16,
    server: Server,
    /// In the mount.
    path: String,
    _film: SharedFilm,
}

impl Watched {
    fn start(settings: Value) -> Self {
        let film = SharedFilm::start();
        let port = free_port();
        let mut all = json!({"metrics_port": port});
        all.as_object_mut()
            .unwrap()
            .extend(settings.as_object().unwrap().clone());
        let server = Server::start(all);
        let shown = server.add(&film.magnet());
        let path = shown[0].strip_prefix(&server.mount).unwrap();
        Self {
            port,
            path: path.to_str().unwrap().to_owned(),
            server,
            _film: film,
        }
    }

    fn open(&self) -> File {
        let file = File::open(self.server.mount.join(&self.path)).unwrap();
        file.read_exact_at(&mut [0; 4096], 0).unwrap();
        file
    }

    fn base_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap()
    }

    fn post(&self, path: &str, kind: &str, body: &str) -> Answer {
        let headers = [("Content-Type", kind)];
        request(self.port, "POST", path, &headers, body.as_bytes()).unwrap()
    }

    /// As Plex posts it, with a picture and the file that it seldom names.
    fn plex(&self, event: &str, player: &str) -> Answer {
        let media = json!([{"Part": [{"file": format!("/elsewhere/{}", self.base_name())}]}]);
        self.plex_of(event, player, "Something in another language", media)
    }

    fn plex_of(&self, event: &str, player: &str, title: &str, media: Value) -> Answer {
        let payload = json!({
            "event": event, "user": true, "owner": true, "Account": {"id": 1, "title": "ada"},
            "Server": {"title": "attic", "uuid": "9c1f"},
            "Player": {"local": true, "title": "Living room", "uuid": player},
            "Metadata": {"librarySectionType": "movie", "ratingKey": "812", "type": "movie",
                "guid": "plex://movie/5d9c0a1b2c3d4e5f60718293", "Guid": [{"id": "tmdb://4567"}],
                "title": title, "year": 2031, "librarySectionID": 2, "Media": media},
        });
        let body = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"payload\"\r\n\
             Content-Type: application/json\r\n\r\n{payload}\r\n\
             --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"thumb\"; filename=\"thumb.jpg\"\r\n\
             Content-Type: image/jpeg\r\n\r\n{}\r\n--{BOUNDARY}--\r\n",
            "j".repeat(300_000)
        );
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        self.post("/plex/webhook", &kind, &body)
    }

    /// As Jellyfin posts it by our template: JSON that it calls text.
    fn jellyfin(&self, event: &str, device: &str) -> Answer {
        let body = format!(
            r#"{{"event":"{event}","item_type":"Movie","item_id":"i1","title":"The "Lamp"","series":"",
            "season":"","episode":"","year":,"imdb":"","tmdb":"","path":"D:\films\{}",
            "position_ticks":"0","paused":"False","device":"{device}","user":"ada"}}"#,
            self.base_name()
        );
        self.post("/webhook", "text/plain; charset=utf-8", &body)
    }

    fn playbacks(&self) -> Vec<Value> {
        let body = request(self.port, "GET", "/metrics/playbacks", &[], b"")
            .unwrap()
            .body;
        let shown: Value = serde_json::from_str(&body).unwrap();
        shown["playbacks"].as_array().unwrap().clone()
    }

    fn figure(&self, series: &str) -> f64 {
        let text = request(self.port, "GET", "/metrics/prometheus", &[], b"")
            .unwrap()
            .body;
        let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        let (_, number) = lines.find(|(name, _)| *name == series).unwrap();
        number.parse().unwrap()
    }

    /// Waits until so many readers of the engine play since somebody watches.
    fn until_confirmed(&self, readers: f64) {
        wait::until("the engine knows who watches", LIMIT, || {
            (self.figure("gostream_readers_confirmed") == readers).then_some(())
        });
        let of_films = if readers > 0.0 { 1.0 } else { 0.0 };
        assert_eq!(self.figure("gostream_films_confirmed"), of_films);
    }
}

fn status(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    format!(
        "{} {}",
        answer.status,
        body["status"].as_str().unwrap_or("-")
    )
}

#[test]
fn plex_confirms_and_releases_a_playback_that_has_hardly_read() {
    let watched = Watched::start(json!({}));
    let file = watched.open();
    let shown = watched.playbacks();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["path"], watched.path.as_str());
    assert_eq!(
        (&shown[0]["plays"], &shown[0]["confirmed"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(watched.figure("gostream_readers{class=\"playback\"}"), 0.0);
    assert_eq!(status(&watched.plex("media.play", "tv-01")), "200 ok");
    watched.until_confirmed(1.0);
    assert_eq!(watched.figure("gostream_readers{class=\"playback\"}"), 1.0);
    // A pause ends nothing, a second handle is confirmed as it opens.
    assert_eq!(status(&watched.plex("media.pause", "tv-01")), "200 ignored");
    let second = watched.open();
    watched.until_confirmed(2.0);
    assert_eq!(status(&watched.plex("media.stop", "tv-01")), "200 ok");
    watched.until_confirmed(0.0);
    assert_eq!(
        watched.figure("gostream_webhooks_total{outcome=\"matched\"}"),
        2.0
    );
    drop((file, second));
}

#[test]
fn a_film_is_released_when_its_last_viewer_stops() {
    let watched = Watched::start(json!({}));
    let _file = watched.open();
    watched.jellyfin("PlaybackStart", "d1");
    watched.plex("media.play", "tv-01");
    watched.until_confirmed(1.0);
    wait::until("both are heard", LIMIT, || {
        (watched.figure("gostream_webhooks_total{outcome=\"matched\"}") == 2.0).then_some(())
    });
    for _ in 0..20 {
        assert_eq!(
            status(&watched.jellyfin("PlaybackProgress", "d1")),
            "200 ok"
        );
    }
    watched.plex("media.stop", "tv-01");
    wait::until("the stop is heard", LIMIT, || {
        (watched.figure("gostream_webhooks_total{outcome=\"unmatched\"}") == 1.0).then_some(())
    });
    watched.until_confirmed(1.0);
    watched.jellyfin("PlaybackStop", "d1");
    watched.until_confirmed(0.0);
}

#[test]
fn a_webhook_that_comes_before_the_film_is_opened_counts_when_it_is() {
    let watched = Watched::start(json!({}));
    assert_eq!(status(&watched.jellyfin("PlaybackStart", "d1")), "200 ok");
    assert_eq!(watched.figure("gostream_films_confirmed"), 0.0);
    let file = watched.open();
    watched.until_confirmed(1.0);
    // Nobody ever says that it stopped. The torrent is kept for who opens it again.
    drop(file);
    wait::until("it is closed", LIMIT, || {
        watched.playbacks().is_empty().then_some(())
    });
    assert_eq!(watched.figure("gostream_films_confirmed"), 1.0);
    let _again = watched.open();
    watched.until_confirmed(1.0);
}

#[test]
fn wrong_webhooks_are_refused_and_told_of_once() {
    let watched = Watched::start(json!({"webhook_key": "k3y", "log_level": "WARN"}));
    let text = "text/plain";
    let form = format!("multipart/form-data; boundary={BOUNDARY}");
    for _ in 0..5 {
        for (path, kind, body, expected) in [
            ("/webhook", text, "{}", 403),
            ("/webhook?key=other", text, "{}", 403),
            ("/webhook?key=k3y", text, "no json", 400),
            ("/webhook?key=k3y", text, "[]", 400),
            ("/webhook?key=k3y", form.as_str(), "no form", 400),
            ("/webhook?key=k3y", "multipart/form-data", "x", 400),
            ("/webhook?key=k3y", text, "", 200),
            ("/webhook?key=k3y", text, "{}", 200),
            (
                "/webhook?key=k3y",
                text,
                r#"{"event":"media.unheard-of","Metadata":{}}"#,
                200,
            ),
            (
                "/plex/webhook?key=k3y",
                text,
                r#"{"event":"library.new","Metadata":{"type":"track"}}"#,
                200,
            ),
        ] {
            assert_eq!(
                watched.post(path, kind, body).status,
                expected,
                "{path} {kind} {body}"
            );
        }
    }
    let log = watched.server.log();
    let warned = log
        .lines()
        .filter(|line| line.contains("a webhook is wrong"))
        .count();
    assert_eq!(warned, 3, "the key, the body, the event\n{log}");
    let large = "x".repeat(11 << 20);
    let answer = request(
        watched.port,
        "POST",
        "/webhook?key=k3y",
        &[],
        large.as_bytes(),
    );
    // It may be refused before all of it was sent.
    assert!(answer.is_none_or(|answer| answer.status == 413));
}

#[test]
fn a_film_that_was_stopped_stays_awake_longer_than_one_that_was_closed() {
    let watched = Watched::start(json!({"disconnect_timeout_seconds": 0}));
    let awake = || watched.figure("gostream_torrents_awake");
    drop(watched.open());
    wait::until("a closed one sleeps", LIMIT, || {
        (awake() == 0.0).then_some(())
    });
    let file = watched.open();
    watched.plex("media.play", "tv-01");
    watched.until_confirmed(1.0);
    watched.plex("media.stop", "tv-01");
    watched.until_confirmed(0.0);
    drop(file);
    wait::until("it is closed", LIMIT, || {
        watched.playbacks().is_empty().then_some(())
    });
    assert_eq!(awake(), 1.0);
}

/// Reads what is not in the kernel's cache yet, as a player does.
fn play(file: &File, range: std::ops::Range<u64>) {
    for offset in range.step_by(1 << 20) {
        file.read_exact_at(&mut vec![0; 1 << 20], offset).unwrap();
    }
}

#[test]
fn a_film_that_was_left_in_the_middle_is_asked_for_there_when_it_is_opened_again() {
    let shared = Shared::new(&media::bytes(128), 256 << 10);
    let port = free_port();
    let server = Server::start(json!({"metrics_port": port}));
    let path = shared.add(&server)[0].clone();
    let file = File::open(&path).unwrap();
    play(&file, 0..60 << 20);
    drop(file);
    let body = || {
        request(port, "GET", "/metrics/playbacks", &[], b"")
            .unwrap()
            .body
    };
    wait::until("it is closed", LIMIT, || {
        body().contains("\"open\":0").then_some(())
    });
    let (status, after) = server.stop();
    assert!(status.success());
    let _server = Server::start_in(after.place);
    let file = File::open(&path).unwrap();
    file.read_exact_at(&mut [0; 4096], 0).unwrap();
    wait::until("the place where it was left is there", LIMIT, || {
        let held = attribute(&path, "buffered");
        let mut ranges = held.split(',').filter_map(|range| range.split_once('-'));
        let number = |text: &str| text.parse::<u64>().unwrap();
        ranges
            .any(|(first, last)| number(first) <= 61 << 20 && number(last) > 62 << 20)
            .then_some(())
    });
}

const TOKEN: &str = "pl3x-t0ken";

/// A Plex server: it answers every question with the same, or not at all.
struct PlexServer {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl PlexServer {
    /// Without an answer it keeps who asks waiting.
    fn start(answer: Option<(&'static str, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&asked);
        // Ends with the process of the test.
        thread::spawn(move || {
            let mut kept = Vec::new();
            for connection in listener.incoming() {
                let connection = connection.unwrap();
                heard.lock().unwrap().push(head(&connection));
                if let Some((status, body)) = &answer {
                    let length = body.len();
                    let text = format!(
                        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                    );
                    (&connection).write_all(text.as_bytes()).unwrap();
                } else {
                    kept.push(connection);
                }
            }
        });
        Self { url, asked }
    }

    fn questions(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// What a client asks, in small letters.
fn head(connection: &TcpStream) -> String {
    let lines = BufReader::new(connection).lines().map(Result::unwrap);
    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    lines.join("\n").to_lowercase()
}

/// A film beside another one that is open, so that a webhook must say which of them it means.
fn beside_another(plex: &PlexServer) -> (Watched, [File; 2]) {
    let watched = Watched::start(json!({
        "api_listen_port": 0, "log_level": "DEBUG", "plex": {"url": plex.url, "token": TOKEN}
    }));
    let name = "movies/Another_Film_2029_00000077.mkv";
    stubs::write(&watched.server.place.library().join(name), 0x77);
    let shown = watched.server.mount.join(name);
    let other = wait::until("it is shown", LIMIT, || File::open(&shown).ok());
    let film = watched.open();
    assert_eq!(watched.playbacks().len(), 2);
    (watched, [film, other])
}

#[test]
fn plex_is_asked_which_file_it_plays() {
    let item = |file: &str| {
        json!({"MediaContainer": {"size": 1, "Metadata": [{"ratingKey": "812", "type": "movie",
            "title": "Something in another language", "Guid": [{"id": "tmdb://4567"}],
            "Media": [{"Part": [{"file": format!("/volume1/films/{file}")}]}]}]}})
        .to_string()
    };
    let plex = PlexServer::start(Some(("200 OK", item("Another_Film_2029_00000077.mkv"))));
    let (watched, _open) = beside_another(&plex);
    let title = "Something in another language";
    let answer = watched.plex_of("media.play", "tv-01", title, json!([]));
    assert_eq!(status(&answer), "200 ok");
    wait::until("the other film is watched", LIMIT, || {
        let confirmed = |shown: &Value| shown["confirmed"] == true;
        let shown = watched.playbacks();
        let one = shown.iter().find(|shown| confirmed(shown))?;
        assert_eq!(one["path"], "movies/Another_Film_2029_00000077.mkv");
        Some(())
    });
    let questions = plex.questions();
    assert_eq!(questions.len(), 1);
    assert!(
        questions[0].starts_with("get /library/metadata/812 http/1.1"),
        "{questions:?}"
    );
    assert!(
        questions[0].contains(&format!("x-plex-token: {TOKEN}")),
        "{questions:?}"
    );
    watched.plex_of("media.stop", "tv-01", title, json!([]));
    wait::until("it was stopped", LIMIT, || {
        (watched.figure("gostream_films_confirmed") == 0.0).then_some(())
    });
    assert_eq!(plex.questions().len(), 1, "a stop needs no answer");
    assert!(!watched.server.log().contains(TOKEN));
}

#[test]
fn titles_are_compared_when_plex_does_not_say_which_file_it_plays() {
    for (answer, why) in [
        (Some(("401 Unauthorized", String::new())), "401"),
        (Some(("200 OK", "<html>".to_owned())), "no item"),
        (None, "timed out"),
    ] {
        let plex = PlexServer::start(answer);
        let (watched, _open) = beside_another(&plex);
        let answer = watched.plex_of("media.play", "tv-01", "Another Film", json!([]));
        assert_eq!(status(&answer), "200 ok");
        wait::until("the title is compared", LIMIT, || {
            (watched.figure("gostream_films_confirmed") == 1.0).then_some(())
        });
        assert_eq!(plex.questions().len(), 1);
        let log = wait::until("it says why", LIMIT, || {
            let log = watched.server.log();
            log.contains("plex.url and plex.token").then_some(log)
        });
        let mut said = log.lines();
        let said = said.find(|line| line.contains("plex.url and plex.token"));
        assert!(said.is_some_and(|line| line.contains(why)), "{why}: {log}");
        assert!(!log.contains(TOKEN));
    }
}
