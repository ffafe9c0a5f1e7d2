//! Whether connections are encrypted (MSE/PE), and what was found out about single addresses.
//!
//! The settings say how both directions are treated. `prefer` dials as it was before encryption, since most peers take
//! that and it costs a round trip less, and comes back encrypted at once to who hangs up; what an address answered to
//! is remembered, and asked first the next time. Encryption hides a connection from those who look for BitTorrent on
//! the way. It protects nothing else.

use std::collections::VecDeque;
use std::net::SocketAddr;

use gostorm_wire::mse::Methods;
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use smallvec::{SmallVec, smallvec};

/// Addresses remembered as taking nothing but encrypted connections; the oldest is forgotten first.
const REMEMBERED_MAX: usize = 4096;

/// How one direction is treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encrypt {
    /// Both ways: plain connections first when we dial, whichever comes when we are dialled.
    #[default]
    Prefer,
    /// Encrypted connections only.
    Require,
    /// Plain connections only.
    Off,
}

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// When we dial.
    pub outgoing: Encrypt,
    /// When we are dialled.
    pub incoming: Encrypt,
    /// How the payload may travel behind an encryption handshake.
    pub methods: Methods,
}

impl Default for Encryption {
    fn default() -> Self {
        Self {
            outgoing: Encrypt::default(),
            incoming: Encrypt::default(),
            methods: Methods::Both,
        }
    }
}

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// With the handshake of BEP 3.
    Plain,
    /// With an encryption handshake that carries it.
    Encrypted(Methods),
}

/// The addresses that take nothing but encrypted connections. The lock is a leaf.
#[derive(Debug, Default)]
pub(crate) struct Habits(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    encrypted: FxHashSet<SocketAddr>,
    /// The same, the oldest first.
    order: VecDeque<SocketAddr>,
}

impl Habits {
    /// How to greet an address, one after the other until one is answered.
    pub(crate) fn greetings(
        &self,
        settings: &Encryption,
        address: SocketAddr,
    ) -> SmallVec<[Greeting; 2]> {
        let encrypted = Greeting::Encrypted(settings.methods);
        match settings.outgoing {
            Encrypt::Off => smallvec![Greeting::Plain],
            Encrypt::Require => smallvec![encrypted],
            Encrypt::Prefer if self.0.lock().encrypted.contains(&address) => {
                smallvec![encrypted, Greeting::Plain]
            }
            Encrypt::Prefer => smallvec![Greeting::Plain, encrypted],
        }
    }

    /// Notes what an address answered to.
    pub(crate) fn learn(&self, address: SocketAddr, greeting: Greeting) {
        let mut known = self.0.lock();
        match greeting {
            Greeting::Plain => {
                if known.encrypted.remove(&address) {
                    known.order.retain(|other| *other != address);
                }
            }
            Greeting::Encrypted(_) => {
                if known.encrypted.insert(address) {
                    known.order.push_back(address);
                }
                if known.order.len() > REMEMBERED_MAX
                    && let Some(oldest) = known.order.pop_front()
                {
                    known.encrypted.remove(&oldest);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u16) -> SocketAddr {
        ([127, 0, 0, 1], number).into()
    }

    const ENCRYPTED: Greeting = Greeting::Encrypted(Methods::Both);

    #[test]
    fn the_policy_says_how_an_address_is_greeted() {
        let habits = Habits::default();
        let greetings = |outgoing| {
            let settings = Encryption {
                outgoing,
                ..Encryption::default()
            };
            habits.greetings(&settings, address(1)).to_vec()
        };
        assert_eq!(greetings(Encrypt::Prefer), [Greeting::Plain, ENCRYPTED]);
        assert_eq!(greetings(Encrypt::Require), [ENCRYPTED]);
        assert_eq!(greetings(Encrypt::Off), [Greeting::Plain]);
    }

    #[test]
    fn what_an_address_answered_to_comes_first_the_next_time() {
        let habits = Habits::default();
        let first = |number| habits.greetings(&Encryption::default(), address(number))[0];
        habits.learn(address(1), ENCRYPTED);
        assert_eq!(first(1), ENCRYPTED);
        assert_eq!(first(2), Greeting::Plain);
        habits.learn(address(1), Greeting::Plain);
        assert_eq!(first(1), Greeting::Plain);
    }

    #[test]
    fn as_many_are_remembered_as_there_is_room_for() {
        let habits = Habits::default();
        for number in 0..=4096 {
            habits.learn(address(number), ENCRYPTED);
            habits.learn(address(number), ENCRYPTED);
        }
        let first = |number| habits.greetings(&Encryption::default(), address(number))[0];
        assert_eq!(first(0), Greeting::Plain);
        assert_eq!(first(1), ENCRYPTED);
        assert_eq!(habits.0.lock().order.len(), 4096);
    }
}
