//! The one byte budget of the process, leased to the awake torrents.
//!
//! A torrent says what its readers could use (`want`) and what it holds; the arbiter answers with
//! leases whose sum, counted as max(lease, held), never exceeds the budget. So nobody gets bytes
//! before another has given them back. A lease travels by a mailbox in which the newest wins, and
//! the torrent may reserve under its old one until it has looked: a caller that confirms each lease
//! it hands in has the old one counted until then. What is wanted is shared out evenly from the small wants up;
//! what nobody wants stays with those that hold it, so that a closed film is still warm.

use rustc_hash::FxHashMap;

/// A torrent's name in the arbiter, chosen by the caller.
pub type Tenant = u64;

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// Bytes below which it can read nothing.
    floor: u64,
    /// When it began to want something, as a number that grows.
    since: u64,
    want: u64,
    held: u64,
    lease: u64,
    /// The largest lease that the torrent may still act upon.
    in_force: u64,
    /// Its driver confirms leases; before the first time none is counted longer than it stands.
    confirms: bool,
}

impl Account {
    /// Bytes that nobody else may have.
    fn covered(&self) -> u64 {
        let in_force = if self.confirms { self.in_force } else { 0 };
        self.lease.max(self.held).max(in_force)
    }
}

/// Leases bytes; pure: the caller delivers the leases and guards the arbiter.
#[derive(Clone, Debug)]
pub struct Arbiter {
    total: u64,
    clock: u64,
    accounts: FxHashMap<Tenant, Account>,
}

/// A lease that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Whose.
    pub tenant: Tenant,
    /// Bytes that it may hold from now on; it evicts when it holds more.
    pub bytes: u64,
}

impl Arbiter {
    /// An arbiter over `total` bytes.
    #[must_use]
    pub fn new(total: u64) -> Self {
        Self {
            total,
            clock: 0,
            accounts: FxHashMap::default(),
        }
    }

    /// Bytes of the budget.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Makes the budget at least `total` bytes; the next [`Arbiter::update`] hands them out.
    pub fn raise(&mut self, total: u64) {
        self.total = self.total.max(total);
    }

    /// Bytes held by all torrents, as they last said.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.accounts.values().map(|account| account.held).sum()
    }

    /// A torrent wakes that can read nothing with less than `floor` bytes: two of its pieces, so that
    /// a read may cross from one to the next.
    pub fn join(&mut self, tenant: Tenant, floor: u64) {
        self.accounts.entry(tenant).or_default().floor = floor;
    }

    /// A torrent says what it could use and what it holds; returns every lease that changed.
    pub fn update(&mut self, tenant: Tenant, want: u64, held: u64) -> Vec<Granted> {
        self.clock += 1;
        let account = self.accounts.entry(tenant).or_default();
        if account.want == 0 {
            account.since = self.clock;
        }
        account.want = want;
        account.held = held;
        self.share_out()
    }

    /// The torrent has been handed this lease and acts upon it from now on: what it told before, by
    /// [`Arbiter::update`], was told under an older one. Returns every lease that changed.
    pub fn confirm(&mut self, tenant: Tenant, bytes: u64) -> Vec<Granted> {
        let Some(account) = self.accounts.get_mut(&tenant) else {
            return Vec::new();
        };
        account.confirms = true;
        account.in_force = account.lease.max(bytes);
        self.share_out()
    }

    /// A torrent went to sleep and holds nothing any more.
    pub fn leave(&mut self, tenant: Tenant) -> Vec<Granted> {
        self.accounts.remove(&tenant);
        self.share_out()
    }

    /// What each tenant wants, and what of it is its floor: those who have wanted longest get theirs
    /// first. An even share that is too small for everybody would let nobody read.
    fn floors(&self, left: &mut u64) -> Vec<(Tenant, u64, u64)> {
        let mut order: Vec<(u64, Tenant)> = self
            .accounts
            .iter()
            .map(|(tenant, account)| (account.since, *tenant))
            .collect();
        order.sort_unstable();
        let account = |(_, tenant): (u64, Tenant)| Some((tenant, self.accounts.get(&tenant)?));
        let floors = order.into_iter().filter_map(account);
        floors
            .map(|(tenant, account)| {
                let base = account.want.min(account.floor).min(*left);
                *left -= base;
                (tenant, account.want, base)
            })
            .collect()
    }

    fn share_out(&mut self) -> Vec<Granted> {
        let mut left = self.total;
        let mut order: Vec<(Tenant, u64, u64)> = self.floors(&mut left);
        order.sort_unstable_by_key(|(tenant, want, base)| (*want - *base, *tenant));
        let mut takers = order.len() as u64;
        let mut targets = Vec::with_capacity(order.len());
        for (tenant, want, base) in order {
            let share = (want - base).min(left / takers.max(1));
            left -= share;
            takers -= 1;
            targets.push((tenant, base + share));
        }
        targets.sort_unstable();
        for (tenant, target) in &mut targets {
            let held = self.accounts.get(tenant).map_or(0, |account| account.held);
            let kept = held.saturating_sub(*target).min(left);
            *target += kept;
            left -= kept;
        }
        self.grant(&targets)
    }

    /// Lowers leases at once, and raises them as far as what others still hold allows.
    fn grant(&mut self, targets: &[(Tenant, u64)]) -> Vec<Granted> {
        let mut before = Vec::with_capacity(targets.len());
        for (tenant, target) in targets {
            if let Some(account) = self.accounts.get_mut(tenant) {
                before.push(account.lease);
                account.lease = account.lease.min(*target);
            }
        }
        let mut free = self
            .total
            .saturating_sub(self.accounts.values().map(Account::covered).sum());
        let mut changed = Vec::new();
        for ((tenant, target), before) in targets.iter().zip(before) {
            let Some(account) = self.accounts.get_mut(tenant) else {
                continue;
            };
            let covered = account.covered();
            let raised = (*target).min(covered + free);
            if raised > account.lease {
                free -= raised.saturating_sub(covered);
                account.lease = raised;
                account.in_force = account.in_force.max(raised);
            }
            if account.lease != before {
                changed.push(Granted {
                    tenant: *tenant,
                    bytes: account.lease,
                });
            }
        }
        changed
    }

    /// Panics when the leases and what is held exceed the budget together.
    pub fn check_invariants(&self) {
        let covered: u64 = self.accounts.values().map(Account::covered).sum();
        assert!(
            covered <= self.total,
            "{covered} bytes leased or held of {}",
            self.total
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_second_reader_gets_bytes_only_when_the_first_gave_them_back() {
        let mut arbiter = Arbiter::new(100);
        assert_eq!(
            arbiter.update(1, 300, 0),
            vec![Granted {
                tenant: 1,
                bytes: 100
            }]
        );
        arbiter.update(1, 300, 100);
        let changed = arbiter.update(2, 300, 0);
        assert_eq!(
            changed,
            vec![Granted {
                tenant: 1,
                bytes: 50
            }],
            "the first must shrink, the second waits"
        );
        assert_eq!(
            arbiter.update(1, 300, 70),
            vec![Granted {
                tenant: 2,
                bytes: 30
            }]
        );
        assert_eq!(
            arbiter.update(1, 300, 50),
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
        arbiter.update(1, 300, 0);
        assert_eq!(arbiter.confirm(1, 100), vec![]);
        let lowered = vec![Granted {
            tenant: 1,
            bytes: 50,
        }];
        assert_eq!(arbiter.update(2, 300, 0), lowered);
        assert_eq!(
            arbiter.update(1, 300, 100),
            vec![],
            "it has not yet seen its new lease"
        );
        arbiter.check_invariants();
        arbiter.confirm(1, 50);
        assert_eq!(
            arbiter.update(1, 300, 50),
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
            .flat_map(|tenant| arbiter.update(tenant, 100, 0))
            .collect();
        assert_eq!(
            (lease(&granted, 1), lease(&granted, 2), lease(&granted, 3)),
            (32, 32, 0)
        );
        let granted = arbiter.update(1, 0, 0);
        assert_eq!(
            lease(&granted, 3),
            32,
            "and to the next when one has read enough"
        );
    }

    #[test]
    fn what_nobody_wants_stays_with_its_holder() {
        let mut arbiter = Arbiter::new(100);
        arbiter.update(1, 80, 0);
        arbiter.update(1, 0, 80);
        assert_eq!(
            arbiter.update(2, 20, 0),
            vec![Granted {
                tenant: 2,
                bytes: 20
            }]
        );
        let changed = arbiter.update(2, 60, 20);
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
        fn leases_and_holdings_never_exceed_the_budget(steps in prop::collection::vec((0u64..5, 0u64..200, any::<bool>()), 1..200)) {
            let mut arbiter = Arbiter::new(256);
            let mut leases = [0u64; 5];
            let mut held = [0u64; 5];
            for (tenant, want, fill) in steps {
                let at = usize::try_from(tenant).unwrap_or(0);
                held[at] = if fill { leases[at] } else { held[at].min(leases[at]) };
                for granted in arbiter.update(tenant, want, held[at]) {
                    leases[usize::try_from(granted.tenant).unwrap_or(0)] = granted.bytes;
                }
                arbiter.check_invariants();
            }
        }
    }
}
