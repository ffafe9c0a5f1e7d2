//! What follows from the gateway's answers, and from its silence.

use std::net::IpAddr;

use gostorm_wire::nat::{Protocol, Refusal};

use super::dialect::{Heard, What};
use super::epoch::Epoch;
use super::event::{Dialect, Failure, Oddity, Output};
use super::lease::Lease;
use super::question::Step;
use super::{Mapper, PAUSE_MIN, Phase, RENEW_RETRY, RENEWALS_FAILED_MAX};
use crate::time::Time;

impl Mapper {
    pub(super) fn silent(&mut self, step: Step) {
        match step {
            Step::Map {
                protocol: Protocol::Tcp,
                ..
            } => self.failed(Failure::NoAnswer),
            Step::Map {
                protocol: Protocol::Udp,
                ..
            } => {
                self.udp = None;
                self.odd(Oddity::UdpSilent);
                self.address_next();
            }
            Step::Unmap { .. } if matches!(self.phase, Phase::Removing { .. }) => self.end(),
            Step::Unmap { .. } => self.ask(Step::ANY_UDP),
            Step::Address | Step::Probe => self.settle(),
        }
    }

    pub(super) fn received(&mut self, packet: &[u8]) {
        let Some(question) = &self.question else {
            return;
        };
        let step = question.step;
        let Some(Heard { epoch, what }) = self.asker().read(step, packet) else {
            return;
        };
        self.question = None;
        if matches!(self.phase, Phase::Removing { .. }) {
            return self.removed(step);
        }
        if let What::OtherDialect = what {
            return self.other_dialect(Refusal::UnsupportedVersion);
        }
        let seen = Epoch {
            value: epoch,
            at: self.now,
        };
        let forgot = self.epoch.is_some_and(|last| last.is_reset_by(seen));
        self.epoch = Some(seen);
        // The answer to the first question of a round is a mapping in the new table already.
        let renews_all = matches!(
            step,
            Step::Map {
                protocol: Protocol::Tcp,
                ..
            }
        );
        self.forgotten |= forgot && !renews_all;
        match (step, what) {
            (
                Step::Map { protocol, .. },
                What::Granted {
                    port,
                    lifetime,
                    address,
                },
            ) => {
                self.granted(protocol, port, lifetime, address);
            }
            (Step::Map { protocol, .. }, What::Refused(refusal)) => self.refused(protocol, refusal),
            (Step::Unmap { .. }, _) => self.ask(Step::ANY_UDP),
            (Step::Address | Step::Probe, What::Address(address)) => {
                self.address = Some(address);
                self.settle();
            }
            (Step::Address | Step::Probe, _) => self.settle(),
            (Step::Map { .. }, What::Address(_) | What::Alive | What::OtherDialect) => {
                self.settle()
            }
        }
    }

    fn granted(&mut self, protocol: Protocol, port: u16, lifetime: u32, address: Option<IpAddr>) {
        let lease = Lease::new(port, self.now, lifetime);
        self.address = address.or(self.address);
        if port == 0 {
            return match protocol {
                Protocol::Tcp => self.failed(Failure::Nothing),
                Protocol::Udp => self.address_next(),
            };
        }
        match protocol {
            Protocol::Tcp => {
                let kept = self
                    .tcp
                    .replace(lease)
                    .is_some_and(|last| last.port == port);
                let udp = self.udp.filter(|_| kept).map(|last| last.port);
                self.udp_retried &= udp.is_some();
                self.suggested = port;
                self.renewals_failed = 0;
                self.failures = 0;
                if !kept {
                    self.udp = None;
                }
                self.ask(Step::Map {
                    protocol: Protocol::Udp,
                    suggested: udp.unwrap_or(port),
                });
            }
            Protocol::Udp => {
                self.udp = Some(lease);
                let tcp = self.tcp.map_or(port, |tcp| tcp.port);
                if port != tcp && !std::mem::replace(&mut self.udp_retried, true) {
                    // The gateway would renew the mapping that it has, whatever is suggested.
                    return self.ask(Step::Unmap {
                        protocol: Protocol::Udp,
                    });
                }
                if port == tcp {
                    self.last_odd = None;
                } else {
                    self.odd(Oddity::UdpPort { tcp, udp: port });
                }
                self.address_next();
            }
        }
    }

    fn refused(&mut self, protocol: Protocol, refusal: Refusal) {
        match protocol {
            Protocol::Tcp if self.tcp.is_none() && !self.switched => self.other_dialect(refusal),
            Protocol::Tcp => self.failed(Failure::Refused(refusal)),
            Protocol::Udp => {
                self.udp = None;
                self.odd(Oddity::UdpRefused(refusal));
                self.address_next();
            }
        }
    }

    /// The gateway's port is closed.
    pub(super) fn unreachable(&mut self) {
        let Some(question) = self.question.take() else {
            return;
        };
        match (self.phase, question.step) {
            (Phase::Removing { .. }, _) => self.end(),
            (_, Step::Probe | Step::Address) => self.settle(),
            _ => self.failed(Failure::NoService),
        }
    }

    /// Tries the other dialect, or fails.
    fn other_dialect(&mut self, refusal: Refusal) {
        let other = self
            .settings
            .dialects
            .iter()
            .find(|&&other| other != self.dialect);
        match other {
            Some(&other) if !self.switched => {
                self.switched = true;
                self.dialect = other;
                self.epoch = None;
                self.round();
            }
            _ => self.failed(Failure::Refused(refusal)),
        }
    }

    fn failed(&mut self, failure: Failure) {
        if failure == Failure::NoAnswer
            && self.epoch.is_none()
            && self.settings.dialects.len() > 1
            && !self.switched
        {
            return self.other_dialect(Refusal::UnsupportedVersion);
        }
        let renewal = self.tcp.is_some() || self.renewals_failed > 0;
        if !renewal || self.renewals_failed >= RENEWALS_FAILED_MAX {
            return self.pause(failure);
        }
        self.renewals_failed += 1;
        if self.renewals_failed < RENEWALS_FAILED_MAX {
            self.phase = Phase::Holding {
                renew_at: self.now + RENEW_RETRY,
                probe_at: Time::NEVER,
            };
            return;
        }
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let packet = self.asker().write(Step::Unmap { protocol });
            self.outputs.push_back(Output::Send(packet));
        }
        self.udp = None;
        self.epoch = None;
        self.phase = Phase::Opening;
        self.outputs.push_back(Output::Open);
    }

    pub(super) fn pause(&mut self, failure: Failure) {
        let doubled = PAUSE_MIN * (1 << self.failures.min(10));
        self.failures += 1;
        self.question = None;
        self.epoch = None;
        let until = self.now + doubled.min(self.settings.pause_max);
        self.phase = Phase::Paused { until };
        self.outputs.push_back(Output::Failed {
            failure,
            retry_at: until,
        });
    }

    /// Said once, until it is over or another thing is odd.
    fn odd(&mut self, odd: Oddity) {
        if self.last_odd.replace(odd) != Some(odd) {
            self.outputs.push_back(Output::Odd(odd));
        }
    }

    fn address_next(&mut self) {
        match self.dialect {
            Dialect::NatPmp => self.ask(Step::Address),
            Dialect::Pcp => self.settle(),
        }
    }
}
