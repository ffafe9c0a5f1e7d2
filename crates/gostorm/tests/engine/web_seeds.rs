//! Films from web servers: alone, beside peers, and when a server does not do what it should.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use gostorm::{OpenRequest, ReadError, Stream, WebSeedError, WebSeedState};
use gostorm_sim::lab::{Conduct, Content, LabPeer, LabWebServer, Script};

use crate::stand::{
    MIB, SOON, Stand, answer, ask, check, check_all, config, eventually, film, peer, read, request,
};

const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;

async fn server(content: &Arc<Content>, conduct: Conduct) -> LabWebServer {
    LabWebServer::start(LOCAL, content, conduct).await.unwrap()
}

/// A request that names these web seeds and peers.
fn with(content: &Content, servers: &[&LabWebServer], peers: &[&LabPeer]) -> OpenRequest {
    OpenRequest {
        web_seeds: servers
            .iter()
            .map(|server| server.url("film.mkv"))
            .collect(),
        ..request(content, peers)
    }
}

fn open(stand: &Stand, request: OpenRequest) -> Stream {
    stand.engine.open(request, Arc::new(|_| Some(0))).unwrap()
}

async fn seeds(stand: &Stand, content: &Content) -> Vec<WebSeedState> {
    let state = stand.engine.peek(content.info_hash()).await;
    state.map(|state| state.web_seeds).unwrap_or_default()
}

/// Waits until the first web seed has gone wrong in this way.
async fn fails(stand: &Stand, content: &Content, error: &WebSeedError) -> WebSeedState {
    let mut looks = tokio::time::interval(Duration::from_millis(2));
    let seen = async {
        loop {
            looks.tick().await;
            let seed = seeds(stand, content).await.into_iter().next();
            if let Some(seed) = seed.filter(|seed| seed.error.as_ref() == Some(error)) {
                return seed;
            }
        }
    };
    tokio::time::timeout(SOON, seen).await.unwrap()
}

#[tokio::test]
async fn a_film_plays_from_a_web_server_alone_and_the_server_is_left_when_it_sleeps() {
    let content = film(80, 6 * MIB);
    let web = server(&content, Conduct::Serve).await;
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = open(&stand, with(&content, &[&web], &[]));
    check_all(&stream, &content, 0, content.len()).await;
    // And again from behind a seek.
    check(&stream, &content, 4 * MIB + 5, 100_000).await;
    let served = web.served();
    assert!(served.connections <= 5, "{served:?}");
    assert!(served.bytes <= content.len() + 3 * MIB, "{}", served.bytes);
    drop(stream);
    stand.asleep().await;
    web.until(SOON, |served| served.open == 0).await.unwrap();
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn nothing_is_asked_of_a_web_server_while_nobody_reads() {
    let content = film(81, MIB);
    let web = server(&content, Conduct::Serve).await;
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let mut resolution = stand.engine.resolve(with(&content, &[&web], &[]));
    resolution.info().await.unwrap();
    assert!(!seeds(&stand, &content).await.is_empty());
    drop(resolution);
    stand.asleep().await;
    assert_eq!(web.served().connections, 0);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn the_web_seed_of_a_magnet_serves_once_a_peer_gave_the_metadata() {
    let content = film(82, 2 * MIB);
    let web = server(&content, Conduct::Serve).await;
    // It has the info dict and not one piece.
    let poor = peer(
        &content,
        Script {
            have: gostorm_sim::lab::Have::Nothing,
            ..Script::default()
        },
    );
    let stand = Stand::new();
    let stream = open(&stand, with(&content, &[&web], &[&poor]));
    check_all(&stream, &content, 0, content.len()).await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_web_seed_that_is_of_no_use_is_given_up_and_a_peer_serves() {
    for (conduct, error) in [
        (Conduct::Whole, WebSeedError::NoRanges),
        (Conduct::Shifted, WebSeedError::WrongRange),
        (
            Conduct::Status(404, String::new()),
            WebSeedError::Status(404),
        ),
    ] {
        let content = film(83, MIB);
        let web = server(&content, conduct).await;
        let seeder = peer(&content, Script::default());
        let stand = Stand::new();
        stand.knows(&content, &[]);
        let stream = open(&stand, with(&content, &[&web], &[&seeder]));
        check_all(&stream, &content, 0, content.len()).await;
        assert!(fails(&stand, &content, &error).await.given_up);
        assert_eq!(web.served().requests, 1);
        stand.engine.shutdown().await;
    }
}

#[tokio::test]
async fn a_web_seed_in_trouble_is_left_alone_as_long_as_it_says() {
    let content = film(84, MIB);
    let busy = Conduct::Status(503, "Retry-After: 100\r\n".to_owned());
    let (web, other) = (
        server(&content, busy).await,
        server(&content, Conduct::Serve).await,
    );
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = open(&stand, with(&content, &[&web, &other], &[]));
    check_all(&stream, &content, 0, content.len()).await;
    let error = WebSeedError::Busy {
        status: 503,
        after: Some(Duration::from_secs(100)),
    };
    assert!(!fails(&stand, &content, &error).await.given_up);
    assert_eq!(web.served().requests, 1);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_silent_web_seed_does_not_hold_up_a_peer() {
    let content = film(85, 2 * MIB);
    let web = server(&content, Conduct::Serve).await;
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let seeder = peer(&content, Script::default());
    let stream = open(&stand, with(&content, &[&web], &[&seeder]));
    web.until(SOON, |served| served.requests > 0).await.unwrap();
    web.set(Conduct::Stuck);
    check_all(&stream, &content, 0, content.len()).await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_web_seed_alone_that_falls_silent_fails_the_read_and_serves_again_when_it_recovers() {
    let content = film(86, 2 * MIB);
    let web = server(&content, Conduct::Serve).await;
    let stand = Stand::with(gostorm::Config {
        read_deadline: Duration::from_secs(1),
        ..config()
    });
    stand.knows(&content, &[]);
    let stream = open(&stand, with(&content, &[&web], &[]));
    web.until(SOON, |served| served.requests > 0).await.unwrap();
    web.set(Conduct::Stuck);
    assert_eq!(read(&stream, 0, 1_000).await, Err(ReadError::TimedOut));
    web.set(Conduct::Serve);
    // What is stuck is taken back before long, and asked for anew.
    let seen = async { while answer(ask(&stream, 0, 1_000)).await.is_err() {} };
    tokio::time::timeout(SOON, seen).await.unwrap();
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_slow_web_seed_gets_no_more_than_it_can_bring() {
    let content = film(87, 4 * MIB);
    let slow = server(&content, Conduct::Slow(100_000)).await;
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = open(&stand, with(&content, &[&slow], &[&seeder]));
    check_all(&stream, &content, 0, content.len()).await;
    assert!(slow.served().bytes < content.len() / 2);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_corrupt_copy_is_found_and_given_up_and_the_film_is_right() {
    let content = film(88, 4 * MIB);
    let bad = server(&content, Conduct::Corrupt).await;
    let good = server(&content, Conduct::Serve).await;
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = open(&stand, with(&content, &[&bad, &good], &[&seeder]));
    check_all(&stream, &content, 0, content.len()).await;
    eventually("blame is found", || bad.served().bytes > 0).await;
    let mut looks = tokio::time::interval(Duration::from_millis(2));
    let seen = async {
        loop {
            looks.tick().await;
            let seeds = seeds(&stand, &content).await;
            if seeds.first().is_some_and(|seed| seed.given_up) {
                return seeds;
            }
            check(&stream, &content, 0, 1_000).await;
        }
    };
    let seeds = tokio::time::timeout(SOON, seen).await.unwrap();
    assert!(
        !seeds[1].given_up,
        "the other one on the same host serves on"
    );
    let bans = stand.store.bans();
    assert_eq!(bans.len(), 1);
    assert!(!bans[0].is_loopback(), "the seed alone is banned");
    drop(stream);
    stand.asleep().await;
    let requests = bad.served().requests;
    let stream = open(&stand, with(&content, &[&bad, &good], &[]));
    check_all(&stream, &content, 0, content.len()).await;
    assert_eq!(bad.served().requests, requests, "also in the next session");
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn connections_that_break_in_mid_body_are_made_up_for() {
    let content = film(89, 3 * MIB);
    let web = server(&content, Conduct::Cut(100_000)).await;
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = open(&stand, with(&content, &[&web], &[]));
    check_all(&stream, &content, 0, content.len()).await;
    assert!(web.served().connections > 20);
    stand.engine.shutdown().await;
}
