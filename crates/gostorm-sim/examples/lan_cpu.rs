//! What the state machine costs: processor time for each simulated gigabyte from one LAN seeder.
//!
//! `cargo run --release -p gostorm-sim --example lan_cpu`. The figure includes the simulator's own
//! work; the share of the state machine is what a profiler says of `gostorm_core`.

use std::io::Write;
use std::time::{Duration, Instant};

use gostorm_core::Time;
use gostorm_sim::link::LinkSpec;
use gostorm_sim::peer::PeerSpec;
use gostorm_sim::player::{PlayerKind, PlayerSpec};
use gostorm_sim::world::{TorrentSpec, World, WorldSpec};

const GIB: u64 = 1 << 30;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for (name, peers, rate) in [
        ("one seeder", 1, 700_000_000),
        ("forty peers", 40, 20_000_000),
    ] {
        let peers = (0..peers).map(|_| {
            let mut peer = PeerSpec::seed(Duration::from_micros(300), rate);
            peer.link = LinkSpec::new(Duration::from_micros(300), rate);
            peer
        });
        let mut torrent = TorrentSpec::film(4 << 20, 4 * GIB, peers.collect());
        torrent.connections_max = 50;
        let cat = PlayerSpec {
            torrent: 0,
            file: 0,
            starts: Duration::ZERO,
            kind: PlayerKind::Cat {
                range: 0..u64::MAX,
                in_flight: 8,
            },
        };
        let mut world = World::new(WorldSpec::new(torrent, vec![cat]), 1);
        let started = Instant::now();
        let done = world.run_until_done(Time(600_000_000));
        let spent = started.elapsed().as_secs_f64();
        let report = world.report();
        writeln!(
            out,
            "{name}: done {done} after {} of virtual time; {:.3} s of processor time a GiB, {:.2} µs an input",
            report.ended,
            spent / 4.0,
            spent * 1e6 / f64::from(u32::try_from(report.inputs).unwrap_or(u32::MAX)),
        )?;
    }
    Ok(())
}
