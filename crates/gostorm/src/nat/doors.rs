//! The listeners beside the engine's own: at the port of the gateway, and where the settings name one more.
//!
//! Some gateways deliver to the port that we asked for, some to the one that they gave. A port that is no longer wanted
//! stays open for [`GRACE`], since trackers and peers know it; at most [`DOORS_MAX`] are open.

use std::time::Duration;

use tokio::time::Instant;

use crate::listen::Listener;

/// How long a port stays open that is no longer announced.
const GRACE: Duration = Duration::from_secs(120);
/// A gateway that gives another port each time does not use up our descriptors.
const DOORS_MAX: usize = 4;

/// Opens listeners at a port; none where that fails.
pub(crate) type Open = Box<dyn Fn(u16) -> Vec<Listener> + Send + Sync>;

struct Door {
    port: u16,
    /// Held for their sockets.
    listeners: Vec<Listener>,
    close_at: Option<Instant>,
}

/// See the module.
pub(super) struct Doors {
    open: Open,
    doors: Vec<Door>,
}

impl Doors {
    pub(super) const fn new(open: Open) -> Self {
        Self {
            open,
            doors: Vec::new(),
        }
    }

    /// From now on these are wanted; the others close after a while. Called again and again, a port that could not be
    /// had is tried again.
    pub(super) fn want(&mut self, wanted: &[u16]) {
        let late = Instant::now() + GRACE;
        for door in &mut self.doors {
            door.close_at = if wanted.contains(&door.port) {
                None
            } else {
                door.close_at.or(Some(late))
            };
        }
        for &port in wanted {
            let place = self.doors.iter_mut().find(|door| door.port == port);
            match place {
                Some(door) if door.listeners.is_empty() => door.listeners = (self.open)(port),
                Some(_) => {}
                None => self.doors.push(Door {
                    port,
                    listeners: (self.open)(port),
                    close_at: None,
                }),
            }
        }
        while self.doors.len() > DOORS_MAX {
            self.doors.remove(0);
        }
    }

    /// The sockets are of no use any more; what is wanted is opened anew.
    pub(super) fn reopen(&mut self) {
        self.doors.retain(|door| door.close_at.is_none());
        for door in &mut self.doors {
            door.listeners.clear();
            door.listeners = (self.open)(door.port);
        }
    }

    /// The network is gone.
    pub(super) fn shut(&mut self) {
        for door in &mut self.doors {
            door.listeners.clear();
        }
    }

    /// When the next one closes.
    pub(super) fn next_close(&self) -> Option<Instant> {
        self.doors.iter().filter_map(|door| door.close_at).min()
    }

    pub(super) fn close_due(&mut self) {
        let now = Instant::now();
        self.doors
            .retain(|door| door.close_at.is_none_or(|at| at > now));
    }
}
