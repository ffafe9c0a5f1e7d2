//! From phase to phase: from the store to a search or a swarm, and from a search to the swarm that goes
//! on with its peers.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use gostorm_core::resolve::ResolveInput;
use gostorm_core::{Config, Input, Output, Source, Swarm, Time};
use gostorm_wire::Info;

use super::{Driver, Phase};
use crate::error::ResolveError;
use crate::handle::Command;
use crate::read::ReadError;
use crate::shared::Shared;
use crate::store::StoredTorrent;
use crate::torrent::errand;
use crate::torrent::running::Running;
use crate::torrent::search::Search;

impl Driver {
    /// The store has spoken: search for the info dict, or run.
    pub(super) fn begin(&mut self, now: Time, stored: StoredTorrent, banned: Vec<IpAddr>) {
        let Some(origin) = self.origin.take() else {
            return;
        };
        let mut trackers = stored.trackers;
        trackers.extend(origin.trackers);
        let mut seen = rustc_hash::FxHashSet::default();
        trackers.retain(|url| seen.insert(url.clone()));
        self.links.set_trackers(trackers);
        let config = Config {
            connections_max: self.links.shared.config.connections_per_torrent,
            trackers: self.links.tracker_count(),
            banned,
        };
        let mut hints = stored.hints;
        hints.extend(origin.hints);
        let addrs = self.links.hints(hints);
        let seed = self.links.shared.next_key();
        let known = stored.info.and_then(|bytes| {
            let info = Info::parse(&bytes).inspect_err(|error| tracing::error!(%error, "the stored info dict is broken; it is fetched again")).ok();
            info.filter(|_| Info::info_hash_of(&bytes) == self.links.info_hash).map(|info| (info, bytes))
        });
        if let Some((info, bytes)) = known
            && let Some(layout) = Running::layout(&info)
        {
            let swarm = Swarm::new(config, layout, seed);
            self.run(now, swarm, info, bytes);
            self.feed(now, Input::KnownGood(stored.known_good));
            self.feed(
                now,
                Input::Candidates {
                    source: Source::Hint,
                    addrs,
                },
            );
        } else {
            let mut search = Search::new(&self.links, config, seed);
            search.input(
                now,
                &mut self.links,
                ResolveInput::Candidates {
                    source: Source::Hint,
                    addrs,
                },
            );
            let known = stored.known_good.iter().map(|peer| peer.addr).collect();
            search.input(
                now,
                &mut self.links,
                ResolveInput::Candidates {
                    source: Source::KnownGood,
                    addrs: known,
                },
            );
            self.phase = Phase::Searching(Box::new(search));
        }
    }

    pub(super) fn feed(&mut self, now: Time, input: Input) {
        if let Phase::Running(running) = &mut self.phase {
            running.input(now, &mut self.links, input, None);
        }
    }

    /// Enters the running phase with all that waited for it.
    pub(super) fn run(&mut self, now: Time, swarm: Swarm, info: Info, bytes: Bytes) {
        self.lease = Some(
            self.links
                .shared
                .memory
                .join(self.tenant, swarm.layout().piece_len()),
        );
        let running = Running::new(
            swarm,
            info,
            bytes.clone(),
            self.to_verdicts.clone(),
            self.tenant,
        );
        self.phase = Phase::Running(Box::new(running));
        // Before anything is asked for: nothing passes without a limit.
        let mut sharers = self.links.shared.limits.join(self.tenant);
        let now_shared = *sharers.borrow_and_update();
        self.sharers = Some(sharers);
        let (download, upload) = self.links.shared.limits.share(now_shared);
        self.feed(now, Input::Limits { download, upload });
        for (_, done) in std::mem::take(&mut self.wishes) {
            let _ = done.send(Ok(bytes.clone()));
        }
        for opening in std::mem::take(&mut self.opened) {
            self.command(now, Command::Open(opening));
        }
        for read in self.early.take() {
            self.command(now, Command::Read(read));
        }
    }

    /// When the search has the info dict: keep it, and run with the peers that it found.
    pub(super) fn resolved(&mut self, now: Time) {
        let Phase::Searching(search) = &mut self.phase else {
            return;
        };
        let Some(bytes) = search.machine.take_info() else {
            return;
        };
        let info = match Info::parse(&bytes) {
            Ok(info) => info,
            Err(error) => {
                // The hash is right and the dict is not: no peer can mend that.
                tracing::warn!(torrent = %self.links.info_hash, %error, "the torrent's info dict is invalid");
                return self.give_up(ResolveError::Invalid(error));
            }
        };
        let Some(layout) = Running::layout(&info) else {
            return self.give_up(ResolveError::Ended);
        };
        let Phase::Searching(search) = std::mem::replace(&mut self.phase, Phase::Starting) else {
            return;
        };
        let (inherited, preludes) = search.machine.into_parts();
        let shared = Arc::clone(&self.links.shared);
        let config = Config {
            connections_max: shared.config.connections_per_torrent,
            trackers: self.links.tracker_count(),
            banned: Vec::new(),
        };
        let bytes = Bytes::from(bytes);
        let (info_hash, kept) = (self.links.info_hash, bytes.clone());
        self.links.farewells.spawn(errand::store(
            shared,
            "an info dict",
            move |shared: &Shared| shared.store.save_info(info_hash, &kept),
        ));
        self.run(
            now,
            Swarm::inherit(config, layout, self.tenant, inherited),
            info,
            bytes,
        );
        if let Phase::Running(running) = &mut self.phase {
            for prelude in preludes {
                running.connected(now, &mut self.links, prelude.peer);
                for message in prelude.messages {
                    running.input(
                        now,
                        &mut self.links,
                        Input::Message {
                            peer: prelude.peer,
                            message,
                        },
                        None,
                    );
                }
            }
            running.input(now, &mut self.links, Input::Turn, None);
        }
    }

    /// Ends the search for good: everyone is answered, nobody is connected any more.
    fn give_up(&mut self, why: ResolveError) {
        for (_, done) in std::mem::take(&mut self.wishes) {
            // Who asked may have gone.
            let _ = done.send(Err(why.clone()));
        }
        self.early.fail_all(ReadError::Unavailable);
        self.opened.clear();
        self.wake = None;
        if let Phase::Searching(mut search) =
            std::mem::replace(&mut self.phase, Phase::Hopeless(why))
        {
            for plan in search.machine.stop() {
                // An announce is carried out, never handed back.
                let _ = self.links.act(Output::Announce(plan));
            }
        }
        self.links.peers.clear();
        self.links.errands.abort_all();
    }
}
