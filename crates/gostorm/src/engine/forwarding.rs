//! Starts the task that gets a port at the gateway, and hands it what it needs of the engine.

use std::sync::Arc;

use super::doors;
use crate::nat::{self, Ground};
use crate::net::{Bind, Net, NetConfig};
use crate::shared::Shared;

/// Nothing happens where we listen nowhere, or no port is wanted.
pub(super) fn start(shared: &Arc<Shared>) {
    let Some(config) = shared.config.nat.clone() else {
        return;
    };
    if shared.config.listen.is_empty() {
        return;
    }
    let stop = shared.stop.clone();
    let net = match (&config.device, shared.net.bind()) {
        (Some(device), None) => {
            tracing::warn!(
                "the port is asked for over {device}, and BitTorrent is not bound to it: bind_interface does that"
            );
            own_net(shared, device)
        }
        _ => Arc::clone(&shared.net),
    };
    let (listener, announcer) = (Arc::downgrade(shared), Arc::downgrade(shared));
    let ground = Ground {
        net,
        listening: shared.listening.subscribe(),
        open: Box::new(move |port| {
            let shared = listener.upgrade();
            shared.map_or_else(Vec::new, |shared| doors::listen_beside(&shared, port))
        }),
        announce: Box::new(move |port| {
            if let Some(shared) = announcer.upgrade() {
                let own = *shared.listening.borrow();
                shared.announce_port(port.unwrap_or(own));
            }
        }),
        state: shared.nat.clone(),
    };
    // The end of the engine waits until the port is given back.
    let counted = shared.tasks.token();
    shared.runtime.spawn(async move {
        let _counted = counted;
        nat::run(config, ground, stop).await;
    });
}

/// Sockets over one interface, for the gateway alone.
fn own_net(shared: &Shared, device: &Bind) -> Arc<Net> {
    let net = Arc::new(Net::with(NetConfig {
        bind: Some(device.clone()),
        ..shared.config.net.clone()
    }));
    let (watched, stop) = (Arc::clone(&net), shared.stop.clone());
    shared.runtime.spawn(async move {
        stop.run_until_cancelled(watched.keep_watch()).await;
    });
    net
}
