//! Our node of the DHT: it goes with the network, comes back with it, and is written down.

use std::sync::Arc;

use gostorm::net::NetConfig;
use gostorm::{Config, DiscoveryConfig, Engine};

use crate::binding::Loopback;
use crate::stand::{Stand, config, eventually};

/// An engine with a node at any port.
fn node(entries: &[String]) -> Config {
    Config {
        discovery: DiscoveryConfig {
            dht: true,
            dht_bootstrap: entries.to_vec(),
            ..DiscoveryConfig::default()
        },
        ..config()
    }
}

fn nodes(engine: &Engine) -> usize {
    engine.dht_nodes().unwrap().iter().sum()
}

#[tokio::test]
async fn the_node_follows_the_network_and_its_table_survives_a_restart() {
    let hub = Stand::with(node(&[]));
    eventually("the hub listens", || hub.engine.dht_port().is_some()).await;
    let entry = format!("127.0.0.1:{}", hub.engine.dht_port().unwrap());
    let loopback = Arc::new(Loopback::default());
    loopback.set(Some((1, "127.0.0.1")));
    let stand = Stand::with(Config {
        net: NetConfig {
            bind: Some("lo".parse().unwrap()),
            interfaces: Arc::<Loopback>::clone(&loopback),
            ..NetConfig::default()
        },
        ..node(&[entry])
    });
    eventually("it knows the hub", || nodes(&stand.engine) == 1).await;

    loopback.set(None);
    eventually("its socket is closed", || stand.engine.dht_port().is_none()).await;
    assert_eq!(nodes(&stand.engine), 0);
    loopback.set(Some((1, "127.0.0.1")));
    eventually("it knows the hub again", || nodes(&stand.engine) == 1).await;
    stand.engine.shutdown().await;
    assert!(stand.store.dht().is_some());

    let again = Engine::start(node(&[]), stand.store.clone()).unwrap();
    eventually("it starts from what was kept", || nodes(&again) == 1).await;
    again.shutdown().await;
    hub.engine.shutdown().await;
}

#[tokio::test]
async fn what_is_no_message_and_what_nobody_asked_for_changes_nothing() {
    let hub = Stand::with(node(&[]));
    eventually("the hub listens", || hub.engine.dht_port().is_some()).await;
    let to = ("127.0.0.1", hub.engine.dht_port().unwrap());
    let liar = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let answer =
        b"d1:rd2:id20:abcdefghij01234567896:valuesl6:\x7f\0\0\x01\0\x50ee1:t4:\0\0\0\x011:y1:re";
    for n in 0..500_usize {
        let junk = vec![u8::try_from(n % 256).unwrap(); n * 2];
        liar.send_to(&junk, to).await.unwrap();
        liar.send_to(answer, to).await.unwrap();
    }
    // It is still there, and answers.
    let ping = b"d1:ad2:id20:abcdefghij01234567892:roi1ee1:q4:ping1:t2:aa1:y1:qe";
    let mut reply = [0; 500];
    let answered = async {
        loop {
            liar.send_to(ping, to).await.unwrap();
            let wait = std::time::Duration::from_millis(200);
            let received = tokio::time::timeout(wait, liar.recv_from(&mut reply)).await;
            if let Ok(Ok((len, _))) = received {
                return len;
            }
        }
    };
    let len = tokio::time::timeout(crate::stand::SOON, answered)
        .await
        .unwrap();
    assert!(reply[..len].ends_with(b"1:t2:aa1:y1:re"));
    assert_eq!(nodes(&hub.engine), 0);
    hub.engine.shutdown().await;
}
