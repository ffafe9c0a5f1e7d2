//! `verification: "responsive"`: the price is paid for a moment, and the kernel forgets it.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use serde_json::json;

use crate::harness::content::assert_same;
use crate::harness::free_port;
use crate::harness::media::{self, MIB, MIB_LEN};
use crate::harness::server::Server;
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::wait;

const LIMIT: Duration = Duration::from_secs(120);
/// More blocks than a peer is asked for at a time: the first of them are here long before the last.
const PIECE: u64 = 16 * MIB;
/// Where the liar lies.
const LIES: std::ops::Range<u64> = 128 * MIB..144 * MIB;

fn read(file: &File, offset: u64) -> Vec<u8> {
    let file = file.try_clone().unwrap();
    wait::within("a read", LIMIT, move || {
        let mut bytes = vec![0; 65_536];
        file.read_exact_at(&mut bytes, offset).unwrap();
        bytes
    })
}

#[test]
fn a_wrong_page_that_was_shown_is_forgotten_by_the_kernel() {
    let original = media::bytes(200);
    let torrent = Torrent::make(&original, PIECE, None, &[]);
    let (from, to) = (LIES.start.to_string(), LIES.end.to_string());
    let lies = ["--corrupt-every", "1", "--corrupt-range", &from, &to];
    let mut liar = Peer::scripted(&torrent, "127.0.0.4", &lies);
    let good = SocketAddr::from(([127, 0, 0, 5], free_port()));
    let settings = json!({"verification": "responsive", "read_ahead_budget_mb": 64});
    let server = Server::start(settings);
    let paths = server.add(&torrent.magnet_of_peers(&[liar.address, good]));
    let path = &paths[0];

    // The liar is the only peer, and proves itself.
    let film = original.clone();
    let head = path.clone();
    wait::within("the head of the film", LIMIT, move || {
        let shown = File::open(&head).unwrap();
        assert_same(&File::open(&film).unwrap(), &shown, 0, MIB_LEN);
    });
    // Open all the while: an open may drop what the kernel has, and without a reader nobody would fetch the piece.
    let shown = File::open(path).unwrap();
    let offset = LIES.start + 5 * MIB;
    let right = read(&File::open(&original).unwrap(), offset);
    assert_ne!(read(&shown, offset), right, "shown before it was checked");
    wait::until("the liar is found out", LIMIT, || {
        (liar.figure("connected") == 0).then_some(())
    });

    // Who reads again gets the right bytes, not the pages that the kernel had.
    let _good = Peer::scripted_at(&torrent, good, &[]);
    wait::until("the kernel has forgotten", LIMIT, || {
        (read(&shown, offset) == right).then_some(())
    });
    let film = original.clone();
    wait::within("all that was lied about", LIMIT, move || {
        let expected = File::open(&film).unwrap();
        for offset in (LIES.start..LIES.end).step_by(MIB_LEN) {
            assert_same(&expected, &shown, offset, MIB_LEN);
        }
    });
    assert_eq!(liar.figure("connections"), 1, "banned");
}
