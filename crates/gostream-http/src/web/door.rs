//! How many connections a port has: in all, and of one client. Those beyond it are told so, a few at a time.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use parking_lot::Mutex;

use super::figures::WebFigures;
use crate::subscriber::Subscriber;

/// Connections at a time, where there are descriptors for so many. An idle one costs some 10 KiB.
pub(super) const CONNECTIONS_MAX: usize = 2048;

/// Connections that are told that there are too many, at a time; what comes beyond is closed without a word.
const TURNED_AWAY_MAX: usize = 64;

/// The connections of a port. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Door {
    inside: Arc<Mutex<Inside>>,
    max: usize,
    figures: Arc<WebFigures>,
}

#[derive(Debug, Default)]
struct Inside {
    by_client: HashMap<Subscriber, usize>,
    all: usize,
    turned_away: usize,
}

/// How a connection comes in.
#[derive(Debug)]
pub(super) enum Entrance {
    /// It is served while this is kept.
    Served(Place),
    /// It is told that there are too many, while this is kept.
    TurnedAway(Aside),
    /// It is closed.
    Closed,
}

impl Door {
    /// For at most `max` connections, three quarters of them of one client, so that nobody takes all.
    pub(super) fn new(max: usize, figures: Arc<WebFigures>) -> Self {
        Self {
            inside: Arc::default(),
            max,
            figures,
        }
    }

    pub(super) fn enter(&self, client: IpAddr) -> Entrance {
        let client = Subscriber::from(client);
        let mut inside = self.inside.lock();
        let here = inside.by_client.get(&client).copied().unwrap_or_default();
        if inside.all < self.max && here < self.max * 3 / 4 {
            inside.by_client.insert(client, here + 1);
            inside.all += 1;
            self.figures.connections.fetch_add(1, Relaxed);
            return Entrance::Served(Place {
                door: self.clone(),
                client,
            });
        }
        if inside.turned_away < TURNED_AWAY_MAX.min(self.max) {
            inside.turned_away += 1;
            return Entrance::TurnedAway(Aside(self.clone()));
        }
        Entrance::Closed
    }
}

/// A connection's place, given back when it ends.
#[derive(Debug)]
pub(super) struct Place {
    door: Door,
    client: Subscriber,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.door.inside.lock();
        inside.all -= 1;
        if let Entry::Occupied(mut here) = inside.by_client.entry(self.client) {
            *here.get_mut() -= 1;
            if *here.get() == 0 {
                here.remove();
            }
        }
        self.door.figures.connections.fetch_sub(1, Relaxed);
    }
}

/// The place of a connection that is turned away.
#[derive(Debug)]
pub(super) struct Aside(Door);

impl Drop for Aside {
    fn drop(&mut self) {
        self.0.inside.lock().turned_away -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(max: usize) -> Door {
        Door::new(max, Arc::default())
    }

    fn served(door: &Door, client: u8, count: usize) -> Vec<Entrance> {
        let client = IpAddr::from([192, 168, 0, client]);
        let entrances = (0..count).map(|_| door.enter(client));
        entrances
            .inspect(|entrance| assert!(matches!(entrance, Entrance::Served(_)), "{entrance:?}"))
            .collect()
    }

    #[test]
    fn nobody_takes_all_places_and_each_is_given_back() {
        let door = door(8);
        let first = served(&door, 1, 6);
        assert!(matches!(
            door.enter([192, 168, 0, 1].into()),
            Entrance::TurnedAway(_)
        ));
        let second = served(&door, 2, 2);
        assert!(matches!(
            door.enter([192, 168, 0, 2].into()),
            Entrance::TurnedAway(_)
        ));
        assert_eq!(door.figures.connections.load(Relaxed), 8);
        drop(first);
        drop(served(&door, 2, 4));
        drop(second);
        assert!(door.inside.lock().by_client.is_empty());
        assert_eq!(door.figures.connections.load(Relaxed), 0);
    }

    #[test]
    fn who_is_turned_away_is_told_a_few_at_a_time() {
        let door = door(1000);
        let client = IpAddr::from([192, 168, 0, 1]);
        let inside = served(&door, 1, 750);
        let told: Vec<_> = (0..TURNED_AWAY_MAX).map(|_| door.enter(client)).collect();
        assert!(
            told.iter()
                .all(|entrance| matches!(entrance, Entrance::TurnedAway(_)))
        );
        assert!(matches!(door.enter(client), Entrance::Closed));
        drop(told);
        assert!(matches!(door.enter(client), Entrance::TurnedAway(_)));
        drop(inside);
    }
}
