//! Where peers come in: the listening sockets, on the present uplink.
//!
//! Opened when the engine starts; where sockets are bound to an interface, a task closes them when the uplink ends and
//! opens them on the next, at the same port.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use gostorm_wire::InfoHash;

use crate::error::EngineError;
use crate::listen::{Accept, HANDSHAKE_TIMEOUT, ListenError, Listener, TurnedAway, Welcome};
use crate::net::{Net, Uplink};
use crate::shared::Shared;

/// From one try to listen on an uplink to the next.
const RETRY_EVERY: Duration = Duration::from_secs(2);

struct Door(Weak<Shared>);

impl Accept for Door {
    fn handshake_timeout(&self) -> Duration {
        self.0.upgrade().map_or(HANDSHAKE_TIMEOUT, |shared| {
            shared.tuning.load().timeouts.handshake
        })
    }

    fn turned_away(&self, why: TurnedAway<'_>) {
        if let Some(shared) = self.0.upgrade() {
            match why {
                TurnedAway::Violation(violation) => shared.offences.violation(violation),
                TurnedAway::HandshakeTimeout => shared.offences.note("HandshakeTimeout"),
                TurnedAway::TooMany => shared.offences.note("TooManyHandshakes"),
            }
        }
    }

    fn refuses(&self, ip: IpAddr) -> bool {
        // Without an engine there is nobody to connect to.
        self.0
            .upgrade()
            .is_none_or(|shared| shared.filter.blocks_incoming(ip))
    }

    fn accepts(&self, info_hash: InfoHash) -> Option<Welcome> {
        let shared = self.0.upgrade()?;
        let (to, twin) = {
            let awake = shared.awake.lock();
            let to = awake.get(info_hash)?.incoming.clone();
            (to, awake.twin(info_hash))
        };
        Some(Welcome {
            ours: shared.handshake(info_hash, twin.is_some()),
            twin,
            to,
        })
    }

    fn meant_by(&self, skey_hash: &[u8; 20]) -> Option<InfoHash> {
        self.0.upgrade()?.awake.lock().meant_by(skey_hash)
    }
}

/// Listens if there is an uplink, and sees to it that the sockets follow it.
///
/// # Errors
/// When there is an uplink and the port is taken.
pub(super) fn open(shared: &Arc<Shared>) -> Result<(), EngineError> {
    let Some(first) = shared.config.listen.first() else {
        return Ok(());
    };
    shared.listens_at(first.port());
    let uplink = shared.net.uplink().ok();
    let mut port = first.port();
    if let Some(uplink) = &uplink {
        port = listen(shared, uplink, port)?;
    }
    if shared.net.bind().is_some() {
        let stop = shared.stop.clone();
        let follow = follow(
            Arc::downgrade(shared),
            Arc::clone(&shared.net),
            uplink,
            port,
        );
        shared.runtime.spawn(async move {
            stop.run_until_cancelled(follow).await;
        });
    }
    Ok(())
}

async fn follow(shared: Weak<Shared>, net: Arc<Net>, listening: Option<Arc<Uplink>>, port: u16) {
    let mut listening = listening;
    let mut port = port;
    loop {
        if let Some(uplink) = listening.take() {
            uplink.ended().await;
            let Some(shared) = shared.upgrade() else {
                return;
            };
            *shared.listener.lock() = None;
        }
        let uplink = net.opened().await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        match listen(&shared, &uplink, port) {
            Ok(chosen) => {
                port = chosen;
                listening = Some(uplink);
            }
            Err(error) => {
                drop(shared);
                tracing::warn!(%error, "peers cannot reach us");
                tokio::time::sleep(RETRY_EVERY).await;
            }
        }
    }
}

/// Listens at those addresses of the settings whose family the uplink has. A `port` of 0 is chosen, given back to be
/// kept, and told to others; any other may by now be known to them under the number that a router gave it.
fn listen(shared: &Arc<Shared>, uplink: &Uplink, port: u16) -> Result<u16, ListenError> {
    let mut addresses = shared.config.listen.clone();
    addresses.retain(|address| uplink.serves(address.ip()));
    for address in addresses.iter_mut().filter(|address| address.port() == 0) {
        address.set_port(port);
    }
    let listener = bind(shared, &addresses)?;
    let chosen = listener.addresses().first().map_or(port, SocketAddr::port);
    if port == 0 {
        shared.listens_at(chosen);
    }
    *shared.listener.lock() = Some(listener);
    Ok(chosen)
}

/// Listens at another port as well, at the same addresses as far as it is free there.
pub(super) fn listen_beside(shared: &Arc<Shared>, port: u16) -> Vec<Listener> {
    let Ok(uplink) = shared.net.uplink() else {
        return Vec::new();
    };
    let mut addresses = shared.config.listen.clone();
    addresses.retain(|address| uplink.serves(address.ip()));
    let listen = |mut address: SocketAddr| {
        address.set_port(port);
        bind(shared, &[address])
            .inspect_err(|error| tracing::warn!("{error}"))
            .ok()
    };
    addresses.into_iter().filter_map(listen).collect()
}

fn bind(shared: &Arc<Shared>, addresses: &[SocketAddr]) -> Result<Listener, ListenError> {
    let door = Arc::new(Door(Arc::downgrade(shared)));
    let utp = shared.config.utp.then_some(&*shared.utp);
    Listener::bind(&shared.net, addresses, door, shared.config.encryption, utp)
}
