//! The phase before the info dict is known: the core's `Resolve` machine on real peers.

use gostorm_core::resolve::{Resolve, ResolveInput};
use gostorm_core::{Config, PeerKey, Source, Time};
use gostorm_wire::{EXTENDED_HANDSHAKE_ID, ExtendedHandshake, Message, UtMetadata};

use super::errand::Errand;
use super::links::{Links, UT_METADATA_ID};
use crate::peer::PeerWhat;

/// The machine and nothing else.
pub(super) struct Search {
    pub(super) machine: Resolve,
}

impl Search {
    pub(super) fn new(links: &Links, config: Config, seed: u64) -> Self {
        Self {
            machine: Resolve::new(links.info_hash, config, seed),
        }
    }

    /// One input, then every output.
    pub(super) fn input(&mut self, now: Time, links: &mut Links, input: ResolveInput) {
        self.machine.handle(now, input);
        while let Some(output) = self.machine.poll() {
            // The machine knows no pieces: nothing comes back.
            let _ = links.act(output);
        }
        while let Some(peer) = links.lost.pop() {
            links.peers.remove(&peer);
            self.machine.handle(now, ResolveInput::Closed { peer });
        }
    }

    pub(super) fn peer(&mut self, now: Time, links: &mut Links, peer: PeerKey, what: PeerWhat) {
        match what {
            PeerWhat::Message(Message::Extended { id, payload }) => {
                self.extended(now, links, peer, id, &payload)
            }
            PeerWhat::Message(message) => {
                self.input(now, links, ResolveInput::Message { peer, message })
            }
            PeerWhat::Closed(reason) => {
                tracing::debug!(?reason, "peer closed");
                links.peers.remove(&peer);
                self.input(now, links, ResolveInput::Closed { peer });
            }
            // Nothing was asked for, and nothing is sent.
            PeerWhat::Block { .. } | PeerWhat::Uploaded(_) => {}
        }
    }

    fn extended(
        &mut self,
        now: Time,
        links: &mut Links,
        peer: PeerKey,
        id: u8,
        payload: &bytes::Bytes,
    ) {
        let input = match id {
            EXTENDED_HANDSHAKE_ID => ExtendedHandshake::decode(payload).map(|handshake| {
                if let Some(remote) = links.peers.get_mut(&peer) {
                    remote.extended = Some(handshake.clone());
                }
                ResolveInput::Extended { peer, handshake }
            }),
            UT_METADATA_ID => match UtMetadata::decode(payload) {
                Ok(UtMetadata::Reject { .. }) if !links.refuses_first(peer) => return,
                decoded => decoded.map(|message| ResolveInput::Metadata { peer, message }),
            },
            _ => return,
        };
        match input {
            Ok(input) => self.input(now, links, input),
            Err(violation) => {
                tracing::debug!(%violation, "peer broke the extension protocol");
                links.peers.remove(&peer);
                self.input(now, links, ResolveInput::Closed { peer });
            }
        }
    }

    pub(super) fn errand(&mut self, now: Time, links: &mut Links, errand: Errand) {
        match errand {
            Errand::Dialed {
                addr,
                rtt_us,
                outcome: Ok((stream, theirs)),
            } => {
                let peer = links.adopt(stream, addr, &theirs, false, Some(rtt_us), None);
                self.input(
                    now,
                    links,
                    ResolveInput::Connected {
                        peer,
                        addr,
                        incoming: false,
                    },
                );
            }
            Errand::Dialed {
                addr,
                outcome: Err(error),
                ..
            } => {
                tracing::debug!(%addr, %error, "dial failed");
                self.input(now, links, ResolveInput::DialFailed { addr });
            }
            Errand::Announced { tracker, outcome } => {
                let (outcome, addrs) = links.announced(tracker, outcome);
                self.input(
                    now,
                    links,
                    ResolveInput::Candidates {
                        source: Source::Tracker,
                        addrs,
                    },
                );
                self.input(now, links, ResolveInput::Announced { tracker, outcome });
            }
            Errand::Found { addrs } => self.input(
                now,
                links,
                ResolveInput::Candidates {
                    source: Source::Hint,
                    addrs,
                },
            ),
            Errand::Loaded { .. } | Errand::Done => {}
        }
    }
}
