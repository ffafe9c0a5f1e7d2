//! Looking into a torrent: [`TorrentLooks`] over the engine, and the warm cache for what lies on the disk.

use std::ops::Range;

use gostorm::{
    Holdings, PeerStats, ReaderClass, ReaderStats, Source, Stall, TorrentState, TrackerState, Via,
    redact,
};
use gostorm_wire::InfoHash;
use gostream_http::{
    Answer, ByteRange, FileLook, FileView, HoldingsLook, PeerLook, PeerSource, PeerTransport,
    Place, ReaderKind, ReaderLook, StallCause, StallLook, TorrentId, TorrentLooks, TrackerLook,
};
use gostream_store::warm::TitleKey;
use tokio::sync::oneshot;

use super::service::of;
use super::shared::Torrents;

impl TorrentLooks for Torrents {
    fn peers(&self, id: TorrentId) -> Answer<'_, Vec<PeerLook>> {
        Box::pin(async move { Ok(self.state(id).await.as_ref().map(peers).unwrap_or_default()) })
    }

    fn trackers(&self, id: TorrentId) -> Answer<'_, Vec<TrackerLook>> {
        Box::pin(async move {
            let state = self.state(id).await.unwrap_or_default();
            Ok(state.trackers.into_iter().map(tracker).collect())
        })
    }

    fn readers(&self, id: TorrentId) -> Answer<'_, Vec<ReaderLook>> {
        Box::pin(async move {
            let Some(state) = self.state(id).await else {
                return Ok(Vec::new());
            };
            let held = self.held(id).await;
            let contents = self.on_disk(move |shared| shared.contents(of(id))).await?;
            let file_of = |span: &Range<u64>| {
                let number = held.files.iter().position(|file| file == span)?;
                contents.as_ref()?.id_of(number)
            };
            let looks = state.readers.iter();
            let looks = looks.map(|reader| reader_look(reader, file_of(&reader.file), &state));
            Ok(looks.collect())
        })
    }

    fn holdings(&self, id: TorrentId, offset: usize, limit: usize) -> Answer<'_, HoldingsLook> {
        Box::pin(async move {
            let held = self.held(id).await;
            let contents = self.on_disk(move |shared| shared.contents(of(id))).await?;
            let shown = contents.as_ref().map(|contents| &contents.files[..]);
            let shown = shown.unwrap_or_default();
            let mut files = Vec::new();
            for file in shown.iter().skip(offset).take(limit) {
                let number = contents
                    .as_ref()
                    .and_then(|contents| contents.file(file.id));
                let span = number.and_then(|(number, _)| held.files.get(number));
                files.push(FileLook {
                    id: file.id,
                    path: file.path.clone(),
                    size_bytes: file.len,
                    memory: span.map(|span| in_memory(&held, span)).unwrap_or_default(),
                    disk: self.on_warm_disk(id, file).await,
                });
            }
            Ok(HoldingsLook {
                piece_bytes: (held.piece_len > 0).then_some(held.piece_len.into()),
                lease_bytes: held.lease,
                held_bytes: held
                    .pieces
                    .iter()
                    .map(|piece| u64::from(piece.filled))
                    .sum(),
                total: shown.len(),
                files,
            })
        })
    }
}

impl Torrents {
    async fn state(&self, id: TorrentId) -> Option<TorrentState> {
        self.shared.parts.engine.peek(InfoHash(id.0)).await
    }

    /// Nothing while it sleeps.
    async fn held(&self, id: TorrentId) -> Holdings {
        let held = self.shared.parts.engine.holdings(InfoHash(id.0)).await;
        held.unwrap_or_default()
    }

    /// What the warm cache has of a file.
    async fn on_warm_disk(&self, id: TorrentId, file: &FileView) -> Vec<ByteRange> {
        let Some(cache) = self.shared.parts.warm.cache() else {
            return Vec::new();
        };
        let key = TitleKey {
            hash: of(id),
            index: file.id,
        };
        let (tell, told) = oneshot::channel();
        // Who asked may have gone.
        cache.held(
            &cache.title(key, file.len),
            Box::new(move |held| drop(tell.send(held))),
        );
        let held = told.await.unwrap_or_default();
        held.into_iter().map(ByteRange::from).collect()
    }
}

/// The verified bytes of a file that are in memory, joined where they touch.
fn in_memory(held: &Holdings, file: &Range<u64>) -> Vec<ByteRange> {
    let mut ranges: Vec<ByteRange> = Vec::new();
    for piece in held.pieces.iter().filter(|piece| piece.verified) {
        let start = u64::from(piece.piece.0) * u64::from(held.piece_len);
        let end = (start + u64::from(piece.len)).min(file.end);
        let start = start.max(file.start);
        if start >= end {
            continue;
        }
        let range = ByteRange::from(start - file.start..end - file.start);
        match ranges.last_mut() {
            Some(last) if last.end_bytes == range.start_bytes => last.end_bytes = range.end_bytes,
            Some(_) | None => ranges.push(range),
        }
    }
    ranges
}

fn peers(state: &TorrentState) -> Vec<PeerLook> {
    let look = |peer: &PeerStats| {
        let remote = state.remotes.iter().find(|remote| remote.addr == peer.addr);
        let via = remote.map(|remote| &remote.via);
        PeerLook {
            address: match via {
                Some(Via::Http(url)) => redact::url(url),
                Some(Via::Tcp | Via::Utp) | None => peer.addr.to_string(),
            },
            source: source(peer.source),
            client: remote.and_then(|remote| remote.client.clone()),
            transport: match via {
                Some(Via::Http(_)) => PeerTransport::Http,
                Some(Via::Utp) => PeerTransport::Utp,
                Some(Via::Tcp) | None => PeerTransport::Tcp,
            },
            encrypted: remote.is_some_and(|remote| remote.encrypted),
            rate_bytes_per_second: whole(peer.rate),
            rtt_us: peer.rtt_us,
            outstanding_blocks: peer.outstanding,
            pipeline_blocks: peer.depth,
            chokes_us: peer.choked,
            snubbed: peer.snubbed,
            served_by_us: peer.unchoked,
            good_bytes: peer.good_bytes,
            wasted_bytes: peer.wasted_bytes,
            sent_bytes: peer.sent_bytes,
        }
    };
    state.peers.iter().map(look).collect()
}

const fn source(source: Option<Source>) -> PeerSource {
    match source {
        None => PeerSource::Incoming,
        Some(Source::KnownGood) => PeerSource::KnownGood,
        Some(Source::Hint) => PeerSource::Magnet,
        Some(Source::Lsd) => PeerSource::Lsd,
        Some(Source::Tracker) => PeerSource::Tracker,
        Some(Source::AddedTracker) => PeerSource::AddedTracker,
        Some(Source::Pex) => PeerSource::Pex,
        Some(Source::Dht) => PeerSource::Dht,
    }
}

fn tracker(tracker: TrackerState) -> TrackerLook {
    TrackerLook {
        tier: tracker.tier,
        working: tracker.working,
        failures: tracker.failures,
        error: tracker.error,
        warning: tracker.warning,
        next_announce_seconds: tracker.next_announce.map(|left| left.as_secs()),
        peers: tracker.peers,
        seeders: tracker.seeders,
        leechers: tracker.leechers,
        url: redact::url(&tracker.url),
    }
}

fn reader_look(reader: &ReaderStats, file: Option<u32>, state: &TorrentState) -> ReaderLook {
    let start = reader.file.start;
    let places = reader.places.iter().map(|place| Place {
        at_bytes: place.at.saturating_sub(start),
        window_start_bytes: place.window.start.saturating_sub(start),
        window_end_bytes: place.window.end.saturating_sub(start),
    });
    let stalls = reader.stalls.iter();
    ReaderLook {
        id: reader.reader.0,
        class: match reader.class {
            ReaderClass::Playback => ReaderKind::Playback,
            ReaderClass::Probe => ReaderKind::Probe,
            ReaderClass::Scan => ReaderKind::Scan,
        },
        file,
        places: places.collect(),
        stalls: stalls
            .map(|stall| stall_look(stall, state, start))
            .collect(),
    }
}

fn stall_look(stall: &Stall, state: &TorrentState, file_start: u64) -> StallLook {
    let causes = stall.waits.iter().map(|wait| StallCause {
        explanation: wait.cause.to_string(),
        piece: wait.piece.0,
        block: wait.block,
        lasted_seconds: wait.lasted.as_secs_f64(),
    });
    StallLook {
        explanation: stall.to_string(),
        at_bytes: stall.range.start.saturating_sub(file_start),
        began_seconds_ago: (state.now - stall.since).as_secs_f64(),
        lasted_seconds: stall.lasted.as_secs_f64(),
        served: stall.served,
        causes: causes.collect(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is not negative, and what is no number becomes 0"
)]
const fn whole(rate: f64) -> u64 {
    rate as u64
}

#[cfg(test)]
mod tests {
    use gostorm::HeldPiece;
    use gostorm_wire::PieceIndex;

    use super::*;

    #[test]
    fn ranges_are_those_of_verified_pieces_within_the_file() {
        let piece = |number, verified| HeldPiece {
            piece: PieceIndex(number),
            len: 100,
            filled: 100,
            verified,
        };
        let held = Holdings {
            piece_len: 100,
            piece_count: 10,
            pieces: vec![
                piece(0, true),
                piece(1, true),
                piece(2, false),
                piece(4, true),
                piece(9, true),
            ],
            ..Holdings::default()
        };
        let range = |start, end| ByteRange::from(start..end);
        assert_eq!(
            in_memory(&held, &(50..450)),
            [range(0, 150), range(350, 400)]
        );
        assert!(in_memory(&held, &(500..600)).is_empty());
    }
}
