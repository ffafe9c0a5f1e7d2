//! A real HTTP server on loopback that plays the tracker, answer by answer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use gostorm_wire::{AnnounceEvent, InfoHash, PeerId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use std::time::Duration;

use super::limits::{BODY_LEN_MAX, REDIRECTS_MAX};
use super::*;

const GOOD: &str = "d8:intervali900e5:peers6:\x01\x02\x03\x04\x1a\x0be";

fn request() -> AnnounceRequest {
    AnnounceRequest {
        info_hash: InfoHash([0xab; 20]),
        peer_id: PeerId([b'p'; 20]),
        port: 8091,
        uploaded: 0,
        downloaded: 0,
        left: 1,
        event: AnnounceEvent::Started,
        numwant: Some(50),
        key: 1,
        tracker_id: None,
        compact: true,
    }
}

fn http(status: &str, more: &str, body: &str) -> String {
    let len = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\n{more}Connection: close\r\n\r\n{body}")
}

fn redirect_to(target: &str) -> String {
    http("302 Found", &format!("Location: {target}\r\n"), "")
}

/// A server that gives one answer to each connection, in turn, and returns the requests that it saw.
async fn server(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut seen = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            seen.push(String::from_utf8(head).unwrap());
            // The client may hang up before the end of a long answer.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        seen
    });
    (base, task)
}

async fn announce(url: &str) -> Result<AnnounceResponse, TrackerError> {
    let announced = TrackerClient::new(Arc::default())
        .announce(url, &request())
        .await?;
    Ok(announced.answer)
}

async fn answer_to(answer: String) -> Result<AnnounceResponse, TrackerError> {
    let (base, _server) = server(vec![answer]).await;
    announce(&format!("{base}/announce")).await
}

#[tokio::test]
async fn an_announce_is_asked_and_answered() {
    let (base, server) = server(vec![http("200 OK", "Set-Cookie: a=b\r\n", GOOD)]).await;
    let answer = announce(&format!("{base}/announce?passkey=x"))
        .await
        .unwrap();
    assert_eq!(answer.interval, Duration::from_secs(900));
    assert_eq!(answer.peers, ["1.2.3.4:6667".parse().unwrap()]);
    let seen = server.await.unwrap().remove(0).to_ascii_lowercase();
    assert!(
        seen.starts_with("get /announce?passkey=x&info_hash=%ab%ab"),
        "{seen}"
    );
    assert!(seen.contains("user-agent: gostream/"), "{seen}");
}

#[tokio::test]
async fn a_refusal_is_told_in_the_trackers_words_whatever_the_status() {
    for status in ["200 OK", "400 Bad Request"] {
        let error = answer_to(http(status, "", "d14:failure reason7:go awaye")).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "the tracker refuses: go away"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error() {
    let page = answer_to(http("200 OK", "", "<html>")).await.unwrap_err();
    assert!(matches!(page, TrackerError::Answer(_)), "{page}");
    let status = answer_to(http("503 No", "", GOOD)).await.unwrap_err();
    assert!(matches!(status, TrackerError::Status(503)), "{status}");
    let broken = answer_to("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nd".to_owned());
    let broken = broken.await.unwrap_err();
    assert!(matches!(broken, TrackerError::Http(_)), "{broken}");
}

#[tokio::test]
async fn a_long_answer_is_cut_off() {
    let long = "x".repeat(BODY_LEN_MAX + 1);
    let error = answer_to(http("200 OK", "", &long)).await.unwrap_err();
    assert!(matches!(error, TrackerError::TooLong), "{error}");
    let endless = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{long}");
    let error = answer_to(endless).await.unwrap_err();
    assert!(matches!(error, TrackerError::TooLong), "{error}");
}

#[tokio::test]
async fn redirects_are_followed_a_few_times() {
    let mut answers = vec![redirect_to("/announce2?key=1"); REDIRECTS_MAX];
    answers.push(http("200 OK", "", GOOD));
    let (base, server) = server(answers).await;
    announce(&format!("{base}/announce")).await.unwrap();
    let seen = server.await.unwrap();
    assert!(seen[1].starts_with("GET /announce2?key=1 "), "{}", seen[1]);

    let (base, _server) = self::server(vec![redirect_to("/announce"); REDIRECTS_MAX + 1]).await;
    let error = announce(&format!("{base}/announce")).await.unwrap_err();
    assert!(matches!(error, TrackerError::TooManyRedirects), "{error}");
}

#[tokio::test]
async fn a_redirect_cannot_call_local_services() {
    for target in [
        "/shutdown",
        "http://localhost:1/shutdown",
        "http://[::1]:1/shutdown",
    ] {
        let error = answer_to(redirect_to(target)).await.unwrap_err();
        let refused = matches!(error, TrackerError::OutOfReach)
            || matches!(&error, TrackerError::Http(text) if text.contains("may not have"));
        assert!(refused, "{target}: {error}");
    }
    let error = answer_to(redirect_to("file:///etc/passwd"))
        .await
        .unwrap_err();
    assert!(matches!(error, TrackerError::Unsupported { .. }), "{error}");
    let error = answer_to(http("302 Found", "", "")).await.unwrap_err();
    assert!(matches!(error, TrackerError::BadRedirect(_)), "{error}");
}

#[tokio::test]
async fn after_a_public_server_local_addresses_are_out_of_reach() {
    let client = HttpTrackers::new(Arc::default());
    let (base, _server) = server(vec![http("200 OK", "", GOOD)]).await;
    let literal = Url::parse(&format!("{base}/announce")).unwrap();
    let mut name = literal.clone();
    name.set_host(Some("localhost")).unwrap();
    for url in [literal, name] {
        assert!(client.get(url, Reach::GlobalOnly).await.is_err());
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_said() {
    for (url, text) in [
        (
            "wss://tracker.invalid/announce",
            "trackers of scheme wss: are not supported",
        ),
        ("http://", "the tracker's URL is not valid: empty host"),
        (
            "http://127.0.0.1:1/",
            "the tracker's address is local, and its URL is not one that may lead there",
        ),
    ] {
        assert_eq!(announce(url).await.unwrap_err().to_string(), text);
    }
}

#[tokio::test]
async fn an_error_does_not_show_the_passkey() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{nobody}/announce?passkey=SECRET");
    let text = announce(&url).await.unwrap_err().to_string();
    assert!(!text.contains("SECRET"), "{text}");
    assert!(text.contains("refused"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_tracker_that_does_not_answer_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/announce", listener.local_addr().unwrap());
    let error = announce(&url).await.unwrap_err();
    assert!(matches!(error, TrackerError::Timeout), "{error}");
}
