//! The end and the return of the network: see [`crate::net`].
//!
//! When the uplink ends, every peer is let go at once, without blame; the torrent stays awake and its reads wait for
//! their deadlines. When there is another, everybody who is known is dialled and every tracker told.

use gostorm_core::resolve::ResolveInput;
use gostorm_core::{Input, Time};

use super::{Driver, Phase};

impl Driver {
    /// Looks at the gate, and follows it.
    pub(super) fn network(&mut self, now: Time) {
        let generation = self.gate.borrow_and_update().generation();
        if generation == self.generation {
            return;
        }
        if self.generation.take().is_some() {
            self.links.peers.clear();
            self.links.web_seeds.suspend();
            self.tell_network(now, false);
        }
        // Whoever greeted us before the end.
        while self.incoming.try_recv().is_ok() {}
        if generation.is_some() {
            self.patience.heard(now);
            self.tell_network(now, true);
        }
        self.generation = generation;
    }

    /// A machine that begins while there is no network has to know.
    pub(super) fn begin_offline(&mut self, now: Time) {
        if self.generation.is_none() {
            self.tell_network(now, false);
        }
    }

    fn tell_network(&mut self, now: Time, up: bool) {
        let links = &mut self.links;
        match &mut self.phase {
            Phase::Running(running) => running.input(now, links, Input::Network { up }, None),
            Phase::Searching(search) => search.input(now, links, ResolveInput::Network { up }),
            Phase::Starting | Phase::Hopeless(_) => {}
        }
    }
}
