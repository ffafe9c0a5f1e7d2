//! The port at a gateway: we listen there, say so everywhere, and follow it while films go on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gostorm::Config;
use gostorm::nat::{ForwardedBy, NatConfig};
use gostorm::net::NetConfig;
use gostorm_sim::lab::{LabTracker, Script};
use gostorm_wire::nat::{Refusal, natpmp};
use tokio::net::TcpStream;

use crate::binding::Loopback;
use crate::gateway::{Gateway, own_address};
use crate::stand::{MIB, SOON, Stand, answer, ask, check, config, eventually, film, peer};

/// As a VPN is set up, but for short times.
fn vpn(gateway: std::net::Ipv4Addr) -> NatConfig {
    NatConfig {
        dialects: &[gostorm::nat::Dialect::NatPmp],
        upnp: false,
        gateway: Some(gateway),
        lifetime: 60,
        renew_after: Some(Duration::from_secs(1)),
        pause_max: Duration::from_secs(1),
        ..NatConfig::home()
    }
}

fn stand(nat: NatConfig) -> Stand {
    Stand::with(Config {
        nat: Some(nat),
        ..config()
    })
}

/// A port of 127.0.0.1 that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn at(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

#[tokio::test]
async fn a_peer_that_dials_the_forwarded_port_serves_and_the_port_is_given_back() {
    let content = film(90, 2 * MIB);
    let seeder = peer(&content, Script::default());
    let port = free_port();
    let gateway = Gateway::start(port).await;
    let stand = stand(vpn(gateway.address));
    eventually("the port is announced", || stand.engine.port() == port).await;
    let forwarded = stand.engine.nat().borrow().forwarded.unwrap();
    assert_eq!(forwarded.by, ForwardedBy::NatPmp);
    assert!(forwarded.left().unwrap() <= Duration::from_secs(60));
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[]);
    let waiting = ask(&stream, 300_000, 100_000);
    while seeder.counters().open == 0 {
        // The torrent may take no peer before its store has answered.
        seeder.dial(at(port)).await.unwrap();
        let _ = seeder.until(SOON / 100, |counters| counters.open > 0).await;
    }
    assert!(content.matches(300_000, &answer(waiting).await.unwrap()));
    assert!(!gateway.was_given_back());
    stand.engine.shutdown().await;
    assert!(gateway.was_given_back());
}

#[tokio::test]
async fn the_announced_port_follows_the_gateway_and_connections_stay() {
    let content = film(91, 2 * MIB);
    let seeder = peer(&content, Script::default());
    let tracker = LabTracker::start(vec![seeder.addr()], Duration::ZERO)
        .await
        .unwrap();
    let (first, second) = (free_port(), free_port());
    let gateway = Gateway::start(first).await;
    let stand = stand(vpn(gateway.address));
    eventually("the first port is announced", || {
        stand.engine.port() == first
    })
    .await;
    stand.knows(&content, &[tracker.url()]);
    let stream = stand.open(&content, &[]);
    check(&stream, &content, 0, 100_000).await;
    assert_eq!(tracker.heard().port, first);
    assert_eq!(seeder.counters().told_port, first);
    gateway.rules.lock().unwrap().port = second;
    tracker
        .until(SOON, |heard| heard.port == second)
        .await
        .unwrap();
    seeder
        .until(SOON, |counters| counters.told_port == second)
        .await
        .unwrap();
    check(&stream, &content, MIB, 100_000).await;
    assert_eq!(seeder.counters().connections, 1, "nobody was let go");
    assert_eq!(tracker.heard().started, 1);
    for port in [first, second] {
        let reached = TcpStream::connect(at(port)).await;
        assert!(reached.is_ok(), "trackers know the old one for a while");
    }
    stand.engine.shutdown().await;
    assert!(TcpStream::connect(at(second)).await.is_err());
}

#[tokio::test]
async fn lost_packets_and_forged_answers_do_no_harm() {
    let port = free_port();
    let gateway = Gateway::start(port).await;
    {
        let mut rules = gateway.rules.lock().unwrap();
        rules.loses = 2;
        rules.lies = true;
    }
    let stand = stand(vpn(gateway.address));
    let mut ports = Vec::new();
    eventually("the port is announced", || {
        ports.push(stand.engine.port());
        stand.engine.port() == port
    })
    .await;
    assert!(!ports.contains(&666));
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_refusal_of_eight_bytes_is_shown_and_asked_again() {
    let port = free_port();
    let gateway = Gateway::start(port).await;
    gateway.rules.lock().unwrap().refuses = Some(Refusal::NotAuthorized);
    let stand = stand(vpn(gateway.address));
    let state = stand.engine.nat();
    eventually("the refusal is shown", || {
        let error = state.borrow().error.clone();
        error.is_some_and(|error| error.contains("not allowed to forward"))
    })
    .await;
    assert!(stand.engine.port() != 0 && stand.engine.port() != port);
    gateway.rules.lock().unwrap().refuses = None;
    eventually("the port is announced", || stand.engine.port() == port).await;
    assert_eq!(state.borrow().error, None);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_closed_port_of_a_vpn_gateway_is_explained() {
    let stand = stand(vpn(own_address()));
    let state = stand.engine.nat();
    eventually("the failure is shown", || {
        let error = state.borrow().error.clone();
        error.is_some_and(|error| error.contains("5351 is closed") && error.contains("ProtonVPN"))
    })
    .await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn the_port_of_the_settings_is_asked_for_and_listened_at_beside_our_own() {
    let (internal, port) = (free_port(), free_port());
    let gateway = Gateway::start(port).await;
    let stand = stand(NatConfig {
        internal: Some(internal),
        ..vpn(gateway.address)
    });
    eventually("the port is announced", || stand.engine.port() == port).await;
    let asked = gateway.heard()[0];
    assert!(matches!(asked, natpmp::Request::Map { internal: asked, .. } if asked == internal));
    for port in [internal, port] {
        assert!(TcpStream::connect(at(port)).await.is_ok());
    }
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_gateway_that_takes_no_packet_back_does_not_hold_up_the_end() {
    let port = free_port();
    let gateway = Gateway::start(port).await;
    let stand = stand(vpn(gateway.address));
    eventually("the port is announced", || stand.engine.port() == port).await;
    gateway.rules.lock().unwrap().loses = u32::MAX;
    tokio::time::timeout(SOON, stand.engine.shutdown())
        .await
        .unwrap();
}

#[tokio::test]
async fn nothing_is_sent_while_the_network_is_gone_and_the_port_is_had_at_once_when_it_is_back() {
    let (first, second) = (free_port(), free_port());
    let gateway = Gateway::start(first).await;
    let loopback = Arc::new(Loopback::default());
    loopback.set(Some((1, "127.0.0.1")));
    let stand = Stand::with(Config {
        net: NetConfig {
            bind: "lo".parse().ok(),
            interfaces: Arc::<Loopback>::clone(&loopback),
            ..NetConfig::default()
        },
        nat: Some(vpn(gateway.address)),
        ..config()
    });
    eventually("the first port is announced", || {
        stand.engine.port() == first
    })
    .await;
    loopback.set(None);
    let state = stand.engine.nat();
    eventually("it is known that there is no way", || {
        let error = state.borrow().error.clone();
        error.is_some_and(|error| error.contains("network down: interface lo is gone"))
    })
    .await;
    let heard = gateway.heard().len();
    gateway.rules.lock().unwrap().port = second;
    eventually("the old port is closed", || {
        std::net::TcpStream::connect(at(first)).is_err()
    })
    .await;
    assert_eq!(gateway.heard().len(), heard);
    loopback.set(Some((2, "127.0.0.1")));
    eventually("the second port is announced", || {
        stand.engine.port() == second
    })
    .await;
    eventually("we listen there", || {
        std::net::TcpStream::connect(at(second)).is_ok()
    })
    .await;
    stand.engine.shutdown().await;
}
