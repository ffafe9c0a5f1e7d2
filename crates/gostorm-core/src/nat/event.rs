//! What goes into a [`Mapper`](super::Mapper), and what comes out.

use std::net::IpAddr;
use std::time::Duration;

use gostorm_wire::nat::Refusal;
use gostorm_wire::nat::pcp::Nonce;

use crate::time::Time;

/// The protocol that is spoken with the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// RFC 6887.
    Pcp,
    /// RFC 6886.
    NatPmp,
}

impl Dialect {
    /// The newer one first: a gateway that knows only the other one says so at once.
    pub const ALL: &'static [Self] = &[Self::Pcp, Self::NatPmp];
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What may be spoken, the first choice first; not empty.
    pub dialects: &'static [Dialect],
    /// The port here; 0: whatever the gateway gives (some VPN gateways).
    pub internal: u16,
    /// The port there to ask for at first; 0: any.
    pub suggested: u16,
    /// The lease to ask for, in seconds.
    pub lifetime: u32,
    /// Renewals come so soon after a grant at the latest; `None`: as the lease says.
    pub renew_after: Option<Duration>,
    /// The longest wait between two tries that fail.
    pub pause_max: Duration,
    /// At random; names our mappings to PCP gateways.
    pub nonce: Nonce,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The socket that [`Output::Open`] asked for is there, and this is our address on it.
    Opened {
        /// Our address on the way to the gateway.
        client: IpAddr,
    },
    /// There is no gateway, or no way to it.
    NoGateway,
    /// A packet from the gateway's port.
    Received(&'a [u8]),
    /// The gateway says that nobody listens at that port (ICMP port unreachable).
    Refused,
    /// The network changed: interface, address or gateway.
    Changed,
    /// Time passed.
    Turn,
    /// Give the port back and end, within two seconds.
    Stop,
}

/// What is to be done, and what is to be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Find the gateway, close the last socket and connect one to it; then [`Input::Opened`] or [`Input::NoGateway`].
    Open,
    /// Send this to the gateway.
    Send(Vec<u8>),
    /// The mapping, when it is new or has changed or is renewed.
    Mapped(Mapping),
    /// The lease is over.
    Lost,
    /// It did not work; it is tried again at that time.
    Failed {
        /// Why.
        failure: Failure,
        /// When it is tried again.
        retry_at: Time,
    },
    /// Something that a person may want to know, and nothing fails by.
    Odd(Oddity),
    /// The end, after [`Input::Stop`].
    Ended,
}

/// A port that leads to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Who granted it.
    pub dialect: Dialect,
    /// The gateway's address on the other side, as far as it said.
    pub address: Option<IpAddr>,
    /// The port that is to be announced.
    pub port: u16,
    /// The port of UDP, which may be missing or another one.
    pub udp: Option<u16>,
    /// The lease, as granted.
    pub lifetime: Duration,
    /// Its end, unless it is renewed.
    pub expires: Time,
}

/// Why there is no mapping, or no new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No gateway is known, or there is no way to it.
    #[error("there is no gateway")]
    NoGateway,
    /// Nothing came back.
    #[error("the gateway does not answer")]
    NoAnswer,
    /// ICMP port unreachable.
    #[error("the gateway has neither NAT-PMP nor PCP (its port 5351 is closed)")]
    NoService,
    /// It said no.
    #[error("the gateway refuses: {0}")]
    Refused(Refusal),
    /// It granted port 0, or no time.
    #[error("the gateway grants nothing")]
    Nothing,
}

/// Something odd that nothing fails by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Oddity {
    /// The numbers differ, also after a second try.
    #[error(
        "the gateway forwards UDP port {udp}, and TCP port {tcp}, which is the one that is announced"
    )]
    UdpPort {
        /// The number of TCP.
        tcp: u16,
        /// The number of UDP.
        udp: u16,
    },
    /// TCP only.
    #[error("the gateway forwards no UDP port: {0}")]
    UdpRefused(Refusal),
    /// TCP only.
    #[error("the gateway forwards no UDP port: no answer")]
    UdpSilent,
}
