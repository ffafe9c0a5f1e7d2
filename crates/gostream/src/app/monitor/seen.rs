//! All parts as they stand at one time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use gostorm::{FilterState, ReaderClass, TorrentState, Totals};
use gostream_fs::FsMetrics;
use gostream_http::WebFigures;
use gostream_store::warm::Usage;

use super::parts::{Parts, ServerMonitor};
use super::process::{self, Process};
use crate::app::source::ReadFigures;

/// How long a torrent may take to say how it stands.
const SURVEY_MAX: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Seen {
    pub(super) uptime: Duration,
    pub(super) config_source: String,
    pub(super) connections_per_torrent: usize,
    pub(super) wakes_at_a_time: usize,
    pub(super) mounted: bool,
    pub(super) films: u64,
    pub(super) tree_bytes: u64,
    pub(super) fs: Arc<FsMetrics>,
    pub(super) reads: Arc<ReadFigures>,
    pub(super) torrents: Torrents,
    pub(super) totals: Totals,
    pub(super) offences: BTreeMap<String, u64>,
    pub(super) held_bytes: u64,
    pub(super) budget_bytes: u64,
    pub(super) network_up: bool,
    pub(super) torrent_port: u16,
    pub(super) forwarded_port: u16,
    pub(super) dht_nodes: Option<[usize; 2]>,
    pub(super) filter: FilterState,
    pub(super) warm: Option<(Usage, (u64, u64))>,
    pub(super) playbacks: Counted,
    pub(super) webhooks: [(&'static str, u64); 3],
    pub(super) web: Vec<(&'static str, Arc<WebFigures>)>,
    pub(super) process: Process,
}

/// Open films, counted.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) open: usize,
    pub(super) playing: usize,
    pub(super) confirmed: usize,
}

/// The awake torrents, added up.
#[derive(Default)]
pub(super) struct Torrents {
    pub(super) awake: usize,
    pub(super) searching: usize,
    pub(super) peers: usize,
    pub(super) seeds: usize,
    pub(super) unchoked: usize,
    pub(super) candidates: usize,
    pub(super) dialing: usize,
    pub(super) playbacks: usize,
    pub(super) scans: usize,
    pub(super) probes: usize,
    pub(super) confirmed: usize,
    pub(super) waiting_reads: usize,
    pub(super) outstanding_blocks: u64,
    pub(super) held_pieces: usize,
    /// Bytes held by torrents that somebody reads.
    pub(super) active_bytes: u64,
}

impl Torrents {
    fn add(&mut self, torrent: &TorrentState) {
        let stats = &torrent.stats;
        self.awake += 1;
        self.searching += usize::from(!torrent.resolved);
        self.peers += stats.peers;
        self.seeds += stats.seeds;
        self.unchoked += stats.unchoked;
        self.candidates += stats.candidates;
        self.dialing += stats.dialing;
        self.confirmed += stats.confirmed;
        self.waiting_reads += stats.waiting_reads;
        self.outstanding_blocks += stats.outstanding_blocks;
        self.held_pieces += stats.held_pieces;
        if stats.readers > 0 {
            self.active_bytes += stats.held_bytes;
        }
        for reader in &torrent.readers {
            match reader.class {
                ReaderClass::Playback => self.playbacks += 1,
                ReaderClass::Probe => self.probes += 1,
                ReaderClass::Scan => self.scans += 1,
            }
        }
    }
}

impl Seen {
    pub(super) async fn now(monitor: &ServerMonitor) -> Self {
        let parts = &monitor.parts;
        let engine = &parts.engine;
        let mut torrents = Torrents::default();
        for (_, state) in engine.survey(SURVEY_MAX).await {
            torrents.add(&state);
        }
        let tree = monitor.mount.get().map(|mount| mount.shown.tree());
        let (held_bytes, budget_bytes) = engine.memory();
        let tuning = engine.tuning();
        let forwarded = engine
            .nat()
            .borrow()
            .forwarded
            .as_ref()
            .map(|port| port.port);
        Self {
            uptime: monitor.start.elapsed(),
            config_source: parts.config_source.clone(),
            connections_per_torrent: tuning.connections_per_torrent,
            wakes_at_a_time: tuning.wakes_max,
            mounted: tree.is_some(),
            films: tree
                .as_ref()
                .map_or(0, |tree| u64::from(tree.media_count())),
            tree_bytes: tree.as_ref().map_or(0, |tree| tree.memory() as u64),
            fs: Arc::clone(&parts.fs),
            reads: Arc::clone(&parts.reads),
            torrents,
            totals: engine.totals(),
            offences: engine.offences(),
            held_bytes,
            budget_bytes,
            network_up: engine.network().borrow().generation().is_some(),
            torrent_port: engine.port(),
            forwarded_port: forwarded.unwrap_or_default(),
            dht_nodes: engine.dht_nodes(),
            filter: engine.filter(),
            warm: parts
                .warm
                .cache()
                .map(|cache| (cache.usage(), cache.counters())),
            playbacks: counted(parts),
            webhooks: webhooks(parts),
            web: parts.web.clone(),
            process: process::now(),
        }
    }
}

fn counted(parts: &Parts) -> Counted {
    let films = parts.open.films();
    Counted {
        open: films.len(),
        playing: films.iter().filter(|film| film.plays).count(),
        confirmed: parts.open.confirmed_count(),
    }
}

fn webhooks(parts: &Parts) -> [(&'static str, u64); 3] {
    let figures = parts.playbacks.figures();
    [
        ("matched", figures.matched.load(Relaxed)),
        ("unmatched", figures.unmatched.load(Relaxed)),
        ("dropped", figures.dropped.load(Relaxed)),
    ]
}
