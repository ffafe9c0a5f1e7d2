//! The fluid oracle: what would an ideal player go through if bytes were a liquid and every line
//! ran at 2/3 of its rate?
//!
//! It knows all in advance: who has which piece, who unchokes when, who falls silent, dies or flaps,
//! and the memory window. It has no blocks, requests, queues or estimates: in each step the liquid of
//! every usable line flows into the wanted pieces, the most urgent first, the least able peers
//! first; the end of the file, with its index, comes after the first piece, and
//! the picture waits for it. A piece can be shown when all of it is here, as `Verified` demands. Peers that lie,
//! corrupt, double or refuse bring nothing, and readers that are no film take nothing. Where this
//! player sees no stall, the scheduler has no excuse for one.

mod flow;
mod measure;
mod source;
mod viewer;

use self::flow::Pool;
pub use self::measure::Fate;
use self::measure::{STEP_US, flows, micros};
use self::source::Source;
use self::viewer::Viewer;
use crate::player::PlayerKind;
use crate::world::WorldSpec;

/// The share of the budget that may lie ahead of the readers, percent (as in the core).
const AHEAD_PERCENT: u64 = 85;

/// The fate of each player, in order; `None` for those that play no film.
#[must_use]
pub fn fates(world: &WorldSpec) -> Vec<Option<Fate>> {
    let films = world.players.iter().map(|player| match &player.kind {
        PlayerKind::Film(film) => Some((player, film)),
        PlayerKind::Cat { .. }
        | PlayerKind::Pair { .. }
        | PlayerKind::Random { .. }
        | PlayerKind::Scan => None,
    });
    let count = films.clone().flatten().count().max(1) as u64;
    let window = world.budget / 100 * AHEAD_PERCENT / count;
    let mut viewers: Vec<Option<Viewer>> = films
        .map(|film| film.map(|(player, film)| Viewer::new(world, player, film, window)))
        .collect();
    let mut shared: Vec<usize> = viewers.iter().flatten().map(Viewer::torrent).collect();
    shared.sort_unstable();
    shared.dedup();
    let mut swarms: Vec<(usize, Pool, Vec<Source>)> = shared
        .into_iter()
        .map(|at| (at, Pool::new(&world.torrents[at]), Source::all(world, at)))
        .collect();
    let ends = viewers.iter().flatten().map(Viewer::ends).max();
    // The clock of the players is behind that of the peers by the naps in which it stood still.
    let (mut now, mut clock) = (0, 0);
    while clock < ends.unwrap_or(0) {
        let nap = world.naps.iter().find(|nap| {
            let at = micros(nap.at);
            (at..at + micros(nap.length)).contains(&now)
        });
        let mut line = world.access.map_or(u64::MAX, |line| flows(line.rate));
        for (torrent, pool, sources) in swarms.iter_mut().filter(|_| nap.is_none()) {
            let here: Vec<&Viewer> = viewers
                .iter()
                .flatten()
                .filter(|viewer| viewer.torrent() == *torrent)
                .collect();
            if here.iter().any(|viewer| viewer.is_on(clock)) {
                line -= pool.flow((now, clock), &here, sources, line);
            }
        }
        now += STEP_US;
        if nap.is_some_and(|nap| nap.stands_still) {
            continue;
        }
        for viewer in viewers.iter_mut().flatten() {
            if let Some((_, pool, _)) = swarms.iter().find(|(at, ..)| *at == viewer.torrent()) {
                let indexed = pool.has_index(viewer);
                viewer.step(clock, indexed, |from| pool.shown_until(from));
            }
        }
        clock += STEP_US;
    }
    viewers
        .iter()
        .map(|viewer| viewer.as_ref().map(Viewer::fate))
        .collect()
}

#[cfg(test)]
mod tests;
