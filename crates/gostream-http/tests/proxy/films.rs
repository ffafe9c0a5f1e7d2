//! Bytes of films: whole, by one range, by several, and not at all.

use axum::http::StatusCode;

use crate::ask;
use crate::library::{LONG, Library, bytes_of};

#[tokio::test]
async fn a_film_is_served_whole_with_what_a_client_needs_to_ask_again() {
    let library = Library::default();
    let answer = ask(&library, "GET", "/movies/Long.mkv", &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body == bytes_of(0..LONG));
    assert_eq!(answer.header("content-length"), LONG.to_string());
    assert_eq!(answer.header("content-type"), "video/x-matroska");
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert_eq!(answer.header("etag"), "\"tag-1000003\"");
    assert_eq!(
        answer.header("last-modified"),
        "Sun, 17 Mar 2030 17:46:40 GMT"
    );
    assert_eq!(library.open_now(), 0);
}

#[tokio::test]
async fn a_range_is_served_with_its_place() {
    let library = Library::default();
    let range = [("range", "bytes=131070-131080")];
    let answer = ask(&library, "GET", "/movies/Long.mkv", &range).await;
    assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
    assert!(answer.body == bytes_of(131_070..131_081));
    assert_eq!(
        answer.header("content-range"),
        "bytes 131070-131080/1000003"
    );
    assert_eq!(answer.header("content-length"), "11");
}

#[tokio::test]
async fn several_ranges_are_parts_of_one_body() {
    let library = Library::default();
    let range = [("range", "bytes=0-3,999999-")];
    let answer = ask(&library, "GET", "/movies/Long.mkv", &range).await;
    assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
    let kind = answer.header("content-type");
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    assert_eq!(
        answer.header("content-length"),
        answer.body.len().to_string()
    );
    let mut expected = Vec::new();
    for (place, bytes) in [
        ("0-3", bytes_of(0..4)),
        ("999999-1000002", bytes_of(999_999..LONG)),
    ] {
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: video/x-matroska\r\nContent-Range: bytes {place}/{LONG}\r\n\r\n"
        );
        expected.extend(head.into_bytes());
        expected.extend(bytes);
    }
    expected.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
    assert!(answer.body == expected);
}

#[tokio::test]
async fn a_range_beyond_the_end_names_the_length() {
    let library = Library::default();
    let range = [("range", "bytes=1000003-")];
    let answer = ask(&library, "GET", "/movies/Long.mkv", &range).await;
    assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(answer.header("content-range"), "bytes */1000003");
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn who_has_it_already_gets_no_bytes() {
    let library = Library::default();
    let known = [("if-none-match", "\"tag-1000003\"")];
    let answer = ask(&library, "GET", "/movies/Long.mkv", &known).await;
    assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
    // The time has a fraction that no HTTP date has.
    let since = [("if-modified-since", "Sun, 17 Mar 2030 17:46:40 GMT")];
    let answer = ask(&library, "GET", "/movies/Long.mkv", &since).await;
    assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn a_head_has_the_headers_and_opens_nothing() {
    let library = Library::default();
    let answer = ask(&library, "HEAD", "/movies/Long.mkv", &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-length"), LONG.to_string());
    assert!(answer.body.is_empty());
    assert_eq!(library.opened(), 0);
}

#[tokio::test]
async fn a_film_that_nobody_delivers_is_an_error_and_not_a_broken_answer() {
    let library = Library::default();
    let answer = ask(&library, "GET", "/movies/Dead.mkv", &[]).await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(answer.text(), "the bytes did not come in time\n");
    assert_eq!(library.open_now(), 0);
}

#[tokio::test]
async fn an_empty_file_is_an_empty_answer() {
    let library = Library::default();
    let answer = ask(&library, "GET", "/movies/Empty.nfo", &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-length"), "0");
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn the_type_of_a_side_car_is_that_of_its_name() {
    let library = Library::default();
    let answer = ask(&library, "HEAD", "/movies/Long.srt", &[]).await;
    assert_eq!(answer.header("content-type"), "application/x-subrip");
}
