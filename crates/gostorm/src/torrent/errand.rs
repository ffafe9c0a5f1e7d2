//! What is done beside the driver, each in a task of the driver's own set: loading from the store,
//! dialling, announcing, looking up names. The results come back as events; dropping the set ends all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gostorm_core::{AnnouncePlan, Source};
use gostorm_wire::tracker::ScrapeCounts;
use gostorm_wire::{AnnounceEvent, AnnounceRequest, Handshake, InfoHash};
use tokio::time::timeout;

use crate::dial::{DialError, Dialled};
use crate::net::reach::Reach;
use crate::redact;
use crate::room::Seat;
use crate::shared::Shared;
use crate::store::{StoreFailure, StoredTorrent};
use crate::tracker::{Announced, TrackerError};
use crate::web_seed::{Site, WebSeedError};

/// Addresses taken of one host name.
const ADDRS_OF_HOST_MAX: usize = 8;

/// How long a torrent that wakes waits for the blocklist that was kept; reads wait that long, too.
const FILTER_WAIT_MAX: Duration = Duration::from_secs(5);

/// What an errand brought.
pub(super) enum Errand {
    /// The torrent may wake; what the store knows of it.
    Loaded {
        wake: Seat,
        stored: Result<Option<StoredTorrent>, StoreFailure>,
        banned: Vec<std::net::IpAddr>,
    },
    /// A dial ended.
    Dialed {
        addr: SocketAddr,
        outcome: Result<Dialled, DialError>,
    },
    /// A tracker answered, or did not.
    Announced {
        tracker: usize,
        outcome: Result<Announced, TrackerError>,
    },
    /// A tracker said how many peers there are.
    Counted {
        tracker: usize,
        counts: ScrapeCounts,
    },
    /// More addresses: a host name that a magnet gave was looked up, or a tracker answered over its other address family.
    Found {
        source: Source,
        addrs: Vec<SocketAddr>,
    },
    /// A web seed was asked for the first time, or again after a while.
    WebSeed {
        /// Among those of the torrent.
        place: usize,
        /// The time that an answer takes, microseconds.
        outcome: Result<u64, WebSeedError>,
    },
    /// Nothing to report.
    Done,
}

/// Waits for its turn to wake, then asks the store.
pub(super) async fn load(shared: Arc<Shared>, info_hash: InfoHash) -> Errand {
    let wake = shared.wakes.enter().await;
    if timeout(FILTER_WAIT_MAX, shared.filter.ready())
        .await
        .is_err()
    {
        tracing::warn!("the blocklist takes long to read; peers are dialled without it");
    }
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

pub(super) async fn connect(
    shared: Arc<Shared>,
    addr: SocketAddr,
    ours: Handshake,
    twin: Option<InfoHash>,
) -> Errand {
    let outcome = if shared.filter.blocks_dial(addr.ip()) {
        Err(DialError::Blocked)
    } else {
        // Who waits here keeps its place among the torrent's own dials, so that all wait their turn.
        let _place = shared.dials.enter().await;
        shared.dialer.dial(addr, &ours, twin).await
    };
    Errand::Dialed { addr, outcome }
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
        port: shared.announced_port(),
        uploaded: plan.uploaded,
        downloaded: plan.downloaded,
        left: plan.left,
        event: plan.event,
        numwant: Some(plan.num_want),
        key: shared.announce_key,
        tracker_id,
        compact: true,
    };
    let mut outcome = shared.trackers.announce(&url, &request).await;
    if plan.event == AnnounceEvent::Stopped
        && let Ok(Announced {
            more: Some(more), ..
        }) = &mut outcome
    {
        // Nobody waits for the answer, and both families shall know.
        more.await;
    }
    Errand::Announced {
        tracker: plan.tracker,
        outcome,
    }
}

pub(super) async fn open_web_seed(place: usize, site: Arc<Site>, offset: u64) -> Errand {
    let outcome = site.open(offset).await;
    Errand::WebSeed { place, outcome }
}

/// Asks for the numbers that an announce did not bring.
pub(super) async fn scrape(
    shared: Arc<Shared>,
    tracker: usize,
    url: String,
    info_hash: InfoHash,
) -> Errand {
    match shared.trackers.scrape(&url, info_hash).await {
        Ok(counts) => Errand::Counted { tracker, counts },
        Err(error) => {
            let said = redact::answer(&error.to_string(), &url);
            tracing::debug!(torrent = %info_hash, tracker, error = %said, "scrape failed");
            Errand::Done
        }
    }
}

/// Waits for a network if there is none, and looks a peer's name up.
pub(super) async fn look_up(shared: Arc<Shared>, host: String, port: u16) -> Errand {
    shared.net.opened().await;
    match shared.net.resolve(Reach::Anywhere, &host, port).await {
        Ok(mut addrs) => {
            addrs.truncate(ADDRS_OF_HOST_MAX);
            Errand::Found {
                source: Source::Hint,
                addrs,
            }
        }
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
