//! Finding peers without a tracker: the DHT and the local network.
//!
//! Made once by the engine. A driver asks with [`Discovery::look_up`] when its machine says so, and takes what is found
//! from a bounded channel; when it drops the channel, nothing is looked for any more. What always holds: neither
//! holds up a start or a driver; a private torrent never comes here.

mod datagram;
mod dht;
mod found;
mod lsd;
mod saved;

pub(crate) use found::{FOUND_MAX, Found};

use std::net::SocketAddr;
use std::sync::Arc;

use gostorm_wire::InfoHash;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::filter::Filter;
use crate::net::Net;
use crate::store::TorrentStore;

/// How peers are found beside trackers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiscoveryConfig {
    /// Whether there is a node of the DHT.
    pub dht: bool,
    /// Its UDP port; 0: any free one.
    pub dht_port: u16,
    /// Its entry points, `host:port` each; used while it knows too few nodes.
    pub dht_bootstrap: Vec<String>,
    /// Whether peers of the local network are looked for, and told of us.
    pub lsd: bool,
}

/// What looks for peers.
pub(crate) struct Discovery {
    dht: Option<dht::Handle>,
    lsd: Option<lsd::Handle>,
}

impl Discovery {
    /// Starts what the settings ask for, in tasks of their own that end with `stop`.
    pub(crate) fn start(
        config: &DiscoveryConfig,
        net: &Arc<Net>,
        store: &Arc<dyn TorrentStore>,
        filter: &Arc<Filter>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let dht = config.dht.then(|| {
            let (handle, service) = dht::new(
                config.dht_port,
                config.dht_bootstrap.clone(),
                Arc::clone(net),
                Arc::clone(store),
                Arc::clone(filter),
            );
            tasks.spawn(service.run(stop.clone()));
            handle
        });
        let lsd = config.lsd.then(|| {
            let (handle, service) = lsd::new(Arc::clone(net));
            tasks.spawn(service.run(stop.clone()));
            handle
        });
        Self { dht, lsd }
    }

    /// Looks for the peers of a torrent, and tells of ours at port `announce` if there is one.
    pub(crate) fn look_up(
        &self,
        info_hash: InfoHash,
        announce: Option<u16>,
        to: &mpsc::Sender<Found>,
    ) {
        if let Some(dht) = &self.dht {
            dht.look_up(info_hash, announce, to.clone());
        } else {
            // A driver that has much to do does not hear it, and waits longer.
            let _ = to.try_send(Found::Nothing);
        }
        if let Some(lsd) = &self.lsd {
            lsd.look_up(info_hash, announce, to.clone());
        }
    }

    /// A peer says that it has a node there (BEP 5).
    pub(crate) fn met_node(&self, addr: SocketAddr) {
        if let Some(dht) = &self.dht {
            dht.meet(addr);
        }
    }

    /// The UDP port of our node; `None` while there is none.
    pub(crate) fn dht_port(&self) -> Option<u16> {
        self.dht.as_ref().and_then(dht::Handle::port)
    }

    /// Nodes that our own knows, IPv4 and IPv6; `None`: there is none.
    pub(crate) fn dht_nodes(&self) -> Option<[usize; 2]> {
        self.dht.as_ref().map(dht::Handle::nodes)
    }
}
