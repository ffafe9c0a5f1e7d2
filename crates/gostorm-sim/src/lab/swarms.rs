//! The swarms of the benchmarks: groups of peers that behave alike.
//!
//! Called by the `lab` program and, for the home swarm, by tests and examples. What always holds:
//! in every swarm there are honest peers that have all pieces.

use std::time::Duration;

use super::script::{Chokes, Have, Script};

/// A peer of a swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The group that it belongs to, for counting.
    pub group: &'static str,
    /// How it behaves.
    pub script: Script,
}

/// The swarms that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// 300 Mbit/s on paper, half of it of doubtful use.
    Home,
    /// 24 honest peers that can give 1.5 times the film's rate together.
    Thin,
    /// A third corrupts, stalls, dies or flaps, and is as fast as the best of the rest.
    Hostile,
    /// Forty fast honest seeders next door.
    Lan40,
}

impl Named {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Home, Self::Thin, Self::Hostile, Self::Lan40];

    /// As it is called on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Thin => "thin",
            Self::Hostile => "hostile",
            Self::Lan40 => "lan40",
        }
    }

    /// The swarm of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|swarm| swarm.name() == name)
    }

    /// Its peers, for a film of `rate` bits per second (only the thin swarm depends on it).
    #[must_use]
    pub fn members(self, rate: u64) -> Vec<Member> {
        match self {
            Self::Home => home_members(),
            Self::Thin => thin(rate),
            Self::Hostile => hostile(),
            Self::Lan40 => groups(&[("lan", 40, &|_| Script::line(1, 200_000_000, 0))]),
        }
    }
}

/// The home swarm: 40 peers, 300 Mbit/s on paper, half of it of doubtful use.
#[must_use]
pub fn home() -> Vec<Script> {
    home_members()
        .into_iter()
        .map(|member| member.script)
        .collect()
}

type Group<'a> = (&'static str, u64, &'a dyn Fn(u64) -> Script);

/// The peers of all groups; a script is told its number within its group.
fn groups(groups: &[Group<'_>]) -> Vec<Member> {
    let mut members = Vec::new();
    for (group, count, script) in groups {
        members.extend((0..*count).map(|number| Member {
            group,
            script: script(number),
        }));
    }
    members
}

fn home_members() -> Vec<Member> {
    groups(&[
        ("fast", 6, &|_| Script::line(40, 20_000_000, 50)),
        ("middle", 12, &|_| Script::line(90, 6_000_000, 200)),
        ("slow, 60 %", 10, &|seed| Script {
            have: Have::Percent { percent: 60, seed },
            ..Script::line(180, 1_500_000, 800)
        }),
        ("late unchoke", 4, &|_| Script::line(120, 4_000_000, 8_000)),
        ("silent after 3 MB", 4, &|_| Script {
            stall_after: Some(3_000_000),
            ..Script::line(100, 8_000_000, 50)
        }),
        ("close after 6 MB", 4, &|_| Script {
            close_after: Some(6_000_000),
            ..Script::line(60, 10_000_000, 50)
        }),
    ])
}

/// 4 × 60, 8 × 25 and 12 × 14.6 of 615 parts, few enough to be connected to all of them.
fn thin(rate: u64) -> Vec<Member> {
    let part = |of_7380: u64| rate * 3 / 2 * of_7380 / 7_380;
    groups(&[
        ("fast", 4, &|_| Script::line(50, part(720), 50)),
        ("middle", 8, &|_| Script::line(90, part(300), 200)),
        ("slow", 12, &|_| Script::line(180, part(175), 800)),
    ])
}

fn hostile() -> Vec<Member> {
    groups(&[
        ("fast", 6, &|_| Script::line(40, 20_000_000, 50)),
        ("middle", 12, &|_| Script::line(90, 6_000_000, 200)),
        ("slow, 60 %", 8, &|seed| Script {
            have: Have::Percent { percent: 60, seed },
            ..Script::line(180, 1_500_000, 800)
        }),
        ("corrupts", 4, &|_| Script {
            corrupt_every: Some(16),
            ..Script::line(50, 20_000_000, 50)
        }),
        ("silent after 1 MB", 4, &|_| Script {
            stall_after: Some(1_000_000),
            ..Script::line(50, 20_000_000, 50)
        }),
        ("dies after 2 MB", 3, &|_| Script {
            die_after: Some(2_000_000),
            ..Script::line(50, 20_000_000, 50)
        }),
        ("flaps", 3, &|_| Script {
            chokes: Some(Chokes {
                open: Duration::from_millis(1_500),
                closed: Duration::from_secs(4),
            }),
            ..Script::line(50, 20_000_000, 50)
        }),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 41_000_000;

    #[test]
    fn every_swarm_is_found_by_its_name() {
        for swarm in Named::ALL {
            assert_eq!(Named::find(swarm.name()), Some(swarm));
        }
        assert_eq!(home().len(), 40);
        assert_eq!(Named::Lan40.members(RATE).len(), 40);
    }

    #[test]
    fn the_thin_swarm_gives_one_and_a_half_times_the_films_rate() {
        let usable: u64 = Named::Thin
            .members(RATE)
            .iter()
            .filter_map(|member| member.script.rate)
            .sum();
        let wanted = RATE / 8 * 3 / 2;
        assert!(usable.abs_diff(wanted) < wanted / 100, "{usable} {wanted}");
    }

    #[test]
    fn a_third_of_the_hostile_swarm_is_bad() {
        let bad = Named::Hostile.members(RATE).into_iter().filter(|member| {
            let script = member.script;
            script.corrupt_every.is_some()
                || script.stall_after.is_some()
                || script.die_after.is_some()
                || script.chokes.is_some()
        });
        assert_eq!(bad.count(), 14);
    }
}
