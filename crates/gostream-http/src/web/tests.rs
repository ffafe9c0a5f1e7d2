//! Connections in virtual time: heads, bodies and answers that do not come on.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{Instant, interval, timeout};

use super::*;
use crate::control::BODY_LEN_MAX;

/// What a system keeps of a connection that nobody reads.
const PIPE: usize = 64 * 1024;

const POST: &str = "POST /api/echo HTTP/1.1\r\nHost: x\r\n";

/// Takes whole bodies, and sends an endless film.
fn router() -> Router {
    let film = || async {
        let bytes = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[7; 4096])));
        Body::from_stream(bytes)
    };
    let len = async |body: Bytes| body.len().to_string();
    let taken = post(len).layer(axum::extract::DefaultBodyLimit::disable());
    let router = Router::new()
        .route("/echo", taken.clone())
        .route("/api/echo", taken)
        .route("/film", get(film));
    with_bounded_bodies(router)
}

fn connected() -> (DuplexStream, Serving) {
    let (client, server) = duplex(PIPE);
    let mut serving = Serving::default();
    serving.add(server, router(), (), ());
    (client, serving)
}

/// All that comes until the server closes, and after how long that was.
async fn rest(client: &mut DuplexStream) -> (String, Duration) {
    let began = Instant::now();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    (String::from_utf8(answer).unwrap(), began.elapsed())
}

fn is_about(took: Duration, seconds: u64) -> bool {
    (seconds..=seconds + 3).contains(&took.as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_to_an_end_is_given_up() {
    for sent in ["", "G", "GET /film HTTP/1.1\r\nHost: x\r\n"] {
        let (mut client, _serving) = connected();
        client.write_all(sent.as_bytes()).await.unwrap();
        let (answer, took) = rest(&mut client).await;
        assert!(answer.is_empty() && is_about(took, 30), "{sent:?} {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_has_no_more_time_for_that() {
    let (client, _serving) = connected();
    let (mut from, mut to) = tokio::io::split(client);
    let trickle = tokio::spawn(async move {
        to.write_all(b"GET /film HTTP/1.1\r\n").await.unwrap();
        let mut clock = interval(Duration::from_secs(5));
        while to.write_all(b"X-A: b\r\n").await.is_ok() {
            clock.tick().await;
        }
    });
    let began = Instant::now();
    from.read_to_end(&mut Vec::new()).await.unwrap();
    assert!(is_about(began.elapsed(), 30));
    trickle.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_stays_without_a_further_request_is_closed() {
    let (mut client, _serving) = connected();
    let request = format!("{POST}Content-Length: 2\r\n\r\nab");
    client.write_all(request.as_bytes()).await.unwrap();
    let (answer, took) = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with('2'));
    assert!(is_about(took, 30), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_told_that_it_is_too_slow() {
    for (path, says) in [
        ("/echo", "the request came too slowly\n"),
        ("/api/echo", "problem:too-slow"),
    ] {
        let (mut client, _serving) = connected();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        let began = Instant::now();
        let mut answer = [0; 12];
        let read = timeout(Duration::from_secs(60), client.read_exact(&mut answer));
        read.await.unwrap().unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408", "{path}");
        assert!(is_about(began.elapsed(), 30));
        // It goes on sending, and hears all the same.
        client.write_all(b"more").await.unwrap();
        let (answer, took) = rest(&mut client).await;
        assert!(
            answer.contains(says) && took.as_secs() <= 3,
            "{path}: {answer}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_byte_a_minute_is_too_slow_however_long_it_goes_on() {
    let (client, _serving) = connected();
    let (mut from, mut to) = tokio::io::split(client);
    let head = format!("{POST}Content-Length: 1000\r\n\r\n");
    let trickle = tokio::spawn(async move {
        to.write_all(head.as_bytes()).await.unwrap();
        let mut clock = interval(Duration::from_secs(20));
        while to.write_all(b"x").await.is_ok() {
            clock.tick().await;
        }
    });
    let began = Instant::now();
    let mut answer = String::new();
    from.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(is_about(began.elapsed(), 30));
    trickle.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_long_body_may_come_over_a_slow_line() {
    let (mut client, _serving) = connected();
    let len = 16 << 20;
    let head = format!("{POST}Connection: close\r\nContent-Length: {len}\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let mut clock = interval(Duration::from_secs(1));
    for _ in 0..len / PIPE {
        client.write_all(&[b'x'; PIPE]).await.unwrap();
        clock.tick().await;
    }
    let (answer, _) = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with(&len.to_string()), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_says_it_is_a_gigabyte_is_refused_at_once() {
    let (mut client, _serving) = connected();
    let head = format!("{POST}Content-Length: 1073741824\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_say_how_long_it_is_is_cut_off_and_told_why() {
    let (client, _serving) = connected();
    let (mut from, mut to) = tokio::io::split(client);
    let chunk = [&b"10000\r\n"[..], &[b'x'; 0x10000], b"\r\n"].concat();
    let endless = tokio::spawn(async move {
        let head = format!("{POST}Transfer-Encoding: chunked\r\n\r\n");
        to.write_all(head.as_bytes()).await.unwrap();
        let mut sent = 0_usize;
        while sent < 1 << 30 && to.write_all(&chunk).await.is_ok() {
            sent += 0x10000;
        }
        sent
    });
    let mut answer = String::new();
    from.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    drop(from);
    let sent = endless.await.unwrap();
    assert!(
        (BODY_LEN_MAX..BODY_LEN_MAX + (80 << 20)).contains(&sent),
        "{sent}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_hours_is_no_end_and_one_of_a_day_is() {
    let (mut client, mut serving) = connected();
    client
        .write_all(b"GET /film HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut take = vec![0; 4 * PIPE];
    client.read_exact(&mut take).await.unwrap();
    let mut clock = interval(Duration::from_secs(5 * 3600));
    for _ in 0..4 {
        clock.tick().await;
        client.read_exact(&mut take).await.unwrap();
    }
    let began = Instant::now();
    serving.ended().await;
    assert!(is_about(began.elapsed(), 6 * 3600));
}

#[tokio::test(start_paused = true)]
async fn who_is_turned_away_is_answered_once_and_has_little_time_to_ask() {
    let full = || Router::new().fallback(async || Refusal::Crowded);
    let mut serving = Serving::default();
    let (mut client, server) = duplex(PIPE);
    serving.turn_away(server, full(), ());
    client
        .write_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        .await
        .unwrap();
    let (answer, _) = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 5\r\n"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    let (mut silent, server) = duplex(PIPE);
    serving.turn_away(server, full(), ());
    let (answer, took) = rest(&mut silent).await;
    assert!(answer.is_empty() && is_about(took, 5), "{took:?}");
}
