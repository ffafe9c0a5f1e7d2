//! Wrong logins, counted by client, so that nobody can try them all.
//!
//! A client may make [`GUESSES`] different wrong guesses in [`WINDOW`], at all ports together; after that none of its
//! logins is looked at, right or wrong, until the window has ended. The same wrong login again is no new guess: a program
//! with an old password keeps nobody out. What was guessed is kept as a keyed hash alone. Clients that are remembered are
//! bounded; the one that began first goes when another comes.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::subscriber::Subscriber;

/// Wrong guesses of one client in a window.
const GUESSES: usize = 10;

/// How long a wrong guess counts, from the first one on.
const WINDOW: Duration = Duration::from_secs(300);

/// Clients that are remembered.
const CLIENTS_MAX: usize = 1024;

/// The wrong guesses of the moment.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    clients: Mutex<HashMap<Subscriber, Guesses>>,
    key: RandomState,
}

#[derive(Debug)]
struct Guesses {
    since: Instant,
    different: Vec<u64>,
}

impl Guesses {
    fn left(&self) -> Option<Duration> {
        WINDOW.checked_sub(self.since.elapsed())
    }
}

impl Attempts {
    /// For how long no login of this client is looked at.
    pub(crate) fn locked_for(&self, client: IpAddr) -> Option<Duration> {
        let clients = self.clients.lock();
        let guesses = clients.get(&client.into())?;
        guesses
            .left()
            .filter(|_| guesses.different.len() >= GUESSES)
    }

    /// Counts a wrong guess. The first one of a window is logged, and the one that locks the client out.
    pub(crate) fn count(&self, client: IpAddr, guess: &[u8]) {
        let guess = self.key.hash_one(guess);
        let mut clients = self.clients.lock();
        clients.retain(|_, guesses| guesses.left().is_some());
        let key = client.into();
        if clients.len() >= CLIENTS_MAX && !clients.contains_key(&key) {
            let first = clients.iter().min_by_key(|(_, guesses)| guesses.since);
            if let Some(first) = first.map(|(client, _)| *client) {
                clients.remove(&first);
            }
        }
        let guesses = clients.entry(key).or_insert_with(|| Guesses {
            since: Instant::now(),
            different: Vec::new(),
        });
        if guesses.different.contains(&guess) || guesses.different.len() >= GUESSES {
            return;
        }
        guesses.different.push(guess);
        match guesses.different.len() {
            1 => tracing::warn!(%client, "a wrong login; more from there are not told for a while"),
            GUESSES => tracing::warn!(
                %client,
                "too many wrong logins: none from there is looked at for some minutes"
            ),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 0, 7));

    fn guess(attempts: &Attempts, client: IpAddr, count: usize) {
        for number in 0..count {
            attempts.count(client, &number.to_le_bytes());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_guesses_too_often_waits_until_the_window_ends_and_nobody_else_does() {
        let attempts = Attempts::default();
        guess(&attempts, CLIENT, GUESSES - 1);
        assert_eq!(attempts.locked_for(CLIENT), None);
        tokio::time::advance(Duration::from_secs(60)).await;
        guess(&attempts, CLIENT, GUESSES);
        assert_eq!(
            attempts.locked_for(CLIENT),
            Some(WINDOW - Duration::from_secs(60))
        );
        assert_eq!(attempts.locked_for([192, 168, 0, 8].into()), None);
        tokio::time::advance(WINDOW).await;
        assert_eq!(attempts.locked_for(CLIENT), None);
        guess(&attempts, CLIENT, 1);
        assert_eq!(attempts.locked_for(CLIENT), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_wrong_login_again_is_no_new_guess() {
        let attempts = Attempts::default();
        for _ in 0..1000 {
            attempts.count(CLIENT, b"an old password");
        }
        assert_eq!(attempts.locked_for(CLIENT), None);
    }

    #[tokio::test(start_paused = true)]
    async fn other_addresses_of_one_ipv6_client_do_not_help() {
        let attempts = Attempts::default();
        for host in 0..10_u16 {
            let client = IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host]);
            attempts.count(client, &host.to_le_bytes());
        }
        let other = IpAddr::from([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]);
        assert!(attempts.locked_for(other).is_some());
        let neighbour = IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]);
        assert_eq!(attempts.locked_for(neighbour), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_is_bounded_and_the_oldest_goes() {
        let attempts = Attempts::default();
        guess(&attempts, CLIENT, GUESSES);
        tokio::time::advance(Duration::from_secs(1)).await;
        for number in 0..u16::try_from(CLIENTS_MAX).unwrap_or(u16::MAX) {
            let [high, low] = number.to_be_bytes();
            attempts.count([10, 0, high, low].into(), b"x");
        }
        assert_eq!(attempts.clients.lock().len(), CLIENTS_MAX);
        assert_eq!(attempts.locked_for(CLIENT), None, "it was the first");
    }
}
