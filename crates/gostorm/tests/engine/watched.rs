//! Whom a limit of the process favours: the film that somebody is known to watch.

use gostorm::Config;
use gostorm_sim::lab::{LabPeer, Script};

use crate::stand::{MIB, Stand, check, config, eventually, film, peer};

const PEERS: usize = 6;

/// How many of them are connected.
fn connected(peers: &[LabPeer]) -> u64 {
    peers.iter().map(|peer| peer.counters().open).sum()
}

#[tokio::test]
async fn a_film_that_somebody_watches_gets_the_connections_of_others_until_it_is_stopped() {
    let stand = Stand::with(Config {
        // Eight of them are for peers that we dial.
        connections_max: 9,
        ..config()
    });
    let films = [film(310, 24 * MIB), film(311, 24 * MIB)];
    let peers = [0, 1].map(|of| {
        (0..PEERS)
            .map(|_| peer(&films[of], Script::default()))
            .collect::<Vec<_>>()
    });
    let mut streams = Vec::new();
    for (content, peers) in films.iter().zip(&peers) {
        stand.knows(content, &[]);
        let stream = stand.open(content, &peers.iter().collect::<Vec<_>>());
        check(&stream, content, 0, 1_000).await;
        streams.push(stream);
    }
    let open = || [connected(&peers[0]), connected(&peers[1])];
    eventually("both have the same", || open() == [3, 3]).await;
    streams[1].confirm(true);
    eventually("one is watched", || open() == [2, 6]).await;
    check(&streams[0], &films[0], 20 * MIB, 1_000).await;
    check(&streams[1], &films[1], 20 * MIB, 1_000).await;
    streams[1].confirm(false);
    eventually("it was stopped", || open() == [3, 3]).await;
    stand.engine.shutdown().await;
}
