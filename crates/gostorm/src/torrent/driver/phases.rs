//! From phase to phase: from the store to a search or a swarm, and from a search to the swarm that goes
//! on with its peers.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use gostorm_core::resolve::ResolveInput;
use gostorm_core::{Config, HashTrees, Input, Output, Source, Swarm, Time};
use gostorm_wire::{Info, PieceLayers};

use super::{Driver, Phase};
use crate::error::ResolveError;
use crate::handle::Command;
use crate::happening::Happening;
use crate::limits::{Activity, Share, Sharers};
use crate::read::ReadError;
use crate::shared::Shared;
use crate::store::StoredTorrent;
use crate::torrent::errand;
use crate::torrent::running::Running;
use crate::torrent::search::Search;
use crate::torrent::trackers::Trackers;
use crate::tracker::tiers;

impl Driver {
    /// The store has spoken: search for the info dict, or run.
    pub(super) fn begin(&mut self, now: Time, stored: StoredTorrent, banned: Vec<IpAddr>) {
        let Some(origin) = self.origin.take() else {
            return;
        };
        let web_seeds = stored.web_seeds.iter().chain(&origin.web_seeds);
        let info_hash = self.links.info_hash;
        self.links.web_seeds.set_urls(info_hash, web_seeds, &banned);
        self.sharers = Some(self.links.shared.limits.join(self.tenant));
        let mut hints = stored.hints;
        hints.extend(origin.hints);
        let addrs = self.links.hints(hints);
        self.links.info_hash_v2 = origin.info_hash_v2.or(stored.info_hash_v2);
        let seed = rand::random();
        let known = stored.info.and_then(|bytes| {
            let info = Info::parse(&bytes).inspect_err(|error| tracing::error!(%error, "the stored info dict is broken; it is fetched again")).ok();
            info.filter(|_| Info::is_named(&bytes, self.links.info_hash, self.links.info_hash_v2)).map(|info| (info, bytes))
        });
        let private = known.as_ref().is_some_and(|(info, _)| info.private());
        let tuning = self.links.shared.tuning.load_full();
        let wanted = &tuning.retrackers;
        let tiers = tiers::choose(stored.trackers, origin.trackers, wanted, private);
        if tiers.skipped > 0 {
            tracing::info!(torrent = %self.links.info_hash, skipped = tiers.skipped, "some trackers of the torrent are no udp, http or https URLs");
        }
        self.links.trackers = Trackers::new(tiers);
        let config = Config {
            connections_max: tuning.connections_per_torrent,
            tiers: self.links.trackers.tiers.clone(),
            own_trackers: self.links.trackers.own,
            private,
            banned,
        };
        if let Some((info, bytes)) = known
            && let Some(layout) = Running::layout(&info)
        {
            self.links.private = private;
            let swarm = Swarm::new(config, layout, seed);
            self.run(now, swarm, info, bytes, stored.layers);
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
            self.heed_limits(now);
        }
        self.begin_offline(now);
    }

    fn heed_limits(&mut self, now: Time) {
        if let Some(sharers) = &mut self.sharers {
            let sharers = *sharers.borrow_and_update();
            self.shared_out(now, sharers);
        }
    }

    /// The limits of the process are shared in this way from now on.
    pub(super) fn shared_out(&mut self, now: Time, sharers: Sharers) {
        let limits = &self.links.shared.limits;
        match &mut self.phase {
            Phase::Running(running) => {
                let Share {
                    download,
                    upload,
                    connections,
                } = limits.share(sharers, running.activity());
                self.feed(now, Input::Limits { download, upload });
                let connections_max = connections;
                self.feed(now, Input::Places { connections_max });
            }
            Phase::Searching(search) => {
                let connections_max = limits.share(sharers, Activity::Searching).connections;
                let places = ResolveInput::Places { connections_max };
                search.input(now, &mut self.links, places);
            }
            Phase::Starting | Phase::Hopeless(_) => {}
        }
    }

    pub(super) fn feed(&mut self, now: Time, input: Input) {
        if let Phase::Running(running) = &mut self.phase {
            running.input(now, &mut self.links, input, None);
        }
    }

    /// A torrent of v2 has hash trees, and a hybrid a second name.
    fn with_trees(
        &mut self,
        swarm: Swarm,
        info: &Info,
        bytes: &[u8],
        layers: Option<Bytes>,
    ) -> Swarm {
        if !info.has_v2() {
            self.links.info_hash_v2 = None;
            return swarm;
        }
        let (v1, v2) = (Info::info_hash_of(bytes), Info::info_hash_v2_of(bytes));
        self.links.info_hash_v2 = Some(v2);
        let names = [v2.truncated()]
            .into_iter()
            .chain(info.has_v1().then_some(v1));
        let key = self.links.info_hash;
        for twin in names.filter(|name| *name != key) {
            self.links.shared.awake.lock().set_twin(key, twin);
        }
        let layers = layers.map(|layers| PieceLayers::parse(&layers, info));
        let layers = layers.unwrap_or_else(|| Ok(PieceLayers::default()));
        let layers = layers.unwrap_or_else(|error| {
            tracing::warn!(torrent = %key, %error, "stored piece layers are broken; they are fetched again");
            PieceLayers::default()
        });
        swarm.with_trees(HashTrees::of(info, &layers), info.has_v1())
    }

    /// Enters the running phase with all that waited for it.
    pub(super) fn run(
        &mut self,
        now: Time,
        swarm: Swarm,
        info: Info,
        bytes: Bytes,
        layers: Option<Bytes>,
    ) {
        let swarm = swarm.with_patience(self.patience);
        let swarm = self.with_trees(swarm, &info, &bytes, layers);
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
        self.links
            .web_seeds
            .begin(&self.links.shared.net, &running.info);
        self.phase = Phase::Running(Box::new(running));
        // Before anything is asked for: nothing passes without a limit.
        self.activity = Activity::Unread;
        self.links.shared.limits.set(self.tenant, self.activity);
        self.heed_limits(now);
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
        let found = Happening::Resolved(self.links.info_hash);
        self.links.shared.tell(found);
        let Phase::Searching(search) = std::mem::replace(&mut self.phase, Phase::Starting) else {
            return;
        };
        self.links.private = info.private();
        let (inherited, preludes) = search.machine.into_parts();
        let shared = Arc::clone(&self.links.shared);
        let config = Config {
            connections_max: shared.tuning.load().connections_per_torrent,
            tiers: self.links.trackers.tiers.clone(),
            own_trackers: self.links.trackers.own,
            private: info.private(),
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
            None,
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
        self.links.web_seeds.clear();
        self.links.errands.abort_all();
    }
}
