//! The oracle on films whose fate is plain to see.

use std::time::Duration;

use super::*;
use crate::peer::{PeerSpec, Share};
use crate::player::{Film, FilmStep, PlayerSpec};
use crate::world::TorrentSpec;

const MIB: u64 = 1 << 20;

fn seed(rate: u64) -> PeerSpec {
    PeerSpec::seed(Duration::from_millis(40), rate)
}

/// A film of 1 MB/s, watched for a minute.
fn fate(peers: Vec<PeerSpec>, steps: Vec<FilmStep>) -> Fate {
    let film = Film {
        rate: 1_000_000,
        buffer: Duration::from_secs(10),
        steps,
        stops: Duration::from_secs(60),
    };
    let player = PlayerSpec {
        torrent: 0,
        file: 0,
        starts: Duration::ZERO,
        kind: PlayerKind::Film(film),
    };
    let torrent = TorrentSpec::film(1 << 20, 2_048 * MIB, peers);
    let fates = fates(&WorldSpec::new(torrent, vec![player]));
    fates.into_iter().flatten().next().unwrap_or_default()
}

#[test]
fn a_film_stalls_when_two_thirds_of_the_liquid_are_thinner_than_its_bitrate() {
    let good = fate(vec![seed(1_700_000)], vec![]);
    assert_eq!(good.stall, Duration::ZERO);
    // A MiB of film and one of index.
    assert!(good.start < Some(Duration::from_secs(3)), "{good:?}");
    let thin = fate(vec![seed(1_200_000)], vec![]).stall;
    assert!(thin > Duration::from_secs(8), "{thin:?}");
    assert_eq!(fate(vec![], vec![]).start, None);
}

#[test]
fn a_piece_that_nobody_brings_stands_in_the_way() {
    let half = |at| PeerSpec {
        share: Share::Every { of: 2, at },
        ..seed(4_000_000)
    };
    assert_eq!(fate(vec![half(0), half(1)], vec![]).stall, Duration::ZERO);
    let one = fate(vec![half(0)], vec![]);
    assert!(one.dark_at_end, "the second piece never comes: {one:?}");
}

#[test]
fn silence_death_and_a_late_unchoke_cost_what_they_cost() {
    let silent = PeerSpec {
        silent_after: Some(20 * MIB),
        ..seed(3_000_000)
    };
    let slow = seed(600_000);
    assert!(fate(vec![silent, slow], vec![]).stall > Duration::from_secs(10));
    let dies = PeerSpec {
        dies_after: Some(20 * MIB),
        ..seed(3_000_000)
    };
    assert_eq!(fate(vec![dies, slow], vec![]).stall, Duration::ZERO);
    let late = PeerSpec {
        unchokes_after: Some(Duration::from_secs(8)),
        ..seed(3_000_000)
    };
    assert!(fate(vec![late], vec![]).start > Some(Duration::from_secs(8)));
}

#[test]
fn a_seek_is_no_stall_and_its_wait_is_known() {
    let seek = FilmStep::Seek {
        at: Duration::from_secs(10),
        permille: 500,
    };
    let one = fate(vec![seed(3_000_000)], vec![seek]);
    assert_eq!(one.stall, Duration::ZERO);
    assert!(one.seek_worst > Duration::from_millis(500), "{one:?}");
    assert!(one.seek_worst < Duration::from_millis(1_600), "{one:?}");
}
