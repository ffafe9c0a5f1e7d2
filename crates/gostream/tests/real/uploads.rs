//! What a libtorrent leecher gets of a server that plays a film.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use serde_json::json;

use crate::harness::content::assert_same;
use crate::harness::media::{self, MIB, MIB_LEN};
use crate::harness::server::Server;
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::wait;

const LIMIT: Duration = Duration::from_secs(120);
/// Pieces at the start of the film that are read first.
const HEAD: u64 = 16;

#[test]
fn a_leecher_gets_verified_pieces_of_the_film_that_is_played_and_none_that_was_given_up() {
    let original = media::bytes(256);
    let torrent = Torrent::make(&original, MIB, None, &[]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let server = Server::start(json!({"read_ahead_budget_mb": 48, "upload_limit_kb": 2048}));
    let path = server
        .add(&torrent.magnet_of_peers(&[seeder.address]))
        .remove(0);
    let mut shown = File::open(&path).unwrap();
    // The player fills its buffer and stops: its window stays, and what is in it is announced.
    let mut start = vec![0; 4 * MIB_LEN];
    shown = wait::within("the start of the film", LIMIT, move || {
        shown.read_exact(&mut start).unwrap();
        shown
    });
    let peer = format!("127.0.0.1:{}", server.torrent_port());
    let head = HEAD.to_string();
    let arguments = ["--peer", &peer, "--alone", "--head", &head];
    let mut leecher = Peer::leecher(&torrent, "127.0.0.4", &arguments);
    wait::until("pieces are had of the server", LIMIT, || {
        (leecher.figure("pieces") >= 8).then_some(())
    });
    assert_eq!(leecher.figure("failed"), 0);
    assert_eq!(leecher.figure("peers"), 1, "from nobody else");
    assert!(leecher.figure("offered_head") > 0);

    // The player goes elsewhere, and its memory with it.
    let expected = File::open(&original).unwrap();
    wait::within("another part of the film", LIMIT, move || {
        for offset in (128 * MIB..192 * MIB).step_by(MIB_LEN) {
            assert_same(&expected, &shown, offset, MIB_LEN);
        }
    });
    wait::until("what was given up is taken back", LIMIT, || {
        (leecher.figure("offered_head") == 0).then_some(())
    });
    assert_eq!(leecher.figure("failed"), 0);
    assert_eq!(leecher.figure("peers"), 1, "nobody was let go for it");
}

#[test]
fn nothing_is_sent_where_that_is_not_wanted() {
    let original = media::short_film();
    let torrent = Torrent::make(&original, 64 * 1024, None, &[]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let server = Server::start(json!({"disable_upload": true}));
    let path = server
        .add(&torrent.magnet_of_peers(&[seeder.address]))
        .remove(0);
    let peer = format!("127.0.0.1:{}", server.torrent_port());
    let mut shown = File::open(&path).unwrap();
    // Open to the end: the torrent stays awake.
    let _shown = wait::within("the film", LIMIT, move || {
        let mut bytes = Vec::new();
        shown.read_to_end(&mut bytes).unwrap();
        shown
    });
    let mut leecher = Peer::leecher(&torrent, "127.0.0.4", &["--peer", &peer, "--head", "1000"]);
    wait::until("it is connected", LIMIT, || {
        (leecher.figure("peers") == 1).then_some(())
    });
    assert_eq!(leecher.figure("choked"), 1);
    assert_eq!(leecher.figure("offered_head"), 0);
    assert_eq!(leecher.figure("pieces"), 0);
}
