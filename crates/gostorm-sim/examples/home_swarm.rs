//! The home swarm in virtual time: what a player waits for, as median and worst of cold starts.
//!
//! `cargo run -p gostorm-sim --example home_swarm -- [MiB of a piece]`. Six fast peers, twelve middling
//! ones, ten slow with 60 % of the pieces, four that unchoke late, four that fall silent, four that
//! close; a film of 41 Mbit/s, a seek to 70 % after 17 s.
#![expect(clippy::print_stdout, reason = "a program that prints a table")]

use std::time::Duration;

use gostorm_core::Time;
use gostorm_sim::peer::{PeerSpec, Share};
use gostorm_sim::player::{Film, FilmStep, PlayerKind, PlayerSpec};
use gostorm_sim::world::{Report, TorrentSpec, World, WorldSpec};

/// Cold starts.
const RUNS: u64 = 20;

/// A seed with a round trip, a rate in kbit/s, and a time to its unchoke.
fn seed(rtt_ms: u64, kilobits: u64, unchoke_ms: u64) -> PeerSpec {
    let mut peer = PeerSpec::seed(Duration::from_millis(rtt_ms), kilobits * 125);
    peer.link.burst = 64 << 10;
    peer.unchokes_after = Some(Duration::from_millis(unchoke_ms));
    peer
}

fn peers() -> Vec<PeerSpec> {
    let mut all = vec![seed(40, 20_000, 50); 6];
    all.extend(vec![seed(90, 6_000, 200); 12]);
    all.extend((0..10).map(|salt| PeerSpec {
        share: Share::Part { percent: 60, salt },
        ..seed(180, 1_500, 800)
    }));
    all.extend(vec![seed(120, 4_000, 8_000); 4]);
    let stalls = PeerSpec {
        silent_after: Some(3 << 20),
        ..seed(100, 8_000, 50)
    };
    all.extend(vec![stalls; 4]);
    let closes = PeerSpec {
        dies_after: Some(6 << 20),
        ..seed(60, 10_000, 50)
    };
    all.extend(vec![closes; 4]);
    all
}

fn cold_start(piece_mib: u32, number: u64) -> Report {
    let torrent = TorrentSpec::film(piece_mib << 20, 1_536 << 20, peers());
    let seek = FilmStep::Seek {
        at: Duration::from_secs(17),
        permille: 700,
    };
    let film = Film {
        rate: 5_125_000,
        buffer: Duration::from_secs(15),
        steps: vec![seek],
        stops: Duration::from_secs(32),
    };
    let player = PlayerSpec {
        torrent: 0,
        file: 0,
        starts: Duration::ZERO,
        kind: PlayerKind::Film(film),
    };
    let mut world = World::new(WorldSpec::new(torrent, vec![player]), number);
    world.run_until_done(Time(60_000_000));
    world.report()
}

fn row(name: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let median = values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
    let worst = values.last().copied().unwrap_or(f64::NAN);
    println!("{name:<24} median {median:.3}  worst {worst:.3}");
}

fn main() {
    let piece_mib = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let runs: Vec<Report> = (0..RUNS)
        .map(|number| cold_start(piece_mib.unwrap_or(4), number))
        .collect();
    let seconds = |value: &dyn Fn(&Report) -> Duration| {
        runs.iter().map(|run| value(run).as_secs_f64()).collect()
    };
    row(
        "first bytes, s",
        seconds(&|run| run.players[0].first_byte.unwrap_or(Duration::MAX)),
    );
    row(
        "a second of film, s",
        seconds(&|run| run.players[0].startup.unwrap_or(Duration::MAX)),
    );
    row("stalls, s", seconds(&|run| run.players[0].stall));
    row(
        "seek to a second, s",
        seconds(&|run| run.players[0].seek_worst),
    );
    row(
        "waste",
        runs.iter().map(|run| run.torrents[0].waste()).collect(),
    );
}
