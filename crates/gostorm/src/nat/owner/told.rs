//! What came of it: the port is announced, listened at, shown and logged; and UPnP is started where the gateway gave none.

use std::sync::Arc;
use std::time::Duration;

use gostorm_core::nat::{Dialect, Failure, Mapping};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Owner, Upnp};
use crate::nat::upnp::{self, Granted, UpnpError};
use crate::nat::{ForwardedBy, ForwardedPort};

/// UPnP alone is tried again after this.
const UPNP_RETRY: Duration = Duration::from_secs(300);
/// What a VPN's gateway means by a closed port.
const VPN_HELP: &str = "a ProtonVPN profile must be made with NAT-PMP (port forwarding) switched on, on a server for \
    P2P; with OpenVPN the user name ends in +pmp";

impl Owner {
    /// Listens beside the engine's port where that is of use.
    pub(super) fn open_doors(&mut self) {
        let internal = self.config.internal.filter(|port| *port != 0);
        let mut wanted: Vec<u16> = internal.into_iter().chain(self.told).collect();
        wanted.retain(|port| *port != self.listening);
        wanted.dedup();
        self.doors.want(&wanted);
    }

    pub(super) fn mapped(&mut self, mapping: Mapping) {
        let by = match mapping.dialect {
            Dialect::NatPmp => ForwardedBy::NatPmp,
            Dialect::Pcp => ForwardedBy::Pcp,
        };
        self.tell(ForwardedPort {
            by,
            address: mapping.address,
            port: mapping.port,
            udp: mapping.udp,
            ends: Some(self.start + Duration::from_micros(mapping.expires.0)),
        });
        if let Some(upnp) = self.upnp.take() {
            upnp.stop.cancel();
        }
    }

    fn tell(&mut self, port: ForwardedPort) {
        let before = self.state.borrow().forwarded;
        let same = |last: ForwardedPort| {
            last == ForwardedPort {
                ends: last.ends,
                ..port
            }
        };
        if before.is_some_and(same) {
            tracing::debug!("renewed: {port}");
        } else {
            tracing::info!("peers reach us at {port}");
        }
        self.state.send_modify(|state| {
            state.forwarded = Some(port);
            state.error = None;
        });
        self.told = Some(port.port);
        // First listen, then say so.
        self.open_doors();
        (self.announce)(self.told);
    }

    pub(super) fn lost(&mut self) {
        self.state.send_modify(|state| state.forwarded = None);
        self.told = None;
        self.open_doors();
        (self.announce)(None);
    }

    pub(super) fn failed(&mut self, failure: Failure) {
        let mut text = failure.to_string();
        if let (Failure::NoGateway, Some(why)) = (failure, &self.no_way) {
            text = format!("{text}: {why}");
        } else if failure == Failure::NoService && !self.config.upnp {
            text = format!("{text}; {VPN_HELP}");
        }
        self.start_upnp();
        if self.upnp.is_some() {
            // Nothing has failed until that has.
            self.failure = Some(text);
        } else {
            self.show_failure(text);
        }
    }

    fn show_failure(&self, text: String) {
        self.state.send_if_modified(|state| {
            if state.error.as_ref() == Some(&text) {
                tracing::debug!("no port is forwarded to us: {text}");
                return false;
            }
            if self.config.upnp {
                tracing::info!("no port is forwarded to us: {text}");
            } else {
                tracing::warn!("no port is forwarded to us: {text}");
            }
            state.error = Some(text);
            true
        });
    }

    /// Where it may be spoken, nothing is bound, and nothing is had.
    pub(super) fn start_upnp(&mut self) {
        self.upnp_at = None;
        let bound = self.net.bind().is_some();
        if !self.config.upnp || bound || self.upnp.is_some() || self.told.is_some() {
            return;
        }
        let (sender, granted) = mpsc::channel(4);
        let stop = CancellationToken::new();
        let internal = self
            .config
            .internal
            .filter(|port| *port != 0)
            .unwrap_or(self.listening);
        let net = Arc::clone(&self.net);
        let task = tokio::spawn(upnp::hold(net, internal, sender, stop.clone()));
        self.upnp = Some(Upnp {
            granted,
            stop,
            task,
            holds: false,
        });
    }

    pub(super) fn granted(&mut self, granted: Granted) {
        if let Some(upnp) = &mut self.upnp {
            upnp.holds = true;
        }
        self.failure = None;
        self.tell(ForwardedPort {
            by: ForwardedBy::Upnp,
            address: granted.address,
            port: granted.port,
            udp: granted.udp.then_some(granted.port),
            ends: granted.lifetime.map(|lifetime| Instant::now() + lifetime),
        });
    }

    /// The machine goes on where it stood; alone, UPnP is tried again.
    pub(super) fn upnp_ended(&mut self, error: Option<UpnpError>) {
        let held = self.upnp.take().is_some_and(|upnp| upnp.holds);
        if held {
            tracing::warn!("the router's port is lost");
            self.lost();
        }
        if let Some(error) = error {
            let text = match self.failure.take() {
                Some(failure) => format!("{failure}; {error}"),
                None => error.to_string(),
            };
            self.show_failure(text);
        }
        if self.config.dialects.is_empty() {
            self.upnp_at = Some(Instant::now() + UPNP_RETRY);
        }
    }
}
