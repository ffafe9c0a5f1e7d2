//! Leases, floors, and who goes first.

use super::*;
use proptest::prelude::*;

fn plays(bytes: u64) -> Want {
    Want {
        playback: bytes,
        ..Want::default()
    }
}

fn probes(bytes: u64) -> Want {
    Want {
        others: bytes,
        ..Want::default()
    }
}

/// The leases as the tenants know them.
#[derive(Default)]
struct Leases(FxHashMap<Tenant, u64>);

impl Leases {
    fn take(&mut self, granted: Vec<Granted>) {
        for lease in granted {
            self.0.insert(lease.tenant, lease.bytes);
        }
    }

    fn of(&self, tenants: [Tenant; 3]) -> [u64; 3] {
        tenants.map(|tenant| self.0.get(&tenant).copied().unwrap_or(0))
    }
}

#[test]
fn probes_beside_a_playback_have_a_quarter_together() {
    let mut arbiter = Arbiter::new(160);
    let mut leases = Leases::default();
    (1..=3).for_each(|tenant| arbiter.join(tenant, 8));
    leases.take(arbiter.update(1, plays(500), 0));
    assert_eq!(leases.of([1, 2, 3]), [160, 0, 0]);
    leases.take(arbiter.update(2, probes(100), 0));
    leases.take(arbiter.update(3, probes(100), 0));
    assert_eq!(leases.of([1, 2, 3]), [120, 20, 20]);
    leases.take(arbiter.update(1, probes(500), 0));
    assert_eq!(leases.of([1, 2, 3]), [54, 53, 53], "nobody plays");
    arbiter.check_invariants();
}

#[test]
fn a_playback_that_somebody_watches_has_three_times_the_memory_of_one_that_seems_to_be() {
    let mut arbiter = Arbiter::new(160);
    let mut leases = Leases::default();
    (1..=3).for_each(|tenant| arbiter.join(tenant, 10));
    let watched = Want {
        confirmed: true,
        ..plays(500)
    };
    leases.take(arbiter.update(1, plays(500), 0));
    leases.take(arbiter.update(2, watched, 0));
    leases.take(arbiter.update(3, plays(0), 0));
    // The floors, and then one part and three.
    assert_eq!(leases.of([1, 2, 3]), [45, 115, 0]);
    let less = Want {
        confirmed: true,
        ..plays(60)
    };
    leases.take(arbiter.update(2, less, 0));
    assert_eq!(
        leases.of([1, 2, 3]),
        [100, 60, 0],
        "what it does not want goes on"
    );
    arbiter.check_invariants();
}

#[test]
fn beside_a_hungry_playback_one_probe_at_a_time_goes_on() {
    let mut arbiter = Arbiter::new(160);
    let mut leases = Leases::default();
    (1..=3).for_each(|tenant| arbiter.join(tenant, 8));
    let hungry = Want {
        hungry: true,
        ..plays(500)
    };
    leases.take(arbiter.update(1, hungry, 0));
    leases.take(arbiter.update(2, probes(100), 0));
    leases.take(arbiter.update(3, probes(100), 0));
    assert_eq!(leases.of([1, 2, 3]), [152, 8, 0]);
    leases.take(arbiter.update(2, probes(0), 0));
    assert_eq!(leases.of([1, 2, 3]), [152, 0, 8], "the next in line");
}

#[test]
fn a_probe_gets_its_floor_from_a_small_budget_and_leaves_the_playback_its_own() {
    let mut arbiter = Arbiter::new(20);
    let mut leases = Leases::default();
    arbiter.join(1, 8);
    arbiter.join(2, 16);
    leases.take(arbiter.update(1, plays(500), 0));
    leases.take(arbiter.update(2, probes(100), 0));
    assert_eq!(leases.of([1, 2, 3]), [8, 12, 0]);
}

#[test]
fn a_second_reader_gets_bytes_only_when_the_first_gave_them_back() {
    let mut arbiter = Arbiter::new(100);
    assert_eq!(
        arbiter.update(1, plays(300), 0),
        vec![Granted {
            tenant: 1,
            bytes: 100
        }]
    );
    arbiter.update(1, plays(300), 100);
    let changed = arbiter.update(2, plays(300), 0);
    assert_eq!(
        changed,
        vec![Granted {
            tenant: 1,
            bytes: 50
        }],
        "the first must shrink, the second waits"
    );
    assert_eq!(
        arbiter.update(1, plays(300), 70),
        vec![Granted {
            tenant: 2,
            bytes: 30
        }]
    );
    assert_eq!(
        arbiter.update(1, plays(300), 50),
        vec![Granted {
            tenant: 2,
            bytes: 50
        }]
    );
    assert_eq!(
        arbiter.leave(1),
        vec![Granted {
            tenant: 2,
            bytes: 100
        }]
    );
}

#[test]
fn bytes_that_a_torrent_may_still_reserve_are_not_given_to_another() {
    let mut arbiter = Arbiter::new(100);
    arbiter.update(1, plays(300), 0);
    assert_eq!(arbiter.confirm(1, 100), vec![]);
    let lowered = vec![Granted {
        tenant: 1,
        bytes: 50,
    }];
    assert_eq!(arbiter.update(2, plays(300), 0), lowered);
    assert_eq!(
        arbiter.update(1, plays(300), 100),
        vec![],
        "it has not yet seen its new lease"
    );
    arbiter.check_invariants();
    arbiter.confirm(1, 50);
    assert_eq!(
        arbiter.update(1, plays(300), 50),
        vec![Granted {
            tenant: 2,
            bytes: 50
        }]
    );
}

#[test]
fn an_even_share_too_small_to_read_with_goes_to_those_who_came_first() {
    let mut arbiter = Arbiter::new(64);
    for tenant in 1..=5 {
        arbiter.join(tenant, 32);
    }
    let lease = |granted: &[Granted], tenant| {
        let of = granted
            .iter()
            .rev()
            .find(|granted| granted.tenant == tenant);
        of.map_or(0, |granted| granted.bytes)
    };
    let granted: Vec<Granted> = (1..=5)
        .flat_map(|tenant| arbiter.update(tenant, plays(100), 0))
        .collect();
    assert_eq!(
        (lease(&granted, 1), lease(&granted, 2), lease(&granted, 3)),
        (32, 32, 0)
    );
    let granted = arbiter.update(1, plays(0), 0);
    assert_eq!(
        lease(&granted, 3),
        32,
        "and to the next when one has read enough"
    );
}

#[test]
fn a_smaller_budget_takes_back_before_it_gives_again() {
    let mut arbiter = Arbiter::new(160);
    let mut leases = Leases::default();
    (1..=2).for_each(|tenant| arbiter.join(tenant, 8));
    leases.take(arbiter.update(1, plays(500), 0));
    leases.take(arbiter.update(1, plays(500), 160));
    leases.take(arbiter.resize(80));
    assert_eq!(leases.of([1, 2, 3]), [80, 0, 0]);
    leases.take(arbiter.update(2, plays(500), 0));
    assert_eq!(
        leases.of([1, 2, 3]),
        [40, 0, 0],
        "the first still holds all"
    );
    arbiter.check_invariants();
    leases.take(arbiter.update(1, plays(500), 40));
    assert_eq!(leases.of([1, 2, 3]), [40, 40, 0]);
    leases.take(arbiter.resize(200));
    assert_eq!(leases.of([1, 2, 3]), [100, 100, 0]);
    arbiter.check_invariants();
}

#[test]
fn what_nobody_wants_stays_with_its_holder() {
    let mut arbiter = Arbiter::new(100);
    arbiter.update(1, plays(80), 0);
    arbiter.update(1, plays(0), 80);
    assert_eq!(
        arbiter.update(2, plays(20), 0),
        vec![Granted {
            tenant: 2,
            bytes: 20
        }]
    );
    let changed = arbiter.update(2, plays(60), 20);
    assert_eq!(
        changed,
        vec![Granted {
            tenant: 1,
            bytes: 40
        }]
    );
}

proptest! {
    #[test]
    fn leases_and_holdings_never_exceed_the_budget(steps in prop::collection::vec((0u64..5, 0u64..200, 0u64..200, any::<bool>(), any::<bool>(), prop::option::weighted(0.1, 8u64..400)), 1..200)) {
        let mut arbiter = Arbiter::new(256);
        let mut leases = [0u64; 5];
        let mut held = [0u64; 5];
        for (tenant, playback, others, hungry, fill, resized) in steps {
            let want = Want { playback, others, hungry, confirmed: playback % 2 == 1 };
            let at = usize::try_from(tenant).unwrap_or(0);
            // These torrents act upon a lease at once, and so never hold anything under an older one.
            for granted in resized.map(|total| arbiter.resize(total)).unwrap_or_default() {
                leases[usize::try_from(granted.tenant).unwrap_or(0)] = granted.bytes;
            }
            held[at] = if fill { leases[at] } else { held[at].min(leases[at]) };
            for granted in arbiter.update(tenant, want, held[at]) {
                leases[usize::try_from(granted.tenant).unwrap_or(0)] = granted.bytes;
            }
            arbiter.check_invariants();
        }
    }
}
