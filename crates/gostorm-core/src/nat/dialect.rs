//! One question in either dialect, and what the gateway's packet says to it.

use std::net::{IpAddr, Ipv4Addr};

use gostorm_wire::nat::{self, Protocol, Refusal, natpmp, pcp};

use super::event::{Dialect, Settings};
use super::question::Step;

/// Who asks.
#[derive(Clone, Copy)]
pub(super) struct Asker {
    pub(super) dialect: Dialect,
    pub(super) settings: Settings,
    pub(super) client: Option<IpAddr>,
}

/// An answer to the question that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) epoch: u32,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Granted {
        port: u16,
        lifetime: u32,
        address: Option<IpAddr>,
    },
    Refused(Refusal),
    Address(IpAddr),
    Alive,
    /// The gateway does not speak this one.
    OtherDialect,
}

impl Asker {
    /// The packet of a question.
    pub(super) fn write(self, step: Step) -> Vec<u8> {
        match self.dialect {
            Dialect::NatPmp => self.write_natpmp(step),
            Dialect::Pcp => self.write_pcp(step),
        }
    }

    fn write_natpmp(self, step: Step) -> Vec<u8> {
        let map = |protocol, suggested, lifetime| natpmp::Request::Map {
            protocol,
            internal: self.settings.internal,
            suggested,
            lifetime,
        };
        let request = match step {
            Step::Map {
                protocol,
                suggested,
            } => map(protocol, suggested, self.settings.lifetime),
            Step::Unmap { protocol } => map(protocol, 0, 0),
            Step::Address | Step::Probe => natpmp::Request::Address,
        };
        request.encode()
    }

    fn write_pcp(self, step: Step) -> Vec<u8> {
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let map = |protocol, external| pcp::Map {
            nonce: self.settings.nonce,
            protocol,
            internal: self.settings.internal,
            external,
            address: any,
        };
        let (lifetime, map) = match step {
            Step::Map {
                protocol,
                suggested,
            } => (self.settings.lifetime, Some(map(protocol, suggested))),
            Step::Unmap { protocol } => (0, Some(map(protocol, 0))),
            Step::Address | Step::Probe => (0, None),
        };
        let request = pcp::Request {
            client: self.client.unwrap_or(any),
            lifetime,
            map,
        };
        request.encode()
    }

    /// What a packet says to this question; `None` when it is no answer to it.
    pub(super) fn read(self, step: Step, packet: &[u8]) -> Option<Heard> {
        match (self.dialect, nat::version(packet)?) {
            (Dialect::NatPmp, natpmp::VERSION) => self.read_natpmp(step, packet),
            (Dialect::Pcp, pcp::VERSION) => self.read_pcp(step, packet),
            // An answer in its own version, which says that it does not speak ours (RFC 6887 appendix A).
            (Dialect::Pcp, natpmp::VERSION) => {
                let reply = natpmp::Reply::decode(packet).ok()?;
                let unsupported = natpmp::Answer::Refused(Refusal::UnsupportedVersion);
                (reply.answer == unsupported).then_some(OTHER)
            }
            (Dialect::NatPmp, _) => pcp::refuses_version(packet).then_some(OTHER),
            _ => None,
        }
    }

    fn read_natpmp(self, step: Step, packet: &[u8]) -> Option<Heard> {
        let reply = natpmp::Reply::decode(packet).ok()?;
        let asked = match step {
            Step::Map { protocol, .. } | Step::Unmap { protocol } => Some(protocol),
            Step::Address | Step::Probe => None,
        };
        if reply.asked != asked {
            return None;
        }
        let what = match reply.answer {
            natpmp::Answer::Address(address) => What::Address(address.into()),
            natpmp::Answer::Mapped {
                internal, lifetime, ..
            } if !self.is_ours(internal) || step.ends_a_mapping() != (lifetime == 0) => {
                return None;
            }
            natpmp::Answer::Mapped {
                external, lifetime, ..
            } => What::Granted {
                port: external,
                lifetime,
                address: None,
            },
            natpmp::Answer::Refused(refusal) => refused(refusal),
        };
        Some(Heard {
            epoch: reply.epoch,
            what,
        })
    }

    fn read_pcp(self, step: Step, packet: &[u8]) -> Option<Heard> {
        let reply = pcp::Reply::decode(packet).ok()?;
        let asked = match step {
            Step::Map { protocol, .. } | Step::Unmap { protocol } => Some(protocol),
            Step::Address | Step::Probe => None,
        };
        if reply.maps != asked.is_some() || reply.map.is_some_and(|map| !self.is_about(map, asked))
        {
            return None;
        }
        let what = match (reply.refusal, reply.map) {
            (Some(refusal), _) => refused(refusal),
            (None, None) => What::Alive,
            (None, Some(_)) if step.ends_a_mapping() != (reply.lifetime == 0) => return None,
            (None, Some(map)) => What::Granted {
                port: map.external,
                lifetime: reply.lifetime,
                address: Some(map.address),
            },
        };
        Some(Heard {
            epoch: reply.epoch,
            what,
        })
    }

    fn is_about(self, map: pcp::Map, asked: Option<Protocol>) -> bool {
        map.nonce == self.settings.nonce
            && Some(map.protocol) == asked
            && self.is_ours(map.internal)
    }

    /// A request for port 0 leaves the choice to the gateway.
    const fn is_ours(self, internal: u16) -> bool {
        self.settings.internal == 0 || internal == self.settings.internal
    }
}

const OTHER: Heard = Heard {
    epoch: 0,
    what: What::OtherDialect,
};

fn refused(refusal: Refusal) -> What {
    if refusal == Refusal::UnsupportedVersion {
        What::OtherDialect
    } else {
        What::Refused(refusal)
    }
}
