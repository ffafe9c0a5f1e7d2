//! The row of a family over many seeds: stalls beside the oracle's, waits, waste, second requests.

use std::fmt;
use std::time::Duration;

use super::Family;
use super::judge::Verdict;

/// The figures of many seeds of one family.
#[derive(Clone, Debug)]
pub struct Row {
    family: Family,
    runs: u64,
    broken: u64,
    films: u64,
    clean: u64,
    stalled: u64,
    needless: u64,
    starts: Vec<f64>,
    seeks: Vec<f64>,
    waste: Vec<f64>,
    hedges: Vec<f64>,
}

impl Row {
    /// A row without a seed.
    #[must_use]
    pub const fn new(family: Family) -> Self {
        Self {
            family,
            runs: 0,
            broken: 0,
            films: 0,
            clean: 0,
            stalled: 0,
            needless: 0,
            starts: Vec::new(),
            seeks: Vec::new(),
            waste: Vec::new(),
            hedges: Vec::new(),
        }
    }

    /// The heading of the table.
    pub const HEAD: &str = "| family | seeds | broken | films | oracle plays through | stalled | of these needlessly | start s p50 / p95 | seek s p50 / p95 | waste % p50 / max | hedges p50 |\n|---|---|---|---|---|---|---|---|---|---|---|";

    /// Adds a seed that broke a rule of safety.
    pub const fn add_unsafe(&mut self) {
        self.runs += 1;
        self.broken += 1;
    }

    /// Adds a seed.
    #[expect(
        clippy::cast_precision_loss,
        reason = "bytes and counts of a run are far below 2^52"
    )]
    pub fn add(&mut self, verdict: &Verdict) {
        self.runs += 1;
        self.broken += u64::from(!verdict.broken.is_empty());
        for film in &verdict.films {
            self.films += 1;
            self.clean += u64::from(film.is_clean());
            self.stalled += u64::from(!film.was.stall.is_zero());
            self.needless += u64::from(film.stalls_needlessly());
            let start = film.was.startup.as_ref().map(Duration::as_secs_f64);
            self.starts.extend(start);
            if !film.was.seek_worst.is_zero() {
                self.seeks.push(film.was.seek_worst.as_secs_f64());
            }
        }
        let (all, wasted, _) = verdict.bytes();
        self.waste.push(wasted as f64 * 100.0 / all.max(1) as f64);
        let torrents = verdict.report.torrents.iter();
        self.hedges
            .push(torrents.map(|torrent| torrent.stats.hedges).sum::<u64>() as f64);
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |values: &[f64], percent: usize| {
            let mut values = values.to_vec();
            values.sort_by(f64::total_cmp);
            let last = values.len().saturating_sub(1);
            values.get(last * percent / 100).copied().unwrap_or(0.0)
        };
        write!(
            f,
            "| {} | {} | {} | {} | {} | {} | {} | {:.2} / {:.2} | {:.2} / {:.2} | {:.2} / {:.2} | {:.0} |",
            self.family.name(),
            self.runs,
            self.broken,
            self.films,
            self.clean,
            self.stalled,
            self.needless,
            of(&self.starts, 50),
            of(&self.starts, 95),
            of(&self.seeks, 50),
            of(&self.seeks, 95),
            of(&self.waste, 50),
            of(&self.waste, 100),
            of(&self.hedges, 50),
        )
    }
}
