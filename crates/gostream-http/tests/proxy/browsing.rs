//! Pages and playlists.

use axum::http::StatusCode;

use crate::ask;
use crate::library::Library;

#[tokio::test]
async fn a_folder_is_a_page_of_links() {
    let library = Library::default();
    let answer = ask(&library, "GET", "/movies/", &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    let page = answer.text();
    assert!(
        page.contains("<a href=\"./Long.mkv\">Long.mkv</a></td><td>1000003</td>"),
        "{page}"
    );
    assert!(page.contains("<a href=\"../\">"), "{page}");
    assert!(!ask(&library, "GET", "/", &[]).await.text().contains("../"));
}

#[tokio::test]
async fn a_name_is_text_in_the_page_and_its_link_leads_to_it() {
    let library = Library::default();
    let answer = ask(&library, "GET", "/movies/", &[]).await;
    let shown = "Nasty &amp; &lt;b&gt;&quot;#%?.mkv</a>";
    assert!(answer.text().contains(shown), "{}", answer.text());
    let link = "/movies/Nasty%20%26%20%3Cb%3E%22%23%25%3F.mkv";
    assert!(
        answer
            .text()
            .contains(&format!(".{}", &link["/movies".len()..]))
    );
    let film = ask(&library, "GET", link, &[]).await;
    assert_eq!(film.status, StatusCode::OK);
    assert_eq!(film.body.len(), 10);
}

#[tokio::test]
async fn a_folder_without_its_slash_is_sent_there() {
    let library = Library::default();
    let answer = ask(&library, "GET", "/movies?m3u", &[]).await;
    assert_eq!(answer.status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(answer.header("location"), "/movies/?m3u");
    // Not to another host, whatever the number of slashes.
    let answer = ask(&library, "GET", "//movies", &[]).await;
    assert_eq!(answer.header("location"), "/movies/");
}

#[tokio::test]
async fn a_playlist_has_all_films_below_and_nothing_else() {
    let library = Library::default();
    let answer = ask(&library, "GET", "/?m3u", &[]).await;
    assert_eq!(
        answer.header("content-type"),
        "audio/x-mpegurl; charset=utf-8"
    );
    let entries: Vec<&str> = answer.text().lines().collect();
    assert_eq!(
        entries,
        [
            "#EXTM3U",
            "#EXTINF:-1,Dead",
            "movies/Dead.mkv",
            "#EXTINF:-1,Long",
            "movies/Long.mkv",
            "#EXTINF:-1,Nasty & <b>\"#%?",
            "movies/Nasty%20%26%20%3Cb%3E%22%23%25%3F.mkv",
            "#EXTINF:-1,Gone",
            "tv/Gone.mkv",
        ]
    );
    assert_eq!(library.opened(), 0);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_nothing_can_be_changed() {
    let library = Library::default();
    for path in [
        "/nothing",
        "/movies/../../etc/passwd",
        "/%ff",
        "/movies/Long.mkv/x",
    ] {
        let answer = ask(&library, "GET", path, &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    for method in [
        "PUT",
        "POST",
        "DELETE",
        "MKCOL",
        "MOVE",
        "PROPPATCH",
        "LOCK",
        "TRACE",
        "BREW",
    ] {
        let answer = ask(&library, method, "/movies/Long.mkv", &[]).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS, PROPFIND");
    }
}
