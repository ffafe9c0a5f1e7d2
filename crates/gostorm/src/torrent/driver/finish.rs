//! The end of a driver: when it sleeps, what it remembers, how it says goodbye.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gostorm_core::{Input, Output, Time};

use super::{Driver, Phase};
use crate::handle::Command;
use crate::read::ReadError;
use crate::shared::Shared;
use crate::torrent::errand;

/// From the last close to the sleep of a torrent that nobody has read in sequence.
const SLEEP_AFTER_PROBE: Duration = Duration::from_secs(5);
/// How long trackers may take to hear that we stop.
const FAREWELL_MAX: Duration = Duration::from_secs(2);

impl Driver {
    pub(super) fn remember_peers(&mut self) {
        let Phase::Running(running) = &self.phase else {
            return;
        };
        let good = running.swarm.known_good();
        // A session without a network keeps what was known; one in which the last good peer turned bad does not.
        if good.is_empty() && running.swarm.stats().hash_failures == 0 {
            return;
        }
        let info_hash = self.links.info_hash;
        let write = move |shared: &Shared| shared.store.save_known_good(info_hash, &good);
        self.links.farewells.spawn(errand::store(
            Arc::clone(&self.links.shared),
            "the good peers",
            write,
        ));
    }

    /// Keeps the piece layers that peers gave, once they are all there for a file.
    pub(super) fn remember_layers(&mut self) {
        let Phase::Running(running) = &mut self.phase else {
            return;
        };
        let Some(layers) = running.new_layers() else {
            return;
        };
        let info_hash = self.links.info_hash;
        let write = move |shared: &Shared| shared.store.save_layers(info_hash, &layers);
        self.links.farewells.spawn(errand::store(
            Arc::clone(&self.links.shared),
            "piece layers",
            write,
        ));
    }

    /// Keeps what was found out about a dead swarm, or that it is none.
    fn remember_rest(&self, now: Time) {
        let rest = match &self.phase {
            Phase::Running(running) => running.swarm.stats().rest,
            Phase::Starting | Phase::Searching(_) | Phase::Hopeless(_) => self.patience.rest(now),
        };
        let links = &self.links;
        links
            .shared
            .rests
            .tell(Instant::now(), links.info_hash, self.generation, rest);
    }

    /// True when nobody has used the torrent for long enough, and nobody comes in between.
    pub(super) fn goes_to_sleep(&mut self) -> bool {
        let shared = &self.links.shared;
        if self.handle.users() > 0 {
            if self.idle_since.take().is_some() {
                shared.idle.leave(&self.handle);
            }
            self.handle.stay_awake();
            return false;
        }
        let since = *self.idle_since.get_or_insert_with(Instant::now);
        // One that was asked to sleep has had its place: it must not take another's.
        if !self.was_played() && !self.handle.may_sleep_now() {
            shared.idle.enter(&self.handle);
        }
        let sleeps = since.elapsed() >= self.sleep_after() || self.handle.may_sleep_now();
        sleeps && shared.retire(self.links.info_hash, &self.handle)
    }

    /// Somebody read it in sequence, or may have wanted to.
    fn was_played(&self) -> bool {
        matches!(&self.phase, Phase::Running(running) if running.swarm.was_played())
    }

    /// From the last close to sleep: a library scan opens thousands of files for a moment.
    pub(super) fn sleep_after(&self) -> Duration {
        let tuning = self.links.shared.tuning.load();
        match &self.phase {
            Phase::Running(running) if !running.swarm.was_played() => {
                tuning.sleep_after.min(SLEEP_AFTER_PROBE)
            }
            Phase::Starting | Phase::Searching(_) | Phase::Running(_) | Phase::Hopeless(_) => {
                tuning.sleep_after
            }
        }
    }

    /// Answers every read, tells the trackers, gives every byte back.
    pub(super) async fn finish(mut self) {
        let now = self.now();
        self.tell_totals();
        if self.forgotten {
            // From now on an open of it wakes it anew.
            self.links
                .shared
                .leave_awake(self.links.info_hash, &self.handle);
        } else {
            self.remember_peers();
            self.remember_rest(now);
            self.remember_layers();
        }
        self.early.fail_all(ReadError::ShuttingDown);
        // Peers that come now are turned away, while the trackers still hear our farewell.
        self.incoming.close();
        while self.incoming.try_recv().is_ok() {}
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Read(read) = command {
                read.reply.send(Err(ReadError::ShuttingDown));
            }
        }
        match &mut self.phase {
            Phase::Starting | Phase::Hopeless(_) => {}
            Phase::Searching(search) => {
                for plan in search.machine.stop() {
                    // An announce is carried out, never handed back.
                    let _ = self.links.act(Output::Announce(plan));
                }
            }
            Phase::Running(running) => running.input(now, &mut self.links, Input::Shutdown, None),
        }
        self.links.peers.clear();
        self.links.web_seeds.clear();
        self.links.errands.abort_all();
        let farewells = async { while self.links.farewells.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL_MAX, farewells).await.is_err() {
            tracing::debug!(torrent = %self.links.info_hash, "a tracker did not take our farewell in time");
        }
    }
}
