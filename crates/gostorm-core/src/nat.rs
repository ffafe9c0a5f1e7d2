//! A port at the gateway that leads to us: got, renewed, got back when it is lost, and given up at the end.
//!
//! One [`Mapper`] for the process, driven by `gostorm`'s owner of the port like a swarm: one [`Input`] with the time,
//! drain [`Mapper::poll`], next input; [`Mapper::wake_at`] says when [`Input::Turn`] is due. It speaks PCP and NAT-PMP
//! (`dialect`), takes TCP first and then UDP at the same number, and never ends by itself: whatever fails is tried
//! again after a pause. What always holds: one question is under way at a time and is repeated a bounded number of
//! times; what the gateway grants rules, not what was asked; a mapping is reported lost when its lease is over, not
//! before, so that a gateway that restarts does not make the announced port flap.

mod answers;
mod dialect;
mod epoch;
mod event;
mod lease;
mod question;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use gostorm_wire::nat::Protocol;

use self::dialect::Asker;
use self::epoch::Epoch;
pub use self::event::{Dialect, Failure, Input, Mapping, Oddity, Output, Settings};
use self::lease::Lease;
use self::question::{Question, Step};
use crate::time::Time;

/// From a renewal that failed to the next try.
const RENEW_RETRY: Duration = Duration::from_secs(1);
/// After so many failed renewals in a row the mapping is deleted and made anew: some gateways grant the number again
/// and yet keep the port closed.
const RENEWALS_FAILED_MAX: u32 = 2;
/// How often a gateway with a long lease is asked whether it still knows us.
const PROBE_EVERY: Duration = Duration::from_secs(60);
/// A gateway that forgets for ever is not asked in a circle.
const RECREATE_EVERY: Duration = Duration::from_secs(10);
/// Wait after the first failure; doubles up to [`Settings::pause_max`].
const PAUSE_MIN: Duration = Duration::from_secs(10);
/// How long the end may take.
const REMOVE_MAX: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// [`Output::Open`] is out.
    Opening,
    /// A question is under way.
    Asking,
    /// The mapping stands.
    Holding {
        renew_at: Time,
        probe_at: Time,
    },
    Paused {
        until: Time,
    },
    /// Deletions are under way.
    Removing {
        until: Time,
    },
    Ended,
}

/// The machine.
#[derive(Debug)]
pub struct Mapper {
    settings: Settings,
    phase: Phase,
    question: Option<Question>,
    /// The dialect of the present question, and whether the other one was tried in vain since the last opening.
    dialect: Dialect,
    switched: bool,
    /// The port there to ask for: the last one that was granted.
    suggested: u16,
    client: Option<IpAddr>,
    tcp: Option<Lease>,
    udp: Option<Lease>,
    address: Option<IpAddr>,
    /// Whether a request for a mapping went out, so that the end must take it back.
    asked: bool,
    /// UDP was asked for anew since it came at another number than TCP.
    udp_retried: bool,
    /// What was reported last.
    reported: Option<Mapping>,
    last_odd: Option<Oddity>,
    epoch: Option<Epoch>,
    /// The gateway forgot us while a round was under way.
    forgotten: bool,
    recreated: Option<Time>,
    renewals_failed: u32,
    failures: u32,
    outputs: VecDeque<Output>,
    now: Time,
}

impl Mapper {
    /// A machine that asks for its socket first.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            dialect: settings
                .dialects
                .first()
                .copied()
                .unwrap_or(Dialect::NatPmp),
            suggested: settings.suggested,
            settings,
            phase: Phase::Opening,
            question: None,
            switched: false,
            client: None,
            tcp: None,
            udp: None,
            address: None,
            asked: false,
            udp_retried: false,
            reported: None,
            last_odd: None,
            epoch: None,
            forgotten: false,
            recreated: None,
            renewals_failed: 0,
            failures: 0,
            outputs: VecDeque::from([Output::Open]),
            now: Time::ZERO,
        }
    }

    /// Takes one input. Drain [`Mapper::poll`] before the next.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = self.now.max(now);
        if self.phase == Phase::Ended {
            return;
        }
        match input {
            Input::Opened { client } => self.opened(client),
            Input::NoGateway => self.no_gateway(),
            Input::Received(packet) => self.received(packet),
            Input::Refused => self.unreachable(),
            Input::Changed => self.reopen(),
            Input::Turn => {}
            Input::Stop => self.stop(),
        }
        self.turn();
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Turn`] is due if nothing else happens.
    #[must_use]
    pub fn wake_at(&self) -> Time {
        let phase = match self.phase {
            Phase::Opening | Phase::Ended => Time::NEVER,
            Phase::Asking => self.question.as_ref().map_or(Time::NEVER, Question::due),
            Phase::Holding { renew_at, probe_at } => renew_at.min(probe_at),
            Phase::Paused { until } => until,
            Phase::Removing { until } => self
                .question
                .as_ref()
                .map_or(until, Question::due)
                .min(until),
        };
        let lost = self.reported.filter(|_| self.phase != Phase::Ended);
        phase.min(lost.map_or(Time::NEVER, |mapping| mapping.expires))
    }

    fn opened(&mut self, client: IpAddr) {
        if self.phase == Phase::Opening {
            self.client = Some(client);
            self.switched = false;
            self.round();
        }
    }

    fn no_gateway(&mut self) {
        if self.phase == Phase::Opening {
            self.pause(Failure::NoGateway);
        }
    }

    /// The way to the gateway may be another one now.
    fn reopen(&mut self) {
        if matches!(self.phase, Phase::Removing { .. }) {
            return;
        }
        self.question = None;
        self.epoch = None;
        self.renewals_failed = 0;
        self.failures = 0;
        self.phase = Phase::Opening;
        self.outputs.push_back(Output::Open);
    }

    fn turn(&mut self) {
        if self.reported.is_some_and(|last| last.expires <= self.now) {
            self.reported = None;
            self.tcp = None;
            self.udp = None;
            self.last_odd = None;
            self.outputs.push_back(Output::Lost);
        }
        match self.phase {
            Phase::Opening | Phase::Ended => {}
            Phase::Asking => self.repeat(),
            Phase::Holding { renew_at, .. } if renew_at <= self.now => self.round(),
            Phase::Holding { probe_at, .. } if probe_at <= self.now => self.ask(Step::Probe),
            Phase::Holding { .. } => {}
            Phase::Paused { until } if until <= self.now => {
                self.phase = Phase::Opening;
                self.outputs.push_back(Output::Open);
            }
            Phase::Paused { .. } => {}
            Phase::Removing { until } if until <= self.now => self.end(),
            Phase::Removing { .. } => self.repeat(),
        }
    }

    /// TCP, then UDP, then, where the mapping does not say it, the address.
    fn round(&mut self) {
        self.forgotten = false;
        self.ask(Step::Map {
            protocol: Protocol::Tcp,
            suggested: self.suggested,
        });
    }

    fn ask(&mut self, step: Step) {
        if let Step::Map { .. } = step {
            self.asked = true;
        }
        let packet = self.asker().write(step);
        let tries =
            step.tries(self.settings.dialects.len() > 1 && !self.switched && self.epoch.is_none());
        self.question = Some(Question::new(step, packet, tries, self.now));
        if !matches!(self.phase, Phase::Removing { .. }) {
            self.phase = Phase::Asking;
        }
        self.repeat();
    }

    const fn asker(&self) -> Asker {
        Asker {
            dialect: self.dialect,
            settings: self.settings,
            client: self.client,
        }
    }

    /// Sends the question again when that is due, or takes its silence for an answer.
    fn repeat(&mut self) {
        let Some(question) = &mut self.question else {
            return;
        };
        if question.due() > self.now {
            return;
        }
        if let Some(packet) = question.again(self.now) {
            self.outputs.push_back(Output::Send(packet));
        } else if let Some(question) = self.question.take() {
            self.silent(question.step);
        }
    }

    /// A round or a probe is over.
    fn settle(&mut self) {
        self.report();
        let renew = |lease: Lease| lease.renew_at(self.settings.renew_after);
        let mut renew_at = self.tcp.map_or(self.now, renew);
        renew_at = renew_at.min(self.udp.map_or(Time::NEVER, renew));
        if std::mem::take(&mut self.forgotten) {
            let soonest = self
                .recreated
                .map_or(self.now, |last| last + RECREATE_EVERY);
            renew_at = renew_at.min(soonest.max(self.now));
            self.recreated = Some(renew_at);
        }
        if renew_at <= self.now {
            return self.round();
        }
        let probe_at = self.now + PROBE_EVERY;
        self.phase = Phase::Holding { renew_at, probe_at };
    }

    fn report(&mut self) {
        let Some(tcp) = self.tcp else {
            return;
        };
        let mapping = Mapping {
            dialect: self.dialect,
            address: self.address,
            port: tcp.port,
            udp: self.udp.map(|lease| lease.port),
            lifetime: tcp.lifetime,
            expires: tcp.ends(),
        };
        if self.reported.replace(mapping) != Some(mapping) {
            self.outputs.push_back(Output::Mapped(mapping));
        }
    }

    fn stop(&mut self) {
        match self.phase {
            Phase::Removing { .. } => {}
            Phase::Asking | Phase::Holding { .. } | Phase::Paused { .. } if self.asked => {
                self.phase = Phase::Removing {
                    until: self.now + REMOVE_MAX,
                };
                // Once more below, if the gateway answers the first one in time.
                let udp = Step::Unmap {
                    protocol: Protocol::Udp,
                };
                self.outputs
                    .push_back(Output::Send(self.asker().write(udp)));
                self.ask(Step::Unmap {
                    protocol: Protocol::Tcp,
                });
            }
            Phase::Opening
            | Phase::Asking
            | Phase::Holding { .. }
            | Phase::Paused { .. }
            | Phase::Ended => self.end(),
        }
    }

    fn removed(&mut self, step: Step) {
        let [tcp, udp] = [Protocol::Tcp, Protocol::Udp].map(|protocol| Step::Unmap { protocol });
        if step == tcp {
            self.ask(udp);
        } else {
            self.end();
        }
    }

    fn end(&mut self) {
        self.phase = Phase::Ended;
        self.question = None;
        self.outputs.push_back(Output::Ended);
    }
}

#[cfg(test)]
mod tests;
