//! What one event changes: a command, an errand's result, an incoming peer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gostorm_core::resolve::ResolveInput;
use gostorm_core::{Hope, Input, Stats, Time};

use super::{Driver, Phase, time_since};
use crate::discovery::Found;
use crate::error::ResolveError;
use crate::handle::{Command, Glimpse, Holdings, TorrentState};
use crate::listen::Incoming;
use crate::read::{FileChoice, ReadError};
use crate::torrent::errand::Errand;
use crate::torrent::links::Greeted;

impl Driver {
    pub(super) fn command(&mut self, now: Time, command: Command) {
        if let Command::Inspect { reply } = command {
            // Who asked may have gone.
            let _ = reply.send(self.state());
        } else if matches!(command, Command::Forget) {
            self.forgotten = true;
        } else if let Command::Glimpse { choice, tell } = command {
            tell(self.glimpse(&choice));
        } else if let Command::Survey { reply } = command {
            // The same.
            let _ = reply.send(self.holdings());
        } else if matches!(self.phase, Phase::Running(_)) {
            self.command_running(now, command);
        } else if let Phase::Hopeless(why) = &self.phase {
            refuse(command, why);
        } else {
            self.command_early(now, command);
        }
    }

    fn command_running(&mut self, now: Time, command: Command) {
        let allowed = self.links.shared.tuning.load().read_deadline;
        let deadline = |since| self.time_of(since + allowed);
        let deadline = if let Command::Read(read) = &command {
            deadline(read.since)
        } else {
            now
        };
        let Phase::Running(running) = &mut self.phase else {
            return;
        };
        let links = &mut self.links;
        match command {
            Command::Open(opening) => running.open(now, links, opening),
            Command::Read(read) => running.read(now, links, read, deadline),
            Command::Position {
                reader,
                offset,
                len,
            } => running.position(now, links, reader, offset, len),
            Command::Expect {
                reader,
                offset,
                read,
            } => running.expect(now, links, reader, offset, read),
            Command::Confirm { reader, confirmed } => {
                running.confirm(now, links, reader, confirmed)
            }
            Command::Close { reader } => running.close(now, links, reader),
            Command::Resolve { done, .. } => {
                // Who asked may have gone.
                let _ = done.send(Ok(running.info_bytes.clone()));
            }
            Command::Inspect { .. }
            | Command::Glimpse { .. }
            | Command::Survey { .. }
            | Command::Forget => {}
        }
    }

    /// While it is not known where the files lie, commands wait.
    fn command_early(&mut self, now: Time, command: Command) {
        match command {
            Command::Open(opening) => self.opened.push(opening),
            Command::Read(read) => {
                let allowed = self.links.shared.tuning.load().read_deadline;
                let wanted = self.time_of(read.since + allowed);
                let hope = match &self.phase {
                    Phase::Searching(search) => search.machine.hope(),
                    Phase::Starting | Phase::Running(_) | Phase::Hopeless(_) => Hope::Nobody,
                };
                let deadline = self.patience.deadline(now, wanted, hope);
                let deadline = self.start + Duration::from_micros(deadline.0);
                self.early.push(read, deadline);
            }
            Command::Close { reader } => {
                self.opened.retain(|open| open.reader != reader);
                self.early.close(reader);
            }
            Command::Resolve { progress, done } => self.wishes.push((progress, done)),
            Command::Expect {
                reader,
                offset,
                read,
            } => {
                let mut opened = self.opened.iter_mut();
                if let Some(opening) = opened.find(|open| open.reader == reader) {
                    opening.expected = Some((offset, read));
                }
            }
            Command::Confirm { reader, confirmed } => {
                let mut opened = self.opened.iter_mut();
                if let Some(opening) = opened.find(|open| open.reader == reader) {
                    opening.confirmed = confirmed;
                }
            }
            Command::Position { .. }
            | Command::Inspect { .. }
            | Command::Glimpse { .. }
            | Command::Survey { .. }
            | Command::Forget => {}
        }
    }

    fn glimpse(&self, choice: &FileChoice) -> Glimpse {
        match &self.phase {
            Phase::Running(running) => running.glimpse(choice),
            Phase::Starting | Phase::Searching(_) | Phase::Hopeless(_) => Glimpse::default(),
        }
    }

    fn holdings(&self) -> Holdings {
        match &self.phase {
            Phase::Running(running) => running.holdings(),
            Phase::Starting | Phase::Searching(_) | Phase::Hopeless(_) => Holdings::default(),
        }
    }

    /// Fails the reads whose time is over before there is a swarm.
    pub(super) fn fail_late_early(&mut self, now: Time) {
        let ends = self.early_ends();
        let failed = self.early.fail_late(Instant::now(), ends);
        // Who waited for a place to wake has asked nobody.
        if let (Some(since), Phase::Searching(_)) = (failed, &self.phase)
            && let Some(rest) = self.patience.failed(now, self.time_of(since))
        {
            self.links.rests(rest);
        }
    }

    /// Adds to the totals of the process what was counted since the last time.
    pub(super) fn tell_totals(&mut self) {
        if let Phase::Running(running) = &self.phase {
            let now = running.swarm.stats();
            self.links.shared.totals.add(&self.told, &now);
            self.told = now;
        }
    }

    /// When an early read fails, by when it came and its deadline.
    pub(super) fn early_ends(&self) -> impl Fn(Instant, Instant) -> Instant + use<> {
        let (start, patience) = (self.start, self.patience);
        let forlorn =
            matches!(&self.phase, Phase::Searching(search) if search.machine.is_forlorn());
        move |since, deadline| {
            let given_up = patience
                .forlorn(time_since(start, since))
                .filter(|_| forlorn);
            given_up.map_or(deadline, |at| {
                deadline.min(start + Duration::from_micros(at.0))
            })
        }
    }

    pub(super) fn state(&mut self) -> TorrentState {
        self.measure();
        self.tell_totals();
        let (now, trackers) = (self.now(), &self.links.trackers);
        let web_seeds = self.links.web_seeds.states();
        match &self.phase {
            Phase::Running(running) => TorrentState {
                resolved: true,
                stats: running.swarm.stats(),
                rates: self.meter.rates(),
                peers: running.swarm.peer_stats().collect(),
                readers: running.swarm.reader_stats().collect(),
                trackers: trackers.states(now, running.swarm.tracker_clocks()),
                web_seeds,
                remotes: self.links.remotes(),
                now,
            },
            Phase::Searching(search) => TorrentState {
                trackers: trackers.states(now, search.machine.tracker_clocks()),
                web_seeds,
                stats: self.early_stats(now),
                ..TorrentState::default()
            },
            Phase::Starting | Phase::Hopeless(_) => TorrentState {
                stats: self.early_stats(now),
                ..TorrentState::default()
            },
        }
    }

    fn early_stats(&self, now: Time) -> Stats {
        Stats {
            rest: self.patience.rest(now),
            ..Stats::default()
        }
    }

    /// The trackers, the DHT and the peers learn what has changed about us.
    pub(super) fn announce_now(&mut self, now: Time) {
        self.links.introduce_again();
        match &mut self.phase {
            Phase::Running(running) => {
                running.input(now, &mut self.links, Input::AnnounceNow, None)
            }
            Phase::Searching(search) => {
                search.input(now, &mut self.links, ResolveInput::AnnounceNow)
            }
            // What is asked later is asked with what is true then.
            Phase::Starting | Phase::Hopeless(_) => {}
        }
    }

    pub(super) fn accept(
        &mut self,
        now: Time,
        Incoming {
            stream,
            address,
            theirs,
            agreed,
        }: Incoming,
    ) {
        if self.generation.is_none() {
            return;
        }
        self.patience.heard(now);
        let how = Greeted {
            theirs,
            agreed,
            incoming: true,
            rtt_us: None,
        };
        match &mut self.phase {
            Phase::Running(running) => {
                let size = u32::try_from(running.info_bytes.len()).ok();
                let peer = self.links.adopt(stream, address, how, size);
                running.connected(now, &mut self.links, peer);
            }
            Phase::Searching(search) => {
                let peer = self.links.adopt(stream, address, how, None);
                search.input(
                    now,
                    &mut self.links,
                    ResolveInput::Connected {
                        peer,
                        addr: address,
                        incoming: true,
                    },
                );
            }
            Phase::Starting | Phase::Hopeless(_) => {}
        }
    }

    pub(super) fn found(&mut self, now: Time, found: Found) {
        let Found::Peers { source, addrs } = found else {
            return self.looked_up(now);
        };
        let ours = self.links.shared.announced_port();
        let own = |addr: &SocketAddr| addr.ip().is_loopback() && addr.port() == ours;
        let addrs: Vec<SocketAddr> = addrs.into_iter().filter(|addr| !own(addr)).collect();
        tracing::debug!(torrent = %self.links.info_hash, ?source, count = addrs.len(), "peers found");
        match &mut self.phase {
            Phase::Running(running) => {
                let input = Input::Candidates { source, addrs };
                running.input(now, &mut self.links, input, None);
            }
            Phase::Searching(search) => {
                let input = ResolveInput::Candidates { source, addrs };
                search.input(now, &mut self.links, input);
            }
            Phase::Starting | Phase::Hopeless(_) => {}
        }
    }

    /// The DHT has said all. A web server that is not reached yet may still serve.
    fn looked_up(&mut self, now: Time) {
        if !self.links.web_seeds.states().is_empty() {
            return;
        }
        match &mut self.phase {
            Phase::Running(running) => running.input(now, &mut self.links, Input::LookedUp, None),
            Phase::Searching(search) => search.input(now, &mut self.links, ResolveInput::LookedUp),
            Phase::Starting | Phase::Hopeless(_) => {}
        }
    }

    pub(super) fn errand(&mut self, now: Time, errand: Errand) {
        let made = matches!(
            errand,
            Errand::Dialed { outcome: Ok(_), .. } | Errand::WebSeed { outcome: Ok(_), .. }
        );
        if self.generation.is_none() && (made || matches!(errand, Errand::WebSeed { .. })) {
            // It ended in the moment in which the network did; the machine knows that all connections have.
            return;
        }
        if made {
            self.patience.heard(now);
            self.wake = None;
        }
        match (&mut self.phase, errand) {
            (
                Phase::Starting,
                Errand::Loaded {
                    wake,
                    stored,
                    banned,
                },
            ) => {
                self.wake = Some((wake, Instant::now()));
                let stored = stored.unwrap_or_else(|error| {
                    tracing::warn!(%error, "the store cannot say what it knows of a torrent");
                    None
                });
                self.begin(now, stored.unwrap_or_default(), banned);
            }
            (Phase::Running(running), errand) => running.errand(now, &mut self.links, errand),
            (Phase::Searching(search), errand) => search.errand(now, &mut self.links, errand),
            (Phase::Starting | Phase::Hopeless(_), _) => {}
        }
    }
}

/// What a torrent without a valid info dict says to everyone.
fn refuse(command: Command, why: &ResolveError) {
    match command {
        Command::Read(read) => read.reply.send(Err(ReadError::Unavailable)),
        Command::Resolve { done, .. } => {
            // Who asked may have gone.
            let _ = done.send(Err(why.clone()));
        }
        Command::Open(_)
        | Command::Position { .. }
        | Command::Expect { .. }
        | Command::Confirm { .. }
        | Command::Close { .. }
        | Command::Inspect { .. }
        | Command::Glimpse { .. }
        | Command::Survey { .. }
        | Command::Forget => {}
    }
}
