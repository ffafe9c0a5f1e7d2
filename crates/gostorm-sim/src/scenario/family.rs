//! Families of scenarios: each is a named shape, and a seed draws one of it.
//!
//! Rates, round trips, start times and faults lie around the named figures, so that two hundred seeds
//! of a family are two hundred evenings of the same household. [`Family::plan`] draws the world,
//! [`judge::judge`] runs it and says which property it breaks. The tests, `bin/replay` and the table
//! of docs/SCHEDULING.md go through these two.

mod draw;
mod households;
pub mod judge;
mod swarms;
pub mod table;

use std::time::Duration;

use self::draw::Draw;
use crate::world::WorldSpec;

/// A named shape of scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Forty peers of six sorts, a film of 41 Mbit/s, one seek.
    Home,
    /// Usable bandwidth 1.5 times the bitrate.
    Thin,
    /// A third of the peers corrupts, falls silent, dies or flaps.
    Hostile,
    /// One to three seeds next door.
    Lan,
    /// The only fast peer lacks every second piece.
    Halves,
    /// A library scan of 300 titles beside one film on a shared line.
    Scan,
    /// Two players on one file.
    Pair,
    /// Ten seeks in ten seconds.
    Seeks,
    /// A peer that sends each block twice.
    Twice,
    /// A driver that is starved, or suspended with its clock.
    Clock,
}

/// What a seed of a family means.
#[derive(Clone, Debug)]
pub struct FamilyPlan {
    /// The family.
    pub family: Family,
    /// The seed.
    pub seed: u64,
    /// The world.
    pub world: WorldSpec,
    /// The run ends then, if the players are not done before.
    pub limit: Duration,
    /// The most that may be wasted of what came, per mille.
    pub waste_max: u64,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Home,
        Self::Thin,
        Self::Hostile,
        Self::Lan,
        Self::Halves,
        Self::Scan,
        Self::Pair,
        Self::Seeks,
        Self::Twice,
        Self::Clock,
    ];

    /// Its name in commands and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Thin => "thin",
            Self::Hostile => "hostile",
            Self::Lan => "lan",
            Self::Halves => "halves",
            Self::Scan => "scan",
            Self::Pair => "pair",
            Self::Seeks => "seeks",
            Self::Twice => "twice",
            Self::Clock => "clock",
        }
    }

    /// The family of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }

    /// Draws a world of the family.
    #[must_use]
    pub fn plan(self, seed: u64) -> FamilyPlan {
        let mut draw = Draw::new(seed, self.name());
        let world = match self {
            Self::Home => swarms::home(&mut draw),
            Self::Thin => swarms::thin(&mut draw),
            Self::Hostile => swarms::hostile(&mut draw),
            Self::Lan => swarms::lan(&mut draw),
            Self::Halves => swarms::halves(&mut draw),
            Self::Scan => households::scan(&mut draw),
            Self::Pair => households::pair(&mut draw),
            Self::Seeks => swarms::seeks(&mut draw),
            Self::Twice => swarms::twice(&mut draw),
            Self::Clock => households::clock(&mut draw),
        };
        // A library of three hundred titles takes its time on what a film leaves of the line.
        let lasts = Duration::from_secs(if self == Self::Scan { 400 } else { 90 });
        let ends = world
            .players
            .iter()
            .map(|player| player.starts + lasts)
            .max();
        let naps: Duration = world.naps.iter().map(|nap| nap.length).sum();
        FamilyPlan {
            family: self,
            seed,
            world,
            limit: ends.unwrap_or_default() + naps,
            waste_max: self.waste_max(),
        }
    }

    const fn waste_max(self) -> u64 {
        match self {
            Self::Hostile => 150,
            Self::Home
            | Self::Thin
            | Self::Lan
            | Self::Halves
            | Self::Scan
            | Self::Pair
            | Self::Seeks
            | Self::Twice
            | Self::Clock => 30,
        }
    }

    /// The one command that runs a seed again, with every input and output.
    #[must_use]
    pub fn replay_command(self, seed: u64) -> String {
        let name = self.name();
        format!("cargo run -p gostorm-sim --bin replay -- --family {name} --seed {seed} --trace")
    }
}
