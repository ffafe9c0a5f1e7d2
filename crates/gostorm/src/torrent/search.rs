//! The phase before the info dict is known: the core's `Resolve` machine on real peers.

use gostorm_core::resolve::{Resolve, ResolveInput};
use gostorm_core::{Config, PeerKey, Time};
use gostorm_wire::{EXTENDED_HANDSHAKE_ID, ExtendedHandshake, Message, Pex, UtMetadata};

use super::errand::Errand;
use super::links::{Links, UT_METADATA_ID, UT_PEX_ID};
use crate::peer::PeerWhat;

/// The machine and nothing else.
pub(super) struct Search {
    pub(super) machine: Resolve,
}

impl Search {
    pub(super) fn new(links: &Links, config: Config, seed: u64) -> Self {
        Self {
            machine: Resolve::new(links.info_hash, links.info_hash_v2, config, seed),
        }
    }

    /// One input, then every output.
    pub(super) fn input(&mut self, now: Time, links: &mut Links, mut input: ResolveInput) {
        if let ResolveInput::Candidates { source, addrs } = &mut input {
            links.shared.filter.sift(*source, addrs);
        } else if let ResolveInput::Pex { message, .. } = &mut input {
            links.shared.filter.sift_pex(message);
        }
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
            PeerWhat::Message(Message::Port(port)) => links.met_node(peer, port),
            PeerWhat::Message(message) => {
                self.input(now, links, ResolveInput::Message { peer, message })
            }
            PeerWhat::Closed(reason) => {
                tracing::debug!(?reason, "peer closed");
                links.peers.remove(&peer);
                links.shared.offences.closed(&reason);
                let input = if reason.is_violation() {
                    ResolveInput::Offended { peer }
                } else {
                    ResolveInput::Closed { peer }
                };
                self.input(now, links, input);
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
            UT_PEX_ID => Pex::decode(payload).map(|message| ResolveInput::Pex { peer, message }),
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
                outcome: Ok(dialled),
            } => {
                let peer = links.adopt_dialled(dialled, addr, None);
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
            } => {
                tracing::debug!(%addr, %error, "dial failed");
                self.input(now, links, ResolveInput::DialFailed { addr });
            }
            Errand::Announced { tracker, outcome } => {
                let (outcome, source, addrs) = links.announced(tracker, outcome);
                self.input(now, links, ResolveInput::Candidates { source, addrs });
                self.input(now, links, ResolveInput::Announced { tracker, outcome });
            }
            Errand::Found { source, addrs } => {
                self.input(now, links, ResolveInput::Candidates { source, addrs });
            }
            Errand::Counted { tracker, counts } => links.trackers.counted(tracker, counts),
            Errand::Loaded { .. } | Errand::WebSeed { .. } | Errand::Done => {}
        }
    }
}
