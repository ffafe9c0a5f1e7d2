//! The home swarm in virtual time: medians and worst of 20 cold starts.
use std::time::Duration;
use gostorm_core::Time;
use gostorm_sim::peer::{PeerSpec, Share};
use gostorm_sim::player::{Film, FilmStep, PlayerKind, PlayerSpec};
use gostorm_sim::world::{TorrentSpec, World, WorldSpec};

fn ms(x: u64) -> Duration { Duration::from_millis(x) }
fn mbit(x: f64) -> u64 { (x * 125_000.0) as u64 }

fn peers() -> Vec<PeerSpec> {
    let mut all = Vec::new();
    let mk = |rtt: u64, rate: f64, unchoke: u64| {
        let mut p = PeerSpec::seed(ms(rtt), mbit(rate));
        p.link.burst = 64 << 10;
        p.unchokes_after = Some(ms(unchoke));
        p
    };
    for _ in 0..6 { all.push(mk(40, 20.0, 50)); }
    for _ in 0..12 { all.push(mk(90, 6.0, 200)); }
    for i in 0..10 { let mut p = mk(180, 1.5, 800); p.share = Share::Part { percent: 60, salt: i }; all.push(p); }
    for _ in 0..4 { all.push(mk(120, 4.0, 8000)); }
    for _ in 0..4 { let mut p = mk(100, 8.0, 50); p.silent_after = Some(3 << 20); all.push(p); }
    for _ in 0..4 { let mut p = mk(60, 10.0, 50); p.dies_after = Some(6 << 20); all.push(p); }
    all
}

fn main() {
    let piece: u32 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(4);
    let mut rows = Vec::new();
    for seed in 0..20 {
        let mut torrent = TorrentSpec::film(piece << 20, 1536 << 20, peers());
        torrent.connections_max = 25;
        let film = PlayerKind::Film(Film { rate: 5_125_000, buffer: Duration::from_secs(15), steps: vec![FilmStep::Seek { at: Duration::from_secs(17), permille: 700 }], stops: Duration::from_secs(32) });
        let mut world = World::new(WorldSpec::new(torrent, vec![PlayerSpec { torrent: 0, file: 0, starts: Duration::ZERO, kind: film }]), seed);
        world.run_until_done(Time(60_000_000));
        let r = world.report();
        rows.push((r.players[0].first_byte.unwrap_or(ms(99999)), r.players[0].startup.unwrap_or(ms(99999)), r.players[0].stall, r.players[0].seek_worst, r.torrents[0].waste()));
    }
    let col = |f: &dyn Fn(&(Duration, Duration, Duration, Duration, f64)) -> f64, name: &str| {
        let mut v: Vec<f64> = rows.iter().map(f).collect();
        v.sort_by(f64::total_cmp);
        println!("{name:12} median {:.3} p95 {:.3} max {:.3}", v[10], v[18], v[19]);
    };
    col(&|r| r.0.as_secs_f64(), "first byte");
    col(&|r| r.1.as_secs_f64(), "1 s of film");
    col(&|r| r.2.as_secs_f64(), "stall");
    col(&|r| r.3.as_secs_f64(), "seek 1 s");
    col(&|r| r.4, "waste");
}
