//! The one byte budget of the process, leased to the awake torrents.
//!
//! A torrent says what its readers could use (`want`) and what it holds; the arbiter answers with
//! leases whose sum, counted as max(lease, held), never exceeds the budget. So nobody gets bytes
//! before another has given them back. A lease travels by a mailbox in which the newest wins, and
//! the torrent may reserve under its old one until it has looked: a caller that confirms each lease
//! it hands in has the old one counted until then. What is wanted is shared out evenly from the small wants up;
//! what nobody wants stays with those that hold it, so that a closed film is still warm.

use rustc_hash::FxHashMap;

use crate::class::{OTHERS_DIVISOR, ReaderClass};

/// Bytes below which a torrent with such pieces can read nothing: two pieces, so that a read may cross from
/// one to the next, and no less than a few reads of the kernel (1 MiB each).
#[must_use]
pub const fn floor(piece_len: u32) -> u64 {
    let two = piece_len as u64 * 2;
    if two < FLOOR_MIN { FLOOR_MIN } else { two }
}

/// A playback that somebody is known to watch has so many times the memory of one that only reads like a player.
const CONFIRMED_WEIGHT: u64 = 3;

/// A few reads of the kernel that wait at a time.
const FLOOR_MIN: u64 = 4 << 20;

/// A torrent's name in the arbiter, chosen by the caller.
pub type Tenant = u64;

/// Bytes that the readers of a torrent could use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// Those that play.
    pub playback: u64,
    /// Those that probe and scan.
    pub others: u64,
    /// A playback has not got the next seconds of its film.
    pub hungry: bool,
    /// Somebody watches, as a media server says: it has more than one who only reads like a player.
    pub confirmed: bool,
}

impl Want {
    /// The part of one class.
    pub(crate) const fn of(&mut self, class: ReaderClass) -> &mut u64 {
        match class {
            ReaderClass::Playback => &mut self.playback,
            ReaderClass::Probe | ReaderClass::Scan => &mut self.others,
        }
    }

    /// All of it.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.playback.saturating_add(self.others)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// Bytes below which it can read nothing.
    floor: u64,
    /// When it began to want something, as a number that grows.
    since: u64,
    want: Want,
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
    /// An earlier, larger budget, while more than the present one is still held.
    over: u64,
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
            over: 0,
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

    /// Makes the budget another; returns every lease that changed. Where it is less than before, what is held and leased
    /// exceeds it until the torrents have given back, and nobody gets anything meanwhile.
    pub fn resize(&mut self, total: u64) -> Vec<Granted> {
        self.over = self.over.max(self.total);
        self.total = total;
        self.share_out()
    }

    /// Bytes held by all torrents, as they last said.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.accounts.values().map(|account| account.held).sum()
    }

    /// A torrent wakes that can read nothing with less than `floor` bytes; see [`floor`].
    pub fn join(&mut self, tenant: Tenant, floor: u64) {
        self.accounts.entry(tenant).or_default().floor = floor;
    }

    /// A torrent says what it could use and what it holds; returns every lease that changed.
    pub fn update(&mut self, tenant: Tenant, want: Want, held: u64) -> Vec<Granted> {
        self.clock += 1;
        let account = self.accounts.entry(tenant).or_default();
        if account.want.total() == 0 {
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

    /// What each tenant is to have, without what stays warm: first the playbacks, then the others out of
    /// their own part.
    fn targets(&self) -> Vec<(Tenant, u64)> {
        let mut order: Vec<(u64, Tenant, Account)> = self
            .accounts
            .iter()
            .map(|(tenant, account)| (account.since, *tenant, *account))
            .collect();
        order.sort_unstable_by_key(|(since, tenant, _)| (*since, *tenant));
        let mut left = self.total;
        let playbacks: Vec<Claim> = order
            .iter()
            .map(|(_, tenant, account)| Claim {
                tenant: *tenant,
                want: account.want.playback,
                floor: account.floor,
                weight: if account.want.confirmed {
                    CONFIRMED_WEIGHT
                } else {
                    1
                },
            })
            .collect();
        // Beside a playback the others have their own part: it is taken off before, and at most that.
        let others_want = order
            .iter()
            .map(|(_, _, account)| account.want.others)
            .sum();
        let mut others_left = self.others_max(&order).min(others_want);
        let mut playbacks_left = left - others_left;
        let first = divide(&playbacks, &mut playbacks_left);
        left = playbacks_left + others_left;
        let others: Vec<Claim> = order
            .iter()
            .zip(&first)
            .map(|((_, tenant, account), (_, got))| Claim {
                tenant: *tenant,
                want: account.want.others,
                floor: account.floor.saturating_sub(*got),
                weight: 1,
            })
            .collect();
        let before = others_left;
        let second = divide(&others, &mut others_left);
        left -= before - others_left;
        let both = first.into_iter().zip(second);
        let mut targets: Vec<(Tenant, u64)> = both
            .map(|((tenant, first), (_, second))| (tenant, first + second))
            .collect();
        targets.sort_unstable();
        self.keep_warm(&mut targets, left);
        targets
    }

    /// Bytes that probes and scans may have together: a quarter, and less beside a hungry playback, but
    /// always enough for the one that came first. All when nobody plays.
    fn others_max(&self, by_age: &[(u64, Tenant, Account)]) -> u64 {
        let wanting = |part: fn(&Want) -> u64| {
            let mut wanting = by_age.iter().filter(move |(_, _, one)| part(&one.want) > 0);
            wanting.next().map(|(_, _, account)| account.floor)
        };
        let Some(playback_floor) = wanting(|want| want.playback) else {
            return self.total;
        };
        let first = wanting(|want| want.others).unwrap_or(0);
        let hungry = by_age.iter().any(|(_, _, account)| account.want.hungry);
        let part = if hungry {
            0
        } else {
            self.total / OTHERS_DIVISOR
        };
        part.max(first)
            .min(self.total.saturating_sub(playback_floor))
    }

    /// What is left stays with those that hold it.
    fn keep_warm(&self, targets: &mut [(Tenant, u64)], mut left: u64) {
        for (tenant, target) in targets {
            let held = self.accounts.get(tenant).map_or(0, |account| account.held);
            let kept = held.saturating_sub(*target).min(left);
            *target += kept;
            left -= kept;
        }
    }

    fn share_out(&mut self) -> Vec<Granted> {
        let targets = self.targets();
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
        let mut free = self.total.saturating_sub(self.covered());
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
        if self.covered() <= self.total {
            self.over = 0;
        }
        changed
    }

    fn covered(&self) -> u64 {
        self.accounts.values().map(Account::covered).sum()
    }

    /// Panics when the leases and what is held exceed the budget together.
    pub fn check_invariants(&self) {
        let covered = self.covered();
        assert!(
            covered <= self.total.max(self.over),
            "{covered} bytes leased or held of {}",
            self.total
        );
    }
}

/// What a tenant claims of a part of the budget.
#[derive(Clone, Copy, Debug)]
struct Claim {
    tenant: Tenant,
    want: u64,
    /// Bytes below which it can read nothing.
    floor: u64,
    /// Its part beside those of others.
    weight: u64,
}

/// Divides `left` bytes among claims that are in order of age: first the floors, for an even share that is
/// too small for everybody would let nobody read; then by weight from the small wants up. In the order given.
fn divide(claims: &[Claim], left: &mut u64) -> Vec<(Tenant, u64)> {
    let mut shares: Vec<(Tenant, u64)> = claims
        .iter()
        .map(|claim| {
            let base = claim.want.min(claim.floor).min(*left);
            *left -= base;
            (claim.tenant, base)
        })
        .collect();
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by_key(|at| {
        let claim = &claims[*at];
        ((claim.want - shares[*at].1) / claim.weight, claim.tenant)
    });
    let mut weights: u64 = claims.iter().map(|claim| claim.weight).sum();
    for at in order {
        let weight = claims[at].weight;
        let part =
            *left / weights.max(1) * weight + *left % weights.max(1) * weight / weights.max(1);
        let share = (claims[at].want - shares[at].1).min(part);
        *left -= share;
        weights -= weight;
        shares[at].1 += share;
    }
    shares
}

#[cfg(test)]
mod tests;
