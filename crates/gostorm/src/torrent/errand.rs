//! What is done beside the driver, each in a task of the driver's own set: loading from the store,
//! dialling, announcing, looking up names. The results come back as events; dropping the set ends all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use gostorm_core::AnnouncePlan;
use gostorm_wire::{AnnounceRequest, AnnounceResponse, Handshake, InfoHash};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::dial::{DialError, DialTimeouts, dial};
use crate::shared::Shared;
use crate::store::{StoreFailure, StoredTorrent};
use crate::tracker::TrackerError;

/// Addresses taken of one host name.
const ADDRS_OF_HOST_MAX: usize = 8;

/// What an errand brought.
pub(super) enum Errand {
    /// The torrent may wake; what the store knows of it.
    Loaded {
        wake: OwnedSemaphorePermit,
        stored: Result<Option<StoredTorrent>, StoreFailure>,
        banned: Vec<std::net::IpAddr>,
    },
    /// A dial ended.
    Dialed {
        addr: SocketAddr,
        rtt_us: u64,
        outcome: Result<(TcpStream, Handshake), DialError>,
    },
    /// A tracker answered, or did not.
    Announced {
        tracker: usize,
        outcome: Result<AnnounceResponse, TrackerError>,
    },
    /// A host name that a magnet gave was looked up.
    Found { addrs: Vec<SocketAddr> },
    /// Nothing to report.
    Done,
}

/// Waits for its turn to wake, then asks the store.
pub(super) async fn load(shared: Arc<Shared>, info_hash: InfoHash) -> Errand {
    // The semaphore lives as long as the engine and is never closed.
    let Ok(wake) = Arc::clone(&shared.wakes).acquire_owned().await else {
        return Errand::Done;
    };
    let store = Arc::clone(&shared.store);
    let loaded = tokio::task::spawn_blocking(move || (store.load(info_hash), store.banned())).await;
    let (stored, banned) =
        loaded.unwrap_or_else(|error| (Err(StoreFailure(error.to_string())), Ok(Vec::new())));
    let banned = banned.unwrap_or_else(|error| {
        tracing::warn!(%error, "the ban list cannot be read");
        Vec::new()
    });
    Errand::Loaded {
        wake,
        stored,
        banned,
    }
}

pub(super) async fn connect(addr: SocketAddr, ours: Handshake) -> Errand {
    let start = Instant::now();
    let outcome = dial(addr, &ours, DialTimeouts::default()).await;
    let rtt_us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    Errand::Dialed {
        addr,
        rtt_us,
        outcome,
    }
}

pub(super) async fn announce(
    shared: Arc<Shared>,
    url: String,
    info_hash: InfoHash,
    plan: AnnouncePlan,
    tracker_id: Option<Vec<u8>>,
) -> Errand {
    let request = AnnounceRequest {
        info_hash,
        peer_id: shared.peer_id,
        port: shared.port(),
        uploaded: plan.uploaded,
        downloaded: plan.downloaded,
        left: plan.left,
        event: plan.event,
        numwant: Some(plan.num_want),
        key: shared.announce_key,
        tracker_id,
        compact: true,
    };
    let outcome = shared.trackers.announce(&url, &request).await;
    Errand::Announced {
        tracker: plan.tracker,
        outcome,
    }
}

pub(super) async fn look_up(host: String, port: u16) -> Errand {
    match tokio::net::lookup_host((host.as_str(), port)).await {
        Ok(addrs) => Errand::Found {
            addrs: addrs.take(ADDRS_OF_HOST_MAX).collect(),
        },
        Err(error) => {
            tracing::debug!(host, %error, "a peer's host name cannot be looked up");
            Errand::Done
        }
    }
}

/// Runs a write to the store on a thread that may block, and logs a failure.
pub(super) async fn store(
    shared: Arc<Shared>,
    what: &'static str,
    write: impl FnOnce(&Shared) -> Result<(), StoreFailure> + Send + 'static,
) -> Errand {
    let done = tokio::task::spawn_blocking(move || write(&shared)).await;
    let failure = match done {
        Ok(Ok(())) => return Errand::Done,
        Ok(Err(failure)) => failure.to_string(),
        Err(panic) => panic.to_string(),
    };
    tracing::warn!(what, failure, "the store could not keep it");
    Errand::Done
}
