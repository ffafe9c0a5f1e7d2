//! What a WebDAV client asks before it reads.

use axum::http::StatusCode;

use crate::ask;
use crate::library::Library;

#[tokio::test]
async fn options_tell_that_it_is_webdav_without_writing() {
    let library = Library::default();
    let answer = ask(&library, "OPTIONS", "/movies/", &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("dav").starts_with('1'));
    let allowed = answer.header("allow");
    assert!(allowed.contains("PROPFIND"), "{allowed}");
    assert!(
        !allowed.contains("PUT") && !allowed.contains("DELETE"),
        "{allowed}"
    );
}

#[tokio::test]
async fn propfind_lists_a_folder_with_lengths_and_times() {
    let library = Library::default();
    for depth in [&[("depth", "1")][..], &[]] {
        let answer = ask(&library, "PROPFIND", "/movies/", depth).await;
        assert_eq!(answer.status, StatusCode::MULTI_STATUS);
        let text = answer.text();
        assert!(text.contains("<D:href>/movies/</D:href>"), "{text}");
        assert!(text.contains("<D:href>/movies/Long.mkv</D:href>"), "{text}");
        assert!(
            text.contains("<D:getcontentlength>1000003</D:getcontentlength>"),
            "{text}"
        );
        assert!(text.contains("Sun, 17 Mar 2030 17:46:40 GMT"), "{text}");
        assert!(text.contains("tag-1000003"), "{text}");
        assert!(!text.contains("Gone.mkv"), "{text}");
    }
}

#[tokio::test]
async fn the_whole_tree_at_once_is_refused() {
    let library = Library::default();
    let answer = ask(&library, "PROPFIND", "/", &[("depth", "infinity")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = ask(&library, "PROPFIND", "/nothing", &[("depth", "0")]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(library.opened(), 0);
}
