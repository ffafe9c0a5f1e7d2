//! Real trackers, asked as the program asks them: Debian's opentracker, and npm's bittorrent-tracker.

use std::sync::Arc;
use std::time::Duration;

use gostorm::net::Net;
use gostorm::tracker::TrackerClient;
use gostorm_wire::InfoHash;
use gostorm_wire::tracker::ScrapeCounts;
use serde_json::json;

use crate::harness::content::sha256;
use crate::harness::media;
use crate::harness::npm_tracker::NpmTracker;
use crate::harness::server::Server;
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::tracker::Tracker;
use crate::harness::{free_port, wait};

const LIMIT: Duration = Duration::from_secs(60);
const PIECE: u64 = 64 * 1024;

/// Plays a film whose seeder only this tracker names, from a magnet that names a dead one before it.
fn plays_by(server: &Server, torrent: &Torrent, url: &str) {
    let dead = format!("udp://127.0.0.1:{}/announce", free_port());
    let magnet = format!("{}&tr={dead}&tr={url}", bare(torrent));
    let path = server.add(&magnet).remove(0);
    let shown = wait::within("the film", LIMIT, move || sha256(&path));
    assert_eq!(shown, sha256(&torrent.data));
}

/// The magnet without the tracker that the seeder was given.
fn bare(torrent: &Torrent) -> String {
    format!("magnet:?xt=urn:btih:{}", torrent.info_hash)
}

/// What the tracker says of the torrent, as soon as it knows so many seeders.
fn counts(url: &str, torrent: &Torrent, seeders: u32) -> ScrapeCounts {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let hash: InfoHash = torrent.info_hash.parse().unwrap();
    let client = TrackerClient::new(Arc::new(Net::new()));
    wait::until("the tracker knows the seeder", LIMIT, || {
        let counts = runtime.block_on(client.scrape(url, hash)).unwrap();
        (counts.seeders == Some(seeders)).then_some(counts)
    })
}

#[test]
fn a_film_plays_by_a_udp_tracker_alone() {
    let tracker = Tracker::start();
    let torrent = Torrent::make(&media::bytes(4), PIECE, Some(&tracker.url()), &[]);
    tracker.allow(&torrent.info_hash);
    let _seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let server = Server::start(json!({}));
    plays_by(&server, &torrent, &tracker.udp_url());
}

#[test]
fn opentracker_counts_a_torrents_peers_over_http_and_udp() {
    let tracker = Tracker::start();
    let torrent = Torrent::make(&media::bytes(1), PIECE, Some(&tracker.url()), &[]);
    tracker.allow(&torrent.info_hash);
    let _seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    for url in [tracker.url(), tracker.udp_url()] {
        let counts = counts(&url, &torrent, 1);
        assert_eq!(counts.leechers, Some(0), "who asks is no peer: {url}");
    }
}

#[test]
fn another_tracker_hears_from_us_at_its_interval_and_when_we_stop() {
    let mut tracker = NpmTracker::start(5);
    let torrent = Torrent::make(&media::bytes(4), PIECE, Some(&tracker.http_url()), &[]);
    let _seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let counted = counts(&tracker.udp_url(), &torrent, 1);
    assert_eq!(counted.leechers, Some(0));
    for url in [tracker.udp_url(), tracker.http_url()] {
        let server = Server::start(json!({}));
        plays_by(&server, &torrent, &url);
        let port = tracker.next("start");
        assert_ne!(port, 0);
        assert_eq!(tracker.next("update"), port);
        server.stop();
        assert_eq!(tracker.next("stop"), port);
    }
}
