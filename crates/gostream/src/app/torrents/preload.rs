//! Fetching what a player will ask for first, before it asks.
//!
//! Reads the file from where it was left, or from where it is told, into the engine's memory; whoever asked waits. It
//! ends with its client.

use std::time::Duration;

use futures_util::StreamExt as _;
use gostream_http::TorrentError;
use gostream_library::TorrentHash;

use super::opening::OpenedBy;
use super::shared::{Torrents, failed};

/// Bytes of one read, and reads under way.
const READ_LEN: u64 = 128 * 1024;
const READS: usize = 8;
/// How long all of it may take: a swarm that brings nothing shall not keep the player waiting for ever.
const TIME_MAX: Duration = Duration::from_secs(120);

impl Torrents {
    pub(super) async fn preload_file(
        &self,
        hash: TorrentHash,
        file: u32,
        offset: Option<u64>,
    ) -> Result<(), TorrentError> {
        let (len, left_at) = self
            .on_disk(move |shared| {
                let contents = shared.contents(hash)?.ok_or(TorrentError::NotFound)?;
                let (_, shown) = contents.file(file).ok_or(TorrentError::NoFile)?;
                let left_at = shared.parts.store.positions().get(&hash, file);
                Ok((shown.len, left_at.map_err(|error| failed(&error))?))
            })
            .await?;
        let left_at = left_at.map_or(0, |position| position.offset_bytes);
        // Whoever saw all of it begins anew.
        let start = offset
            .unwrap_or(if left_at < len { left_at } else { 0 })
            .min(len);
        let end = len.min(start + self.shared.settings.preload_len);
        let film = self.open_file(hash, file, OpenedBy::Preload).await;
        let film = film.map_err(|error| failed(&error))?;
        let shown = self.shared.preloads.begin(hash, end - start);
        let steps = (0..(end - start).div_ceil(READ_LEN)).map(|step| {
            let from = start + step * READ_LEN;
            let len = u32::try_from(READ_LEN.min(end - from)).unwrap_or(u32::MAX);
            film.read(from, len)
        });
        let mut reads = futures_util::stream::iter(steps).buffered(READS);
        let all = async {
            while let Some(read) = reads.next().await {
                match read {
                    Ok(bytes) => shown.came(bytes.len()),
                    // The player will hear of it when it reads there.
                    Err(error) => {
                        return tracing::debug!(torrent = %hash, %error, "a preload ends early");
                    }
                };
            }
        };
        if tokio::time::timeout(TIME_MAX, all).await.is_err() {
            tracing::debug!(torrent = %hash, "a preload takes too long; the player goes on without");
        }
        Ok(())
    }
}
