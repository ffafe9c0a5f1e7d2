//! What well-known clients of TorrServer send, and what they make of the answers.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::{ID, Kept, ask, ask_with, get, post, text};

/// Its version check makes `2.0` of the first word and numbers of the first three.
#[tokio::test]
async fn the_module_for_kodi_reads_a_version_of_numbers() {
    let (_, version) = get("/echo", &[]).await;
    assert!(version.starts_with("MatriX."));
    let version = version.replace("MatriX", "2.0").replace('_', ".");
    let numbers = version.split('.').take(3).map(str::parse::<u32>);
    assert_eq!(numbers.collect::<Result<Vec<_>, _>>(), Ok(vec![2, 0, 137]));
}

/// It writes its keys with a capital, and the path of a file into that of the stream.
#[tokio::test]
async fn the_module_for_kodi_names_torrents_and_files_in_its_own_way() {
    let asked = json!({"action": "get", "Hash": ID.to_string()});
    let (status, torrent) = post(true, "/torrents", asked).await;
    assert_eq!(status, 200);
    let torrent: Value = torrent.parse().unwrap();
    assert_eq!(torrent["stat_string"], "Torrent working");
    let path = torrent["file_stats"][0]["path"].as_str().unwrap();
    let path = path.replace(' ', "%20");
    let link = format!("/stream/{path}?link={ID}&index=1");
    assert_eq!(get(&format!("{link}&stat"), &[]).await.0, 200);
    let (_, list) = get(&format!("/stream/?link={ID}&m3u"), &[]).await;
    let lines = list.lines().filter(|line| line.starts_with("http://"));
    let found: Vec<&str> = lines.filter(|line| line.contains("&index=3&")).collect();
    assert_eq!(found.len(), 1);
}

/// It wraps the settings in `Sets`; what it does not know it sends as 0 or false.
#[tokio::test]
async fn the_app_for_android_changes_settings_under_its_own_key() {
    let kept = std::sync::Arc::new(Kept::default());
    let sets = json!({"CacheSize": 268_435_456, "UploadRateLimit": 512, "PreloadBuffer": false, "DhtConnectionLimit": 0});
    for body in [
        json!({"action": "set", "Sets": sets}),
        json!({"Action": "set", "sets": {"uploadratelimit": 512}}),
    ] {
        let request = Request::post("/settings").body(Body::from(body.to_string()));
        let answer = ask_with(kept.clone(), true, request.unwrap()).await;
        assert_eq!(answer.status().as_u16(), 200, "{body}");
    }
    let changes = kept.0.lock().unwrap();
    for change in &*changes {
        let change = Value::from(change.clone());
        assert_eq!(change, json!({"upload_limit_kb": 512}));
    }
    assert_eq!(changes.len(), 2);
}

/// The integration of Home Assistant asks for the page first, and for the version in it.
#[tokio::test]
async fn a_page_says_which_version_of_torrserver_it_speaks_to() {
    let (status, page) = get("/", &[]).await;
    assert_eq!(status, 200);
    assert!(page.contains("TorrServer MatriX.137"));
}

#[tokio::test]
async fn who_searches_hears_that_it_is_off() {
    for path in [
        "/search?query=a",
        "/search/?query=a",
        "/search/a",
        "/torznab/search/?query=a&index=-1",
    ] {
        assert_eq!(get(path, &[]).await, (400, "[]".to_owned()), "{path}");
    }
    let indexer = json!({"host": "http://indexer.example", "key": "k"});
    let (status, tested) = post(true, "/torznab/test", indexer).await;
    let tested: Value = tested.parse().unwrap();
    assert_eq!((status, &tested["success"]), (200, &json!(false)));
    assert!(tested["error"].is_string());
}

#[tokio::test]
async fn a_torrent_is_named_by_the_token_that_it_has() {
    let asked = json!({"action": "get", "hash": ID.to_string()});
    let torrent: Value = post(true, "/torrents", asked).await.1.parse().unwrap();
    let token = torrent["torrs_hash"].as_str().unwrap();
    for link in [format!("torrs://{token}"), token.to_owned()] {
        let add = json!({"action": "add", "link": link});
        assert_eq!(post(true, "/torrents", add).await.0, 200, "{link}");
        let link = link.replace(':', "%3A").replace('/', "%2F");
        assert_eq!(get(&format!("/stream?link={link}&m3u"), &[]).await.0, 200);
    }
    let cut = &token[..token.len() - 20];
    let add = json!({"action": "add", "link": format!("torrs://{cut}")});
    assert_eq!(post(true, "/torrents", add).await, (400, String::new()));
    let play = format!("/stream?link=torrs://{cut}&play");
    assert_eq!(get(&play, &[]).await.0, 400);
}

#[tokio::test]
async fn a_playlist_has_a_name_and_is_sent_again_only_when_it_changed() {
    let playlist = async |path: String, known: Option<&str>| {
        let mut request = Request::get(path).header("host", "tv:8090");
        if let Some(known) = known {
            request = request.header("if-none-match", known);
        }
        ask(true, request.body(Body::empty()).unwrap()).await
    };
    let path = format!("/playlist/My%20List?hash={ID}");
    let first = playlist(path.clone(), None).await;
    assert_eq!(first.headers()["content-type"], "audio/x-mpegurl");
    let name = first.headers()["content-disposition"].to_str().unwrap();
    assert!(
        name.starts_with("attachment; filename=\"My List.m3u\""),
        "{name}"
    );
    let tag = first.headers()["etag"].to_str().unwrap();
    let again = playlist(path, Some(tag)).await;
    assert_eq!(again.status().as_u16(), 304);
    assert_eq!(text(again).await, "");
    let rest = format!("/playlist?hash={ID}&index=3&fromlast");
    let rest = text(playlist(rest, Some(tag)).await).await;
    assert!(rest.contains("&index=3&") && !rest.contains("&index=1&"));
    let every = "/playlistall/all.m3u?category=&search=".to_owned();
    let every = text(playlist(every, None).await).await;
    assert_eq!(every.lines().count(), 3, "an empty category is none");
}
