//! One question to the gateway, and when it is repeated (RFC 6886 section 3.1: 250 ms, doubling).

use std::time::Duration;

use gostorm_wire::nat::Protocol;

use crate::time::Time;

const FIRST_WAIT: Duration = Duration::from_millis(250);
/// 0.25 + 0.5 + 1 + 2 + 4 s: with nine tries, as in the RFC, a lease of a minute would be over before the answer is
/// given up.
const TRIES: u32 = 5;
/// For what is only good to know, and while the gateway may speak another dialect.
const TRIES_FEW: u32 = 3;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Map {
        protocol: Protocol,
        suggested: u16,
    },
    Unmap {
        protocol: Protocol,
    },
    /// The address on the other side.
    Address,
    /// Whether the gateway still knows us.
    Probe,
}

impl Step {
    /// UDP at whatever number.
    pub(super) const ANY_UDP: Self = Self::Map {
        protocol: Protocol::Udp,
        suggested: 0,
    };

    /// The answer's lifetime is 0.
    pub(super) const fn ends_a_mapping(self) -> bool {
        matches!(self, Self::Unmap { .. })
    }

    /// How often it is sent at most; `unsure`: the gateway may not understand it.
    pub(super) const fn tries(self, unsure: bool) -> u32 {
        match self {
            Self::Map { .. } if !unsure => TRIES,
            Self::Map { .. } | Self::Unmap { .. } | Self::Address | Self::Probe => TRIES_FEW,
        }
    }
}

/// A question under way.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) step: Step,
    packet: Vec<u8>,
    left: u32,
    wait: Duration,
    due: Time,
}

impl Question {
    /// Not yet sent: due at once.
    pub(super) const fn new(step: Step, packet: Vec<u8>, tries: u32, now: Time) -> Self {
        Self {
            step,
            packet,
            left: tries,
            wait: FIRST_WAIT,
            due: now,
        }
    }

    /// When it is sent next, or given up.
    pub(super) const fn due(&self) -> Time {
        self.due
    }

    /// The packet, to be sent now; `None` when it was sent often enough.
    pub(super) fn again(&mut self, now: Time) -> Option<Vec<u8>> {
        self.left = self.left.checked_sub(1)?;
        self.due = now + self.wait;
        self.wait *= 2;
        Some(self.packet.clone())
    }
}
