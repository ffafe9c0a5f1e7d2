//! What happens in engine and library, told to the listeners of the API.
//!
//! Tasks that end with the server; none holds anybody up.

use std::sync::Arc;
use std::time::Duration;

use gostorm::net::Gate;
use gostorm::{Engine, Happening};
use gostream_fs::{NodeKind, NodeRef, Publisher};
use gostream_http::{Event, Events};
use tokio::sync::{Notify, broadcast::error::RecvError};
use tokio_util::sync::CancellationToken;

use super::playback::Registry;

/// Changes of the library that come within this time are told of once.
const LIBRARY_PAUSE: Duration = Duration::from_secs(1);

/// Tells of them until `stop`.
pub(super) fn tell(engine: &Engine, shown: &Publisher, events: &Events, stop: &CancellationToken) {
    start(stop, of_engine(engine.clone(), events.clone()));
    start(stop, of_network(engine.clone(), events.clone()));
    start(stop, of_library(shown.clone(), events.clone()));
    let (events, stop) = (events.clone(), stop.clone());
    tokio::spawn(async move {
        stop.cancelled().await;
        events.end();
    });
}

/// Tells what media servers say of their viewers.
pub(super) fn tell_of_viewers(open: &Registry, shown: Publisher, events: Events) {
    open.on_confirm(move |ino, confirmed| {
        let tree = shown.tree();
        // It may have been deleted while somebody watched it.
        let path = tree.get(ino).map(NodeRef::path).unwrap_or_default();
        events.tell(if confirmed {
            Event::PlaybackConfirmed { path }
        } else {
            Event::PlaybackReleased { path }
        });
    });
}

/// Runs it until `stop`.
fn start(stop: &CancellationToken, work: impl Future<Output = ()> + Send + 'static) {
    let stop = stop.clone();
    tokio::spawn(async move { stop.run_until_cancelled(work).await });
}

async fn of_engine(engine: Engine, events: Events) {
    let mut happenings = engine.happenings();
    // It would keep the sender alive, and so itself.
    drop(engine);
    loop {
        match happenings.recv().await {
            Ok(happening) => events.tell(event_of(happening)),
            Err(RecvError::Lagged(lost)) => events.tell(Event::Lagged { lost: Some(lost) }),
            Err(RecvError::Closed) => return,
        }
    }
}

fn event_of(happening: Happening) -> Event {
    match happening {
        Happening::Awake(hash) => Event::TorrentAwake {
            hash: hash.to_string(),
        },
        Happening::Asleep(hash) => Event::TorrentAsleep {
            hash: hash.to_string(),
        },
        Happening::Resolved(hash) => Event::TorrentResolved {
            hash: hash.to_string(),
        },
        Happening::Stalled(hash, stall) => Event::ReaderStalled {
            hash: hash.to_string(),
            lasted_seconds: stall.lasted.as_secs_f64(),
            served: stall.served,
            explanation: stall.to_string(),
        },
        Happening::ListInUse(ranges) => Event::BlocklistRefreshed {
            ranges: ranges as u64,
        },
    }
}

async fn of_network(engine: Engine, events: Events) {
    let mut gate = engine.network();
    drop(engine);
    gate.mark_unchanged();
    while gate.changed().await.is_ok() {
        let now = gate.borrow_and_update().clone();
        events.tell(match now {
            Gate::Open(uplink) => Event::Network {
                open: true,
                detail: uplink.device().map_or_else(
                    || "sockets are not bound to an interface".to_owned(),
                    |device| format!("on interface {}", device.name),
                ),
            },
            Gate::Shut(why) => Event::Network {
                open: false,
                detail: why.to_string(),
            },
        });
    }
}

async fn of_library(shown: Publisher, events: Events) {
    let changed = Arc::new(Notify::new());
    let tell = Arc::clone(&changed);
    shown.on_change(move || tell.notify_one());
    loop {
        changed.notified().await;
        let tree = shown.tree();
        let films = tree
            .iter()
            .filter(|node| matches!(node.kind(), NodeKind::Media(_)));
        events.tell(Event::LibraryChanged {
            films: films.count() as u64,
        });
        tokio::time::sleep(LIBRARY_PAUSE).await;
    }
}
