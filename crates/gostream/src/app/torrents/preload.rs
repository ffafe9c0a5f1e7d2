//! Fetching what a player will ask for first, before it asks.
//!
//! Reads a little from where the file was left, or from where it is told, as a player would: then the engine fetches on
//! ahead of it by itself. Reading all of it would not do, since what lies behind a reader goes first. Whoever asks
//! may wait until it is there, or go and look how far it is: Lampa hangs up after two seconds. The reader closes at the
//! end, when the torrent is taken away, or when another part of it is asked for.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use gostorm::FileChoice;
use gostorm_wire::InfoHash;
use gostream_http::{OpenedBy, TorrentError};
use gostream_library::TorrentHash;
use tokio::sync::oneshot;

use super::preloads::Running;
use super::shared::{Torrents, failed};

/// Bytes of one read, and reads under way.
const READ_LEN: u64 = 128 * 1024;
const READS: usize = 8;
/// Who has read 2 MiB in sequence is a player, and gets eight times as much ahead as it has read. Not more, so that where
/// it began stays behind it.
const READ_MAX: u64 = 5 << 19;
/// How often it is looked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// It ends when nothing has come for so many looks: the memory is full, or the swarm brings nothing.
const LOOKS_IN_VAIN: u32 = 25;
/// How long all of it may take.
const TIME_MAX: Duration = Duration::from_secs(120);

/// A part of a file.
struct Part {
    hash: TorrentHash,
    file: u32,
    /// Where the file lies among those of the torrent.
    number: usize,
    range: Range<u64>,
}

impl Torrents {
    pub(super) async fn preload_file(
        &self,
        hash: TorrentHash,
        file: u32,
        offset: Option<u64>,
    ) -> Result<(), TorrentError> {
        let part = self.part(hash, file, offset).await?;
        let Range { start, end } = part.range;
        let preloads = &self.shared.preloads;
        let (new, waiting) = preloads.begin(hash, file, start, end - start)?;
        if let Some(running) = new {
            tokio::spawn(self.clone().carry_out(part, running));
        }
        waiting.ended().await
    }

    async fn carry_out(self, part: Part, running: Running) {
        let fetched = tokio::time::timeout(TIME_MAX, self.fetch(&part, &running));
        let how = tokio::select! {
            fetched = fetched => fetched.unwrap_or_else(|_| {
                tracing::debug!(torrent = %part.hash, "a preload takes too long; the player goes on without");
                Ok(())
            }),
            () = running.stopped() => Ok(()),
        };
        running.end(how);
    }

    async fn part(
        &self,
        hash: TorrentHash,
        file: u32,
        offset: Option<u64>,
    ) -> Result<Part, TorrentError> {
        let most = self.shared.settings.preload_len;
        self.on_disk(move |shared| {
            let contents = shared.contents(hash)?.ok_or(TorrentError::NotFound)?;
            let (number, shown) = contents.file(file).ok_or(TorrentError::NoFile)?;
            let position = shared.parts.store.positions().get(&hash, file);
            let position = position.map_err(|error| failed(&error))?;
            // Whoever saw all of it begins anew.
            let left_at = position.map_or(0, |position| position.offset_bytes);
            let left_at = if left_at < shown.len { left_at } else { 0 };
            let start = offset.unwrap_or(left_at).min(shown.len);
            Ok(Part {
                hash,
                file,
                number,
                range: start..shown.len.min(start.saturating_add(most)),
            })
        })
        .await
    }

    async fn fetch(&self, part: &Part, running: &Running) -> Result<(), TorrentError> {
        let film = self.open_file(part.hash, part.file, OpenedBy::Probe).await;
        let film = film.map_err(|error| failed(&error))?;
        let Range { start, end } = part.range;
        let read_to = end.min(start + READ_MAX);
        let steps = (0..(read_to - start).div_ceil(READ_LEN)).map(|step| {
            let from = start + step * READ_LEN;
            let len = u32::try_from(READ_LEN.min(read_to - from)).unwrap_or(u32::MAX);
            film.read(from, len)
        });
        let mut reads = futures_util::stream::iter(steps).buffered(READS);
        while let Some(read) = reads.next().await {
            if let Err(error) = read {
                // The player will hear of it when it reads there.
                tracing::debug!(torrent = %part.hash, %error, "a preload ends early");
                return Ok(());
            }
        }
        let (mut before, mut in_vain) = (0, 0);
        loop {
            let Some(here) = self.here(part).await else {
                // It sleeps all the while: the disk has it.
                running.is_complete();
                break;
            };
            running.is_at(here);
            in_vain = if here > before { 0 } else { in_vain + 1 };
            before = here;
            if here >= end - start || in_vain == LOOKS_IN_VAIN {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Bytes of a part that the engine holds; nothing when the torrent sleeps, for the warm cache has the bytes then.
    async fn here(&self, part: &Part) -> Option<u64> {
        let number = part.number;
        let choice: FileChoice = Arc::new(move |_| Some(number));
        let (tell, told) = oneshot::channel();
        self.shared
            .parts
            .engine
            .glimpse(InfoHash(part.hash.0), choice, |seen| {
                // Who asked may have gone.
                let _ = tell.send(seen);
            });
        let seen = told.await.ok()??;
        let within = |held: &Range<u64>| {
            let end = held.end.min(part.range.end);
            end.saturating_sub(held.start.max(part.range.start))
        };
        Some(seen.buffered.iter().map(within).sum())
    }
}
