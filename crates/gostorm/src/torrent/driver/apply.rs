//! What one event changes: a command, an errand's result, an incoming peer.

use std::time::Instant;

use gostorm_core::Time;
use gostorm_core::resolve::ResolveInput;

use super::{Driver, Phase};
use crate::error::ResolveError;
use crate::handle::{Command, TorrentState};
use crate::listen::Incoming;
use crate::read::ReadError;
use crate::torrent::errand::Errand;

impl Driver {
    pub(super) fn command(&mut self, now: Time, command: Command) {
        if let Command::Inspect { reply } = command {
            // Who asked may have gone.
            let _ = reply.send(self.state());
        } else if matches!(self.phase, Phase::Running(_)) {
            self.command_running(now, command);
        } else if let Phase::Hopeless(why) = &self.phase {
            refuse(command, why);
        } else {
            self.command_early(command);
        }
    }

    fn command_running(&mut self, now: Time, command: Command) {
        let allowed = self.links.shared.config.read_deadline;
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
            Command::Close { reader } => running.close(now, links, reader),
            Command::Resolve { done, .. } => {
                // Who asked may have gone.
                let _ = done.send(Ok(running.info_bytes.clone()));
            }
            Command::Inspect { .. } => {}
        }
    }

    /// While it is not known where the files lie, commands wait.
    fn command_early(&mut self, command: Command) {
        match command {
            Command::Open(opening) => self.opened.push(opening),
            Command::Read(read) => self.early.push(read),
            Command::Close { reader } => {
                self.opened.retain(|open| open.reader != reader);
                self.early.close(reader);
            }
            Command::Resolve { progress, done } => self.wishes.push((progress, done)),
            Command::Position { .. } | Command::Inspect { .. } => {}
        }
    }

    pub(super) fn state(&self) -> TorrentState {
        match &self.phase {
            Phase::Running(running) => TorrentState {
                resolved: true,
                stats: running.swarm.stats(),
                peers: running.swarm.peer_stats().collect(),
                readers: running.swarm.reader_stats().collect(),
            },
            Phase::Starting | Phase::Searching(_) | Phase::Hopeless(_) => TorrentState::default(),
        }
    }

    pub(super) fn accept(
        &mut self,
        now: Time,
        Incoming {
            stream,
            address,
            theirs,
        }: Incoming,
    ) {
        match &mut self.phase {
            Phase::Running(running) => {
                let size = u32::try_from(running.info_bytes.len()).ok();
                let peer = self.links.adopt(stream, address, &theirs, true, None, size);
                running.connected(now, &mut self.links, peer);
            }
            Phase::Searching(search) => {
                let peer = self.links.adopt(stream, address, &theirs, true, None, None);
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

    pub(super) fn errand(&mut self, now: Time, errand: Errand) {
        if matches!(errand, Errand::Dialed { outcome: Ok(_), .. }) {
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
        | Command::Close { .. }
        | Command::Inspect { .. } => {}
    }
}
