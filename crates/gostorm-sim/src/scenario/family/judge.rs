//! Runs one seed of a family and says what it breaks.
//!
//! Safety is checked by the world after every input: nothing wrong or unverified is served, what is
//! held fits the budget, and all of it is given back in the end. Here are the properties of the
//! whole run: no stall where the oracle has none, and little waste.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use gostorm_core::Time;

use super::FamilyPlan;
use crate::oracle::{self, Fate};
use crate::player::{PlayerKind, PlayerReport};
use crate::world::{Report, World};

/// Bytes that may be wasted whatever came: the first seconds know nothing of their peers.
const WASTE_START: u64 = 1 << 20;

/// The simulated player looks at its buffer so often: less than this is no stall that it could see.
const PLAYER_TICK: Duration = Duration::from_millis(50);

/// What a film went through, and what the oracle says it would have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FilmVerdict {
    /// The ideal.
    pub fate: Fate,
    /// The simulated.
    pub was: PlayerReport,
}

impl FilmVerdict {
    /// True when the oracle's film plays through: then ours must.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.fate.start.is_some() && self.fate.stall.is_zero() && !self.fate.dark_at_end
    }

    /// True when it stood still though it need not have.
    #[must_use]
    pub fn stalls_needlessly(&self) -> bool {
        self.is_clean() && (self.was.stall > PLAYER_TICK || self.was.startup.is_none())
    }
}

/// What came of a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The figures.
    pub report: Report,
    /// The films, in the order of the players.
    pub films: Vec<FilmVerdict>,
    /// The broken properties, in words.
    pub broken: Vec<String>,
}

impl Verdict {
    /// Bytes that came, that were of no use (second copies, unasked and spoilt ones), and that came
    /// for a place which the reader had left.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64, u64) {
        let stats = self.report.torrents.iter().map(|torrent| torrent.stats);
        stats.fold((0, 0, 0), |(all, wasted, left), stats| {
            (
                all + stats.downloaded_bytes,
                wasted + stats.wasted_bytes,
                left + stats.abandoned_bytes,
            )
        })
    }
}

/// Runs a plan; the error is a broken rule of safety. `watch` sees the world before it starts.
pub fn judge(plan: &FamilyPlan, watch: &mut dyn FnMut(&mut World)) -> Result<Verdict, String> {
    let run = || {
        let mut world = World::new(plan.world.clone(), plan.seed);
        watch(&mut world);
        let done = world.run_until_done(Time::ZERO + plan.limit);
        let report = world.report();
        world.end();
        (done, report)
    };
    let (done, report) = catch_unwind(AssertUnwindSafe(run)).map_err(|panic| words(&*panic))?;
    let fates = oracle::fates(&plan.world);
    let films: Vec<FilmVerdict> = fates
        .iter()
        .zip(&report.players)
        .filter_map(|(fate, was)| fate.map(|fate| FilmVerdict { fate, was: *was }))
        .collect();
    let mut verdict = Verdict {
        report,
        films,
        broken: Vec::new(),
    };
    verdict.broken = broken(plan, &verdict, done);
    Ok(verdict)
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

fn broken(plan: &FamilyPlan, verdict: &Verdict, done: bool) -> Vec<String> {
    let mut broken = Vec::new();
    if !done {
        broken.push(format!("not done after {:?}", plan.limit));
    }
    for (at, film) in verdict.films.iter().enumerate() {
        if film.stalls_needlessly() {
            let stall = film.was.stall;
            broken.push(format!(
                "film {at} stood still for {stall:?}; the oracle's did not"
            ));
        }
    }
    let failed: u64 = verdict
        .report
        .players
        .iter()
        .zip(&plan.world.players)
        .filter(|(_, player)| !matches!(player.kind, PlayerKind::Film(_)))
        .map(|(report, _)| report.failed_reads)
        .sum();
    if failed > 0 {
        broken.push(format!("{failed} reads failed that are no film's"));
    }
    if verdict.report.snubbed_by_naps > 0 {
        let snubbed = verdict.report.snubbed_by_naps;
        broken.push(format!("{snubbed} peers snubbed for a nap of ours"));
    }
    let (all, wasted, _) = verdict.bytes();
    if wasted > all * plan.waste_max / 1_000 + WASTE_START {
        let share = wasted * 1_000 / all.max(1);
        broken.push(format!("{wasted} bytes of {all} wasted, {share} per mille"));
    }
    broken
}
