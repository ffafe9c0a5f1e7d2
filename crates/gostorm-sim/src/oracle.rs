//! The fluid oracle: would a film stall if bytes were a liquid and the usable lines ran at 2/3?
//!
//! It knows no blocks, pieces or requests: the usable rates of the peers are summed, divided by
//! 1.5 and cut to our own line, and flow into the player's buffer. Where it sees no stall, the
//! scheduler has no excuse for one. Seeds that are honest and unchoke count; all others do not.

use std::time::Duration;

use crate::peer::{PeerSpec, Share};
use crate::player::{Film, FilmStep};
use crate::world::WorldSpec;

/// What the rates are divided by.
const SLACK_NUMERATOR: u64 = 3;
const SLACK_DENOMINATOR: u64 = 2;
/// Step of the simulation.
const STEP: Duration = Duration::from_millis(50);
/// A start or seek of so long is as good as a stall.
const PATIENCE: Duration = Duration::from_secs(10);
/// Round trips before the first block: dial, handshake, interest, request.
const ROUND_TRIPS: u32 = 4;

/// Bytes per second that a peer brings `at` after the start, before the slack.
fn usable(peer: &PeerSpec, at: Duration) -> u64 {
    let honest = peer.share == Share::All
        && peer.lie.is_none()
        && peer.corrupts == 0
        && peer.silent_after.is_none()
        && peer.dies_after.is_none()
        && !peer.refuses;
    let Some(unchoke) = peer.unchokes_after.filter(|_| honest) else {
        return 0;
    };
    if at < peer.link.rtt() * ROUND_TRIPS + unchoke {
        return 0;
    }
    match peer.flaps {
        None => peer.link.rate,
        Some((open, shut)) => {
            let whole = u64::try_from((open + shut).as_millis())
                .unwrap_or(u64::MAX)
                .max(1);
            let open = u64::try_from(open.as_millis()).unwrap_or(0);
            peer.link.rate.saturating_mul(open) / whole
        }
    }
}

/// Bytes per second that a torrent's swarm brings `at` after the start, slack taken off.
#[must_use]
pub fn capacity(world: &WorldSpec, torrent: usize, at: Duration) -> u64 {
    let peers = &world.torrents[torrent].peers;
    let sum: u64 = peers.iter().map(|peer| usable(peer, at)).sum();
    let line = world.access.map_or(u64::MAX, |access| access.rate);
    sum.min(line) * SLACK_DENOMINATOR / SLACK_NUMERATOR
}

/// Time that the picture would stand still: start and seeks count when they take longer than
/// [`PATIENCE`], so that a film that never starts is not one without a stall.
#[must_use]
pub fn stall(film: &Film, len: u64, window: u64, capacity: impl Fn(Duration) -> u64) -> Duration {
    let step_bytes = |rate: u64| rate.saturating_mul(50) / 1_000;
    let mut at = Duration::ZERO;
    let mut steps = film.steps.iter().peekable();
    let (mut shown, mut buffered) = (0u64, 0u64);
    let (mut dark, mut counted) = (true, false);
    let mut dark_for = Duration::ZERO;
    let mut paused_until = Duration::ZERO;
    let mut stalled = Duration::ZERO;
    while at < film.stops && shown < len {
        match steps.next_if(|step| step_at(step) <= at) {
            Some(FilmStep::Seek { permille, .. }) => {
                shown = len / 1_000 * (*permille).min(999);
                buffered = shown;
                (dark, counted, dark_for) = (true, false, Duration::ZERO);
            }
            Some(FilmStep::Pause { length, .. }) => paused_until = at + *length,
            None => {}
        }
        buffered = (buffered + step_bytes(capacity(at)))
            .min(shown + window)
            .min(len);
        if dark {
            dark_for += STEP;
            counted |= dark_for > PATIENCE;
            stalled += if counted { STEP } else { Duration::ZERO };
            dark = buffered < (shown + film.rate).min(len);
        } else if at >= paused_until {
            shown += step_bytes(film.rate);
            if shown >= buffered && buffered < len {
                shown = buffered;
                (dark, counted, dark_for) = (true, true, Duration::ZERO);
            }
        }
        at += STEP;
    }
    stalled
}

const fn step_at(step: &FilmStep) -> Duration {
    match step {
        FilmStep::Seek { at, .. } | FilmStep::Pause { at, .. } => *at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_stalls_when_the_liquid_is_thinner_than_its_bitrate() {
        let film = Film {
            rate: 1_000_000,
            buffer: Duration::from_secs(10),
            steps: vec![],
            stops: Duration::from_secs(60),
        };
        let len = 1 << 32;
        assert_eq!(stall(&film, len, 1 << 28, |_| 1_100_000), Duration::ZERO);
        assert!(stall(&film, len, 1 << 28, |_| 500_000) > Duration::from_secs(20));
        assert!(stall(&film, len, 1 << 28, |_| 0) > Duration::from_secs(40));
    }
}
