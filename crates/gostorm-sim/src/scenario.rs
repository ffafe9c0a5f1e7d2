//! From a seed to a run: topology and faults, safety all the way, then heal and liveness.
//!
//! After TigerBeetle's VOPR. [`Plan::from_seed`] draws the torrents, peers, faults and players;
//! [`vopr`] runs the chaos, mends the network, and checks that every read made from then on is
//! served. A broken rule panics; the caller prints [`replay_command`].

mod draw;
pub mod family;

use std::time::Duration;

use gostorm_core::Time;

use crate::oracle;
use crate::peer::PeerSpec;
use crate::player::{PlayerKind, PlayerSpec};
use crate::rng::Rng;
use crate::world::{Report, World, WorldSpec};

/// From the mending to the first read that must be served: dead connections are noticed, new ones made.
const GRACE: Duration = Duration::from_secs(6);
/// From the mending to the end.
const MENDED: Duration = Duration::from_secs(30);
/// The healthy seed that joins each torrent in the end, bytes per second.
const HEALTHY_RATE: u64 = 4_000_000;

/// What a seed means.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// The world in its chaos.
    pub world: WorldSpec,
    /// When the network is mended.
    pub heals: Duration,
}

/// What came of a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The run's figures.
    pub report: Report,
    /// For each film: the stall that the fluid oracle sees, and the one that there was.
    pub stalls: Vec<(Duration, Duration)>,
}

/// The one command that runs a seed again.
#[must_use]
pub fn replay_command(seed: u64) -> String {
    format!("cargo run -p gostorm-sim --bin replay -- --seed {seed}")
}

impl Plan {
    /// Draws the plan of a seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let (world, heals) = draw::plan(seed);
        Self { seed, world, heals }
    }
}

/// Runs a seed; panics when a rule is broken.
#[must_use]
pub fn vopr(seed: u64) -> Outcome {
    run(&Plan::from_seed(seed), &mut |_| {})
}

/// Runs a plan; `watch` sees the world before it starts and after it has ended.
pub fn run(plan: &Plan, watch: &mut dyn FnMut(&mut World)) -> Outcome {
    let mut spec = plan.world.clone();
    // Somebody opens each film after the mending, so that there is progress to be seen.
    for torrent in 0..spec.torrents.len() {
        spec.players.push(PlayerSpec {
            torrent,
            file: 0,
            starts: plan.heals + GRACE,
            kind: PlayerKind::Cat {
                range: 0..4 << 20,
                in_flight: 4,
            },
        });
    }
    let late = spec.players.len() - spec.torrents.len();
    let mut world = World::new(spec, plan.seed);
    watch(&mut world);
    world.run_until(Time::ZERO + plan.heals);
    world.check_all();
    heal(&mut world, plan);
    world.expect_service_from(world.now() + GRACE);
    world.run_until(Time::ZERO + plan.heals + MENDED);
    world.end();
    watch(&mut world);
    let report = world.report();
    for player in &report.players[late..] {
        assert!(
            player.finished.is_some(),
            "a file was not read in the mended network: {player:?}"
        );
    }
    Outcome {
        stalls: stalls(plan, &report),
        report,
    }
}

/// The network is mended: half of the peers behave from now on, the others leave, and each torrent
/// gets one healthy seed.
fn heal(world: &mut World, plan: &Plan) {
    let mut rng = Rng::new(plan.seed).fork(0x4EA1);
    world.change_access(None);
    for torrent in 0..plan.world.torrents.len() {
        let peers = world.peers(torrent).to_vec();
        for (at, peer) in peers.into_iter().enumerate() {
            let mended = if rng.percent(50) {
                peer.mended(1_000_000)
            } else {
                PeerSpec {
                    refuses: true,
                    ..peer
                }
            };
            world.change_peer(torrent, at, mended);
        }
        let rtt = Duration::from_millis(rng.between(1, 120));
        world.join(torrent, PeerSpec::seed(rtt, HEALTHY_RATE));
    }
}

fn stalls(plan: &Plan, report: &Report) -> Vec<(Duration, Duration)> {
    let fates = oracle::fates(&plan.world).into_iter().zip(&report.players);
    fates
        .filter_map(|(fate, player)| Some((fate?.stall, player.stall)))
        .collect()
}
