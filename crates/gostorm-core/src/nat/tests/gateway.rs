//! A gateway and a clock for the machine: packets take no time, silence takes what the machine waits.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use gostorm_wire::nat::{Protocol, Refusal, natpmp, pcp};

use super::super::{Dialect, Failure, Input, Mapper, Mapping, Oddity, Output, Settings};
use crate::time::Time;

pub(super) const OUTSIDE: Ipv4Addr = Ipv4Addr::new(11, 0, 0, 1);
pub(super) const US: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 2, 0, 2));

/// What the gateway does.
pub(super) struct Gateway {
    pub(super) speaks: &'static [Dialect],
    /// ICMP port unreachable.
    pub(super) closed: bool,
    pub(super) silent: bool,
    pub(super) silent_about: Option<Protocol>,
    /// So many packets are lost before one arrives.
    pub(super) loses: u32,
    pub(super) refuses: Option<Refusal>,
    pub(super) refuses_udp: Option<Refusal>,
    pub(super) lease_max: u32,
    /// The next port to give when none is suggested; VPN gateways take no suggestion.
    pub(super) next_port: u16,
    pub(super) ignores_suggestions: bool,
    /// UDP ports that others have.
    pub(super) taken_udp: Vec<u16>,
    pub(super) table: BTreeMap<(u8, u16), u16>,
    /// When its table was empty.
    pub(super) started: Time,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            speaks: Dialect::ALL,
            closed: false,
            silent: false,
            silent_about: None,
            loses: 0,
            refuses: None,
            refuses_udp: None,
            lease_max: 7_200,
            next_port: 41_230,
            ignores_suggestions: false,
            taken_udp: Vec::new(),
            table: BTreeMap::new(),
            started: Time::ZERO,
        }
    }
}

impl Gateway {
    pub(super) fn vpn() -> Self {
        Self {
            speaks: &[Dialect::NatPmp],
            lease_max: 60,
            ignores_suggestions: true,
            ..Self::default()
        }
    }

    /// Forgets everything, as after a power cut.
    pub(super) fn restart(&mut self, now: Time) {
        self.table.clear();
        self.started = now;
    }

    fn epoch(&self, now: Time) -> u32 {
        u32::try_from((now - self.started).as_secs()).unwrap()
    }

    fn map(&mut self, protocol: Protocol, internal: u16, suggested: u16, lifetime: u32) -> u16 {
        let key = (protocol as u8, internal);
        if lifetime == 0 {
            self.table.remove(&key);
            return 0;
        }
        if let Some(port) = self.table.get(&key) {
            return *port;
        }
        let free = |port: &u16| protocol == Protocol::Tcp || !self.taken_udp.contains(port);
        let wished = Some(suggested).filter(|&port| port > 1 && !self.ignores_suggestions);
        let port = wished.filter(free).unwrap_or_else(|| {
            let port = (self.next_port..).find(free).unwrap();
            if protocol == Protocol::Udp {
                self.next_port = port + 1;
            }
            port
        });
        self.table.insert(key, port);
        port
    }

    fn refusal(&self, protocol: Protocol) -> Option<Refusal> {
        let udp = self.refuses_udp.filter(|_| protocol == Protocol::Udp);
        self.refuses.or(udp)
    }

    fn answer(&mut self, now: Time, packet: &[u8]) -> Option<Vec<u8>> {
        if self.loses > 0 {
            self.loses -= 1;
            return None;
        }
        if self.silent {
            return None;
        }
        let pcp = packet[0] == pcp::VERSION;
        let dialect = if pcp { Dialect::Pcp } else { Dialect::NatPmp };
        if !self.speaks.contains(&dialect) {
            // In its own version, and short.
            let other = if pcp { 0 } else { 2 };
            return Some(match other {
                0 => vec![0, 0x80 | packet[1], 0, 1, 0, 0, 0, 9],
                _ => vec![2, 0x80 | packet[1], 0, 1, 0, 0, 0, 0, 0, 0, 0, 9],
            });
        }
        if pcp {
            self.pcp(now, packet)
        } else {
            self.natpmp(now, packet)
        }
    }

    fn natpmp(&mut self, now: Time, packet: &[u8]) -> Option<Vec<u8>> {
        let epoch = self.epoch(now);
        let (asked, answer) = match natpmp::Request::decode(packet).unwrap() {
            natpmp::Request::Address => (None, natpmp::Answer::Address(OUTSIDE)),
            natpmp::Request::Map { protocol, .. } if self.silent_about == Some(protocol) => {
                return None;
            }
            natpmp::Request::Map {
                protocol,
                internal,
                suggested,
                lifetime,
            } => {
                let answer = if let Some(refusal) = self.refusal(protocol) {
                    natpmp::Answer::Refused(refusal)
                } else {
                    let external = self.map(protocol, internal, suggested, lifetime);
                    let lifetime = lifetime.min(self.lease_max);
                    natpmp::Answer::Mapped {
                        internal,
                        external,
                        lifetime,
                    }
                };
                (Some(protocol), answer)
            }
        };
        Some(
            natpmp::Reply {
                asked,
                epoch,
                answer,
            }
            .encode(),
        )
    }

    fn pcp(&mut self, now: Time, packet: &[u8]) -> Option<Vec<u8>> {
        let request = pcp::Request::decode(packet).unwrap();
        let mut reply = pcp::Reply {
            lifetime: request.lifetime.min(self.lease_max),
            epoch: self.epoch(now),
            maps: request.map.is_some(),
            refusal: None,
            map: request.map,
        };
        if let Some(map) = &mut reply.map {
            assert_eq!(request.client, US);
            reply.refusal = self.refusal(map.protocol);
            if reply.refusal.is_none() {
                map.external = self.map(map.protocol, map.internal, map.external, request.lifetime);
                map.address = OUTSIDE.into();
            }
        }
        Some(reply.encode())
    }
}

/// A machine, its gateway, and what came out.
pub(super) struct World {
    pub(super) now: Time,
    pub(super) machine: Mapper,
    pub(super) gateway: Gateway,
    /// No way to a gateway.
    pub(super) cut_off: bool,
    pub(super) sent: Vec<(Time, Vec<u8>)>,
    pub(super) opened: usize,
    pub(super) mapped: Vec<(Time, Mapping)>,
    pub(super) lost: Vec<Time>,
    pub(super) failed: Vec<(Time, Failure, Time)>,
    pub(super) odd: Vec<Oddity>,
    pub(super) ended: Option<Time>,
}

pub(super) fn settings(dialects: &'static [Dialect]) -> Settings {
    Settings {
        dialects,
        internal: 8091,
        suggested: 0,
        lifetime: 3_600,
        renew_after: None,
        pause_max: Duration::from_secs(600),
        nonce: *b"twelve bytes",
    }
}

/// As a VPN is set up: a minute, renewed after 45 s.
pub(super) fn vpn_settings() -> Settings {
    Settings {
        lifetime: 60,
        renew_after: Some(Duration::from_secs(45)),
        pause_max: Duration::from_secs(10),
        ..settings(&[Dialect::NatPmp])
    }
}

impl World {
    pub(super) fn new(settings: Settings, gateway: Gateway) -> Self {
        let mut world = Self {
            now: Time::ZERO,
            machine: Mapper::new(settings),
            gateway,
            cut_off: false,
            sent: Vec::new(),
            opened: 0,
            mapped: Vec::new(),
            lost: Vec::new(),
            failed: Vec::new(),
            odd: Vec::new(),
            ended: None,
        };
        world.drain();
        world
    }

    pub(super) fn give(&mut self, input: Input<'_>) {
        self.machine.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Open if self.cut_off => self.machine.handle(self.now, Input::NoGateway),
                Output::Open => {
                    self.opened += 1;
                    self.machine.handle(self.now, Input::Opened { client: US });
                }
                Output::Send(packet) => {
                    self.sent.push((self.now, packet.clone()));
                    if self.gateway.closed {
                        self.machine.handle(self.now, Input::Refused);
                    } else if let Some(answer) = self.gateway.answer(self.now, &packet) {
                        self.machine.handle(self.now, Input::Received(&answer));
                    }
                }
                Output::Mapped(mapping) => self.mapped.push((self.now, mapping)),
                Output::Lost => self.lost.push(self.now),
                Output::Failed { failure, retry_at } => {
                    self.failed.push((self.now, failure, retry_at));
                }
                Output::Odd(odd) => self.odd.push(odd),
                Output::Ended => self.ended = Some(self.now),
            }
        }
    }

    /// Lets time pass, from one wake-up to the next.
    pub(super) fn run(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while self.machine.wake_at() <= end {
            self.now = self.now.max(self.machine.wake_at());
            self.give(Input::Turn);
            assert!(
                self.machine.wake_at() > self.now,
                "it goes in a circle at {}",
                self.now
            );
        }
        self.now = end;
    }

    pub(super) fn mapping(&self) -> Mapping {
        self.mapped.last().unwrap().1
    }

    /// Requests for mappings that were sent: when, protocol, suggested port, lifetime.
    pub(super) fn requests(&self) -> Vec<(u64, Protocol, u16, u32)> {
        let read = |(at, packet): &(Time, Vec<u8>)| {
            let at = at.0 / 1_000_000;
            if packet[0] == pcp::VERSION {
                let request = pcp::Request::decode(packet).unwrap();
                let map = request.map?;
                return Some((at, map.protocol, map.external, request.lifetime));
            }
            match natpmp::Request::decode(packet).unwrap() {
                natpmp::Request::Address => None,
                natpmp::Request::Map {
                    protocol,
                    suggested,
                    lifetime,
                    ..
                } => Some((at, protocol, suggested, lifetime)),
            }
        };
        self.sent.iter().filter_map(read).collect()
    }
}
