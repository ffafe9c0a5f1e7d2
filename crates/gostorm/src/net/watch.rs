//! Looks after the interface that sockets are bound to, and opens and shuts the gate.
//!
//! One task of the engine runs [`Net::keep_watch`]: it alone changes the gate after the start. It looks when the system
//! says that an interface changed, when a socket failed as if it had gone, and every [`LOOK_EVERY`] in any case.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Protocol, Type};

use super::bind::{Bind, Footing};
use super::gate::{Gate, Shut, Uplink};
use super::{Net, socket};

/// From one look at the interfaces to the next.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Never sooner than this after the last, however many sockets fail.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Net {
    /// Keeps the gate as the interfaces are. Runs for ever; ends at once when nothing is bound.
    pub async fn keep_watch(&self) {
        if self.config.bind.is_none() {
            return;
        }
        // What changed since the first look was not listened for yet: listen, then look.
        tokio::select! {
            biased;
            () = self.config.interfaces.changed() => {}
            () = std::future::ready(()) => {}
        }
        self.look();
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY - LOOK_AGAIN) => {}
                () = self.suspicion.notified() => {}
                () = self.config.interfaces.changed() => {}
            }
            self.look();
        }
    }

    /// Looks at the interfaces once, and opens or shuts the gate.
    pub(super) fn look(&self) {
        let Some(bind) = &self.config.bind else {
            let uplink = self.unbound();
            self.gate.send_replace(Gate::Open(Arc::new(uplink)));
            return;
        };
        let last = match &*self.gate.borrow() {
            Gate::Open(uplink) => uplink.footing(),
            Gate::Shut(_) => None,
        };
        let found = self
            .config
            .interfaces
            .list()
            .map_err(|error| Shut::Unknown(error.to_string()))
            .and_then(|all| bind.find(&all, last.as_ref()));
        let found = match found {
            Ok(footing) if last.as_ref() == Some(&footing) => return,
            Ok(footing) => self.try_on(footing, last.as_ref()),
            Err(why) => Err(why),
        };
        match found {
            Ok(None) => {}
            Ok(Some(uplink)) => self.open(bind, uplink),
            Err(why) => self.shut(why),
        }
    }

    fn open(&self, bind: &Bind, uplink: Uplink) {
        let (v4, v6) = (uplink.v4(), uplink.v6());
        tracing::info!(%bind, ?v4, ?v6, "network up: BitTorrent uses this interface only");
        self.replace(Gate::Open(Arc::new(uplink)));
    }

    fn shut(&self, why: Shut) {
        if let Gate::Shut(last) = &*self.gate.borrow()
            && *last == why
        {
            return;
        }
        tracing::warn!("{why}; BitTorrent waits until it is back");
        self.replace(Gate::Shut(why));
    }

    /// The old uplink ends after the new gate is seen: who hears of the end finds the present state.
    fn replace(&self, gate: Gate) {
        if let Gate::Open(old) = self.gate.send_replace(gate) {
            old.end();
        }
    }

    /// The uplink on a footing, if sockets can be bound to it; `None` when that is the one that is open already.
    fn try_on(&self, found: Footing, last: Option<&Footing>) -> Result<Option<Uplink>, Shut> {
        let make = |v4, v6| Uplink::new(self.next_generation(), Some(found.device.clone()), v4, v6);
        let uplink = make(found.v4, found.v6);
        let tried = |ip: IpAddr| probe(&uplink, ip);
        let v4 = found.v4.map(|ip| tried(ip.into()).map(|()| ip)).transpose();
        // A new IPv6 address cannot be bound to before the link was asked whether another has it.
        let v6 = found.v6.map(|ip| tried(ip.into()).map(|()| ip)).transpose();
        let (v4, v6) = match (v4, v6) {
            (Err(error), Ok(None) | Err(_)) | (Ok(None), Err(error)) => {
                let name = found.device.name.clone();
                return Err(Shut::Refused(name, error.to_string()));
            }
            (v4, v6) => (v4.unwrap_or(None), v6.unwrap_or(None)),
        };
        let usable = Footing {
            v4,
            v6,
            ..found.clone()
        };
        Ok((last != Some(&usable)).then(|| make(v4, v6)))
    }

    fn unbound(&self) -> Uplink {
        let any = |v4, v6| Uplink::new(self.next_generation(), None, v4, v6);
        let both = any(Some(Ipv4Addr::UNSPECIFIED), Some(Ipv6Addr::UNSPECIFIED));
        // A system without IPv6 refuses the socket, or the address.
        if probe(&both, Ipv6Addr::UNSPECIFIED.into()).is_ok() {
            both
        } else {
            any(Some(Ipv4Addr::UNSPECIFIED), None)
        }
    }
}

impl Uplink {
    fn footing(&self) -> Option<Footing> {
        Some(Footing {
            device: self.device()?.clone(),
            v4: self.v4(),
            v6: self.v6(),
        })
    }
}

/// Binds a socket and lets go of it: nothing is sent.
fn probe(uplink: &Uplink, ip: IpAddr) -> io::Result<()> {
    let at = SocketAddr::new(ip, 0);
    let socket = socket(uplink, at, Type::DGRAM, Protocol::UDP)?;
    socket.bind(&at.into())
}
