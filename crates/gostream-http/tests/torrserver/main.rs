//! What clients of TorrServer read, to the letter, from torrents that are as they are told to be.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clients;

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Request, Response};
use futures_util::future::{BoxFuture, ready};
use gostream_http::{
    Access, Activity, Answer, Applies, FileView, FilmError, HeldPiece, Labels, LiveAccess,
    NewTorrent, OpenFilm, OpenedBy, Phase, PieceMap, ReaderPlace, SettingInfo, SettingsChange,
    SettingsControl, SettingsError, TorrentError, TorrentId, TorrentService, TorrentView,
    ViewedFile, torrserver,
};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

const ID: TorrentId = TorrentId([0xab; 20]);

/// One torrent with the files of a season.
struct Season {
    awake: bool,
}

fn file(id: u32, path: &str) -> FileView {
    FileView {
        id,
        path: path.to_owned(),
        len: 1000 + u64::from(id),
    }
}

impl Season {
    fn view(&self) -> TorrentView {
        let activity = Activity {
            held: 4096,
            download_rate: 1.5,
            downloaded: 40_000,
            wasted: 16_384,
            peers_known: 9,
            peers: 2,
            peers_dialling: 3,
            seeds: 1,
            pieces_good: 5,
            plays: true,
            ..Activity::default()
        };
        TorrentView {
            id: ID,
            labels: Labels {
                title: "A & B".to_owned(),
                ..Labels::default()
            },
            added_unix: 1_900_000_000,
            name: Some("A.B".to_owned()),
            phase: if self.awake {
                Phase::Working
            } else {
                Phase::Asleep
            },
            len: Some(4006),
            files: Some(Arc::from([
                file(1, "A.B/B 1.mkv"),
                file(2, "A.B/B 1.srt"),
                file(3, "A.B/B 2.mkv"),
                file(4, "A.B/readme.txt"),
            ])),
            activity: if self.awake {
                activity
            } else {
                Activity::default()
            },
        }
    }
}

fn now<'a, T: Send + 'a>(value: T) -> Answer<'a, T> {
    Box::pin(ready(Ok(value)))
}

impl TorrentService for Season {
    fn add(&self, _new: NewTorrent) -> Answer<'_, TorrentView> {
        now(self.view())
    }

    fn list(&self, _awake_only: bool) -> Answer<'_, Vec<TorrentView>> {
        now(vec![self.view()])
    }

    fn get(&self, id: TorrentId) -> Answer<'_, Option<TorrentView>> {
        now((id == ID).then(|| self.view()))
    }

    fn relabel(&self, _id: TorrentId, _labels: Labels) -> Answer<'_, ()> {
        now(())
    }

    fn remove(&self, _id: TorrentId) -> Answer<'_, ()> {
        now(())
    }

    fn unload(&self, _id: TorrentId) -> Answer<'_, ()> {
        now(())
    }

    fn wipe(&self) -> Answer<'_, ()> {
        now(())
    }

    fn load(&self, _new: NewTorrent) -> Answer<'_, TorrentView> {
        now(self.view())
    }

    fn open(
        &self,
        _id: TorrentId,
        _file: u32,
        _by: OpenedBy,
    ) -> BoxFuture<'_, Result<Arc<dyn OpenFilm>, FilmError>> {
        Box::pin(ready(Err(FilmError::TimedOut)))
    }

    fn preload(&self, _id: TorrentId, _file: u32, _offset: Option<u64>) -> Answer<'_, ()> {
        now(())
    }

    fn pieces(&self, _id: TorrentId) -> Answer<'_, Option<PieceMap>> {
        let piece = |number, verified| HeldPiece {
            number,
            len: 100,
            filled: if verified { 100 } else { 40 },
            verified,
        };
        let map = PieceMap {
            capacity: 1000,
            filled: 240,
            piece_len: 100,
            piece_count: 41,
            pieces: vec![piece(3, true), piece(4, false), piece(5, false)],
            readers: vec![ReaderPlace {
                first: 4,
                last: 6,
                at: 4,
            }],
        };
        now(self.awake.then_some(map))
    }

    fn viewed(&self, _id: Option<TorrentId>) -> Answer<'_, Vec<ViewedFile>> {
        now(vec![ViewedFile {
            id: ID,
            file: 3,
            seconds: 61.5,
        }])
    }

    fn mark_viewed(&self, _file: ViewedFile) -> Answer<'_, ()> {
        now(())
    }

    fn unmark_viewed(&self, _id: TorrentId, _file: Option<u32>) -> Answer<'_, ()> {
        Box::pin(ready(Err(TorrentError::Failed("not asked".to_owned()))))
    }

    fn sleep_after_seconds(&self) -> u64 {
        60
    }

    fn shut_down(&self) {
        panic!("nobody may ask for that here");
    }
}

/// Settings that cannot be changed.
struct Fixed;

impl SettingsControl for Fixed {
    fn describe(&self) -> Vec<SettingInfo> {
        Vec::new()
    }

    fn set(
        &self,
        changes: Map<String, Value>,
    ) -> BoxFuture<'_, Result<SettingsChange, SettingsError>> {
        let error = SettingsError::Failed(format!("{changes:?}"));
        Box::pin(ready(Err(error)))
    }
}

/// Settings that keep the changes they were asked for, and hold two values.
#[derive(Default)]
struct Kept(Mutex<Vec<Map<String, Value>>>);

impl SettingsControl for Kept {
    fn describe(&self) -> Vec<SettingInfo> {
        let values = [
            ("upload_limit_kb", json!(1024)),
            ("read_ahead_budget_mb", json!(256)),
        ];
        values.map(|(name, value)| info(name, value)).into()
    }

    fn set(
        &self,
        changes: Map<String, Value>,
    ) -> BoxFuture<'_, Result<SettingsChange, SettingsError>> {
        self.0.lock().unwrap().push(changes);
        Box::pin(ready(Ok(SettingsChange::default())))
    }
}

fn info(name: &str, value: Value) -> SettingInfo {
    SettingInfo {
        name: name.to_owned(),
        default: value.clone(),
        value,
        allowed: String::new(),
        unit: String::new(),
        help: String::new(),
        applies: Applies::Live,
        secret: false,
        overridden_by: None,
        waits_for_restart: false,
    }
}

async fn ask(awake: bool, request: Request<Body>) -> Response<Body> {
    ask_with(Arc::new(Fixed), awake, request).await
}

async fn ask_with(
    settings: Arc<dyn SettingsControl>,
    awake: bool,
    request: Request<Body>,
) -> Response<Body> {
    let access = LiveAccess::new(Access::nobody());
    let season = Arc::new(Season { awake });
    let router = torrserver(season, Some(settings), access, 8090);
    router.oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn post(awake: bool, path: &str, body: Value) -> (u16, String) {
    let request = Request::post(path).header("host", "tv:8090");
    let response = ask(awake, request.body(Body::from(body.to_string())).unwrap()).await;
    (response.status().as_u16(), text(response).await)
}

async fn get(path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = Request::get(path).header("host", "tv:8090");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = ask(true, request.body(Body::empty()).unwrap()).await;
    (response.status().as_u16(), text(response).await)
}

#[tokio::test]
async fn a_status_has_every_key_that_says_something_and_no_other() {
    let hash = "ab".repeat(20);
    let get = json!({"action": "get", "hash": hash.to_uppercase(), "unknown": {}, "title": null});
    let (_, status) = post(false, "/torrents", get.clone()).await;
    let files = json!([
        {"id": 1, "path": "A.B/B 1.mkv", "length": 1001},
        {"id": 2, "path": "A.B/B 1.srt", "length": 1002},
        {"id": 3, "path": "A.B/B 2.mkv", "length": 1003},
        {"id": 4, "path": "A.B/readme.txt", "length": 1004},
    ]);
    let asleep = json!({
        "title": "A & B", "category": "", "poster": "", "timestamp": 1_900_000_000, "name": "A.B", "hash": hash,
        "stat": 5, "stat_string": "Torrent in db", "is_priority": false, "torrent_size": 4006, "file_stats": files,
    });
    assert_eq!(without_token(&status), asleep);
    let (_, status) = post(true, "/torrents", get).await;
    let mut awake = asleep;
    for (key, value) in [
        ("stat", json!(3)),
        ("stat_string", json!("Torrent working")),
        ("is_priority", json!(true)),
        ("loaded_size", json!(4096)),
        ("download_speed", json!(1.5)),
        ("total_peers", json!(9)),
        ("pending_peers", json!(4)),
        ("active_peers", json!(2)),
        ("half_open_peers", json!(3)),
        ("connected_seeders", json!(1)),
        ("bytes_read", json!(40_000)),
        ("bytes_read_data", json!(40_000)),
        ("bytes_read_useful_data", json!(23_616)),
        ("chunks_read", json!(3)),
        ("chunks_read_useful", json!(2)),
        ("chunks_read_wasted", json!(1)),
        ("pieces_dirtied_good", json!(5)),
    ] {
        awake[key] = value;
    }
    assert_eq!(without_token(&status), awake);
    let (_, list) = post(true, "/torrents", json!({"action": "list"})).await;
    assert_eq!(list.parse::<Value>().unwrap(), json!([awake]));
}

/// A status, whose token is taken out: it is there where the files are known.
fn without_token(status: &str) -> Value {
    let mut status: Value = status.parse().unwrap();
    let token = status.as_object_mut().unwrap().remove("torrs_hash");
    assert!(token.unwrap().is_string());
    status
}

#[tokio::test]
async fn the_cache_has_pieces_by_number_and_readers() {
    let body = json!({"action": "get", "hash": ID.to_string()});
    let (_, cache) = post(true, "/cache", body.clone()).await;
    let cache: Value = cache.parse().unwrap();
    let piece = |id: u32, size: u32, completed: bool, priority: u8| json!({"Id": id, "Length": 100, "Size": size, "Completed": completed, "Priority": priority});
    assert_eq!(
        cache["Pieces"],
        json!({"3": piece(3, 100, true, 0), "4": piece(4, 40, false, 5), "5": piece(5, 40, false, 4)})
    );
    assert_eq!(
        cache["Readers"],
        json!([{"Start": 4, "End": 6, "Reader": 4}])
    );
    assert_eq!(
        (&cache["Capacity"], &cache["PiecesCount"]),
        (&json!(1000), &json!(41))
    );
    assert_eq!(cache["Torrent"]["stat"], 3);
    assert_eq!(post(false, "/cache", body).await, (200, "{}".to_owned()));
}

#[tokio::test]
async fn a_playlist_has_films_with_their_subtitles_from_where_one_was() {
    let link = format!("link={ID}");
    let first = format!(
        "#EXTINF:0,B 1.mkv\n#EXTVLCOPT:input-slave=http://tv:8090/stream/B%201.srt?{link}&index=2&play#\nhttp://tv:8090/stream/B%201.mkv?{link}&index=1&play\n"
    );
    let second =
        format!("#EXTINF:0,B 2.mkv\nhttp://tv:8090/stream/B%202.mkv?{link}&index=3&play\n");
    let (_, all) = get(&format!("/playlist?hash={ID}"), &[]).await;
    assert_eq!(all, format!("#EXTM3U\n{first}{second}"));
    let (_, rest) = get(&format!("/stream/x.m3u?{link}&m3u&fromlast"), &[]).await;
    assert_eq!(rest, format!("#EXTM3U\n{second}"));
    let proxied = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "film.example"),
    ];
    let (_, everything) = get("/playlistall/all.m3u?category=uncategorized", &proxied).await;
    let entry = format!("https://film.example/stream/A%20%26%20B.m3u?{link}&m3u&fn=file.m3u\n");
    let title = "#EXTINF:0 type=\"playlist\",A & B\n";
    assert_eq!(everything, format!("#EXTM3U\n{title}{entry}"));
    let (_, none) = get("/playlistall/all.m3u?search=nothing", &[]).await;
    assert_eq!(none, "#EXTM3U\n");
    let forged = [("x-forwarded-host", "evil.example/\"x")];
    assert_eq!(get("/playlistall/all.m3u", &forged).await.0, 400);
}

#[tokio::test]
async fn the_first_word_of_a_stream_wins_and_a_file_must_be_clear() {
    let link = format!("/stream/a.mkv?link={ID}");
    assert_eq!(get(&link, &[]).await, (200, String::new()));
    let (_, status) = get(&format!("{link}&play=false&m3u&stat"), &[]).await;
    assert_eq!(status.parse::<Value>().unwrap()["stat"], 3);
    for (more, status) in [
        ("&play", 400),
        ("&play&index=x", 400),
        ("&play&index=9", 404),
        ("&play&index=1", 504),
    ] {
        assert_eq!(get(&format!("{link}{more}"), &[]).await.0, status, "{more}");
    }
    assert_eq!(get(&format!("/play/{ID}/x"), &[]).await.0, 400);
    let elsewhere = "cd".repeat(20);
    assert_eq!(get(&format!("/play/{elsewhere}/1"), &[]).await.0, 500);
}

#[tokio::test]
async fn head_of_a_stream_opens_nothing() {
    let path = format!("/stream/a.mkv?link={ID}&index=1&play");
    let request = Request::head(path).body(Body::empty()).unwrap();
    let response = ask(true, request).await;
    assert_eq!(response.status().as_u16(), 200);
    assert_eq!(response.headers()["content-length"], "1001");
    assert_eq!(response.headers()["x-stream-timeout"], "60");
}

#[tokio::test]
async fn who_is_not_known_to_be_near_ends_no_server() {
    assert_eq!(get("/shutdown", &[]).await.0, 403);
}

#[tokio::test]
async fn settings_are_read_in_their_words_and_a_failed_change_is_said() {
    let (status, sets) = post(true, "/settings", json!({"action": "get"})).await;
    assert_eq!(status, 200);
    assert!(sets.parse::<Value>().unwrap()["CacheSize"].is_u64());
    for (body, status) in [
        (json!({"action": "set", "sets": {}}), 200),
        (json!({"action": "set", "sets": {"DisableDHT": true}}), 500),
        (json!({"action": "set", "sets": {"DisableDHT": 7}}), 400),
        (json!({"action": "set"}), 400),
        (json!({"action": "def"}), 500),
        (json!({"action": "dance"}), 400),
    ] {
        assert_eq!(
            post(true, "/settings", body.clone()).await.0,
            status,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_change_of_settings_is_one_change_of_what_differs() {
    let kept = Arc::new(Kept::default());
    let ask = async |body: Value| {
        let request = Request::post("/settings").body(Body::from(body.to_string()));
        let response = ask_with(kept.clone(), true, request.unwrap()).await;
        (response.status().as_u16(), text(response).await)
    };
    let (_, sets) = ask(json!({"action": "get"})).await;
    let mut sets: Value = sets.parse().unwrap();
    assert_eq!(
        (&sets["UploadRateLimit"], &sets["CacheSize"]),
        (&json!(1024), &json!(268_435_456))
    );
    sets["UploadRateLimit"] = json!(0);
    sets["CacheSize"] = json!(0);
    sets["FriendlyName"] = json!("tv");
    sets["NoSuchKey"] = json!({"a": [1]});
    let done = (200, String::new());
    assert_eq!(ask(json!({"action": "set", "sets": sets})).await, done);
    sets["DisableDHT"] = json!("yes");
    assert_eq!(ask(json!({"action": "set", "sets": sets})).await.0, 400);
    assert_eq!(ask(json!({"action": "def"})).await, done);
    let changes = kept.0.lock().unwrap();
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert_eq!(
        Value::from(changes[0].clone()),
        json!({"upload_limit_kb": 0, "read_ahead_budget_mb": null})
    );
    assert!(changes[1].len() > 10 && changes[1].values().all(Value::is_null));
}

#[tokio::test]
async fn settings_and_marks_are_kept_as_json_and_not_otherwise() {
    let (_, storage) = get("/storage/settings", &[]).await;
    assert_eq!(storage.parse::<Value>().unwrap()["settings"], "json");
    let (status, done) = post(true, "/storage/settings", json!({"settings": "json"})).await;
    assert_eq!((status, done.as_str()), (200, r#"{"status":"ok"}"#));
    for body in [
        json!({"settings": "bbolt"}),
        json!({"other": "json"}),
        json!({}),
    ] {
        let (status, refused) = post(true, "/storage/settings", body).await;
        assert_eq!(status, 400);
        assert!(refused.parse::<Value>().unwrap()["error"].is_string());
    }
}
