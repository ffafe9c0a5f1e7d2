//! Copies the subtitles of a torrent beside its films, after the addition was answered.
//!
//! Best effort: they are small, but a swarm may be slow or gone; what does not come in time is left out
//! and logged. A subtitle that is there already is not touched.

use std::sync::Arc;
use std::time::Duration;

use gostorm::{OpenRequest, ReadError, Stream};
use gostorm_wire::InfoHash;
use gostream_library::{PlannedSidecar, PlannedStub};
use tokio::sync::oneshot;

use super::desk::{Desk, on_disk, tree_error};

/// The largest subtitle that is copied; image-based ones of a long film reach some 10 MiB.
const SUBTITLE_LEN_MAX: u64 = 32 << 20;
/// How long one read may be tried: the read's own deadline is shorter.
const TRIES_MAX: u32 = 3;
/// Bytes of one read.
const READ_LEN: u32 = 128 << 10;
/// Time for all subtitles of one torrent.
const ALL_MAX: Duration = Duration::from_secs(300);

/// Starts the copies of one addition.
pub(super) fn fetch_later(desk: &Arc<Desk>, info_hash: InfoHash, plan: Vec<PlannedStub>) {
    let wanted: Vec<PlannedSidecar> = plan
        .into_iter()
        .flat_map(|stub| stub.sidecars)
        .filter(|sidecar| {
            sidecar.size <= SUBTITLE_LEN_MAX
                && desk.shelf.stubs().existing(&sidecar.virtual_path).is_err()
        })
        .collect();
    if wanted.is_empty() {
        return;
    }
    let task = copy_all(Arc::clone(desk), info_hash, wanted);
    // Called on a thread of the runtime's own.
    desk.later
        .spawn_on(task, &tokio::runtime::Handle::current());
}

async fn copy_all(desk: Arc<Desk>, info_hash: InfoHash, wanted: Vec<PlannedSidecar>) {
    let copies = async {
        for sidecar in &wanted {
            if let Err(error) = copy(&desk, info_hash, sidecar).await {
                tracing::warn!(
                    path = sidecar.virtual_path,
                    error,
                    "this subtitle could not be copied"
                );
            }
        }
    };
    if tokio::time::timeout(ALL_MAX, copies).await.is_err() {
        tracing::warn!(torrent = %info_hash, "some subtitles did not come in time");
    }
    let shelf = Arc::clone(&desk.shelf);
    if let Ok(Err(error)) = tokio::task::spawn_blocking(move || shelf.refresh()).await {
        tracing::warn!(%error, "new subtitles are not shown yet");
    }
}

async fn copy(desk: &Desk, info_hash: InfoHash, sidecar: &PlannedSidecar) -> Result<(), String> {
    let file = sidecar.torrent_file;
    let stream = desk
        .engine
        .open(OpenRequest::from(info_hash), Arc::new(move |_| Some(file)))
        .map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let mut tries = 0;
    while let Some(left) = sidecar
        .size
        .checked_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
        .filter(|left| *left > 0)
    {
        let len = u32::try_from(left).unwrap_or(READ_LEN).min(READ_LEN);
        let offset = sidecar.size - left;
        match read(&stream, offset, len).await {
            Ok(part) if part.is_empty() => {
                return Err("the torrent's file is shorter than it says".to_owned());
            }
            Ok(part) => bytes.extend_from_slice(&part),
            Err(error) if tries < TRIES_MAX && error == ReadError::TimedOut => tries += 1,
            Err(error) => return Err(error.to_string()),
        }
    }
    let (shelf, path) = (Arc::clone(&desk.shelf), sidecar.virtual_path.clone());
    let written = on_disk(move || {
        shelf.check_source()?;
        let written = shelf.stubs().write_sidecar(&path, &bytes);
        written.map_err(|error| tree_error(&error))
    });
    written.await.map_err(|error| error.to_string())
}

async fn read(stream: &Stream, offset: u64, len: u32) -> Result<Vec<u8>, ReadError> {
    let (tell, told) = oneshot::channel();
    stream.read(offset, len, move |result| {
        // The copy may have been given up.
        let _ = tell.send(result.map(|bytes| bytes.to_vec()));
    });
    told.await.unwrap_or(Err(ReadError::Unavailable))
}
