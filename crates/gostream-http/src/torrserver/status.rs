//! A torrent as clients read it: `TorrentStatus`, with every key that they know.
//!
//! Keys that say nothing (0, empty) are left out, as clients have it from TorrServer; the others are always there.

use serde::Serialize;

use super::token;
use crate::torrents::{Activity, Phase, TorrentView};

/// Bytes of a block, which these clients count as chunks.
const BLOCK_LEN: u64 = 16 * 1024;

/// The object. Lengths in bytes, rates in bytes per second.
#[derive(Debug, Serialize)]
pub(super) struct TorrentStatus<'a> {
    title: &'a str,
    category: &'a str,
    poster: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    data: &'a str,
    timestamp: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    torrs_hash: Option<String>,
    stat: u8,
    stat_string: &'static str,
    is_priority: bool,
    #[serde(flatten)]
    counters: Counters,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    file_stats: Vec<FileStatus<'a>>,
}

#[derive(Debug, Serialize)]
struct FileStatus<'a> {
    id: u32,
    path: &'a str,
    length: u64,
}

/// The numbers; each is left out when it is 0. A rate is so below a byte a second: some clients take its logarithm.
#[derive(Debug, Serialize)]
struct Counters {
    #[serde(skip_serializing_if = "is_zero")]
    loaded_size: u64,
    #[serde(skip_serializing_if = "is_zero")]
    torrent_size: u64,
    #[serde(skip_serializing_if = "is_zero")]
    preloaded_bytes: u64,
    #[serde(skip_serializing_if = "is_zero")]
    preload_size: u64,
    #[serde(skip_serializing_if = "is_still")]
    download_speed: f64,
    #[serde(skip_serializing_if = "is_still")]
    upload_speed: f64,
    #[serde(skip_serializing_if = "is_zero")]
    total_peers: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pending_peers: u64,
    #[serde(skip_serializing_if = "is_zero")]
    active_peers: u64,
    #[serde(skip_serializing_if = "is_zero")]
    connected_seeders: u64,
    #[serde(skip_serializing_if = "is_zero")]
    half_open_peers: u64,
    #[serde(skip_serializing_if = "is_zero")]
    bytes_written: u64,
    #[serde(skip_serializing_if = "is_zero")]
    bytes_written_data: u64,
    #[serde(skip_serializing_if = "is_zero")]
    bytes_read: u64,
    #[serde(skip_serializing_if = "is_zero")]
    bytes_read_data: u64,
    #[serde(skip_serializing_if = "is_zero")]
    bytes_read_useful_data: u64,
    #[serde(skip_serializing_if = "is_zero")]
    chunks_written: u64,
    #[serde(skip_serializing_if = "is_zero")]
    chunks_read: u64,
    #[serde(skip_serializing_if = "is_zero")]
    chunks_read_useful: u64,
    #[serde(skip_serializing_if = "is_zero")]
    chunks_read_wasted: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pieces_dirtied_good: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pieces_dirtied_bad: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference in"
)]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference in"
)]
fn is_still(rate: &f64) -> bool {
    *rate < 1.0
}

/// The number and the words of a phase. 0 and 4 of TorrServer do not last long enough here to be seen.
const fn phase(phase: Phase) -> (u8, &'static str) {
    match phase {
        Phase::Resolving => (1, "Torrent getting info"),
        Phase::Preloading => (2, "Torrent preload"),
        Phase::Working => (3, "Torrent working"),
        Phase::Asleep => (5, "Torrent in db"),
    }
}

impl TorrentStatus<'_> {
    /// With the token by which the torrent is passed on. Lists go without: packing it takes its time.
    pub(super) fn with_token(self, torrent: &TorrentView) -> Self {
        let known = torrent.files.is_some();
        Self {
            torrs_hash: known.then(|| token::of(torrent)).flatten(),
            ..self
        }
    }
}

impl<'a> From<&'a TorrentView> for TorrentStatus<'a> {
    fn from(torrent: &'a TorrentView) -> Self {
        let (stat, stat_string) = phase(torrent.phase);
        let files = torrent.files.as_deref().unwrap_or_default();
        let file_stats = files.iter().map(|file| FileStatus {
            id: file.id,
            path: &file.path,
            length: file.len,
        });
        Self {
            title: &torrent.labels.title,
            category: &torrent.labels.category,
            poster: &torrent.labels.poster,
            data: &torrent.labels.data,
            timestamp: torrent.added_unix,
            name: torrent.name.as_deref().unwrap_or_default(),
            hash: torrent.id.to_string(),
            torrs_hash: None,
            stat,
            stat_string,
            is_priority: torrent.activity.plays,
            counters: Counters::new(&torrent.activity, torrent.len.unwrap_or_default()),
            file_stats: file_stats.collect(),
        }
    }
}

impl Counters {
    fn new(activity: &Activity, len: u64) -> Self {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let useful = activity.downloaded.saturating_sub(activity.wasted);
        let known = activity.peers_known.max(activity.peers);
        let pending = known.saturating_sub(activity.peers + activity.peers_dialling);
        let (preloaded_bytes, preload_size) = activity.preload;
        Self {
            loaded_size: activity.held,
            torrent_size: len,
            preloaded_bytes,
            preload_size,
            download_speed: activity.download_rate,
            upload_speed: activity.upload_rate,
            total_peers: count(known),
            pending_peers: count(pending),
            active_peers: count(activity.peers),
            connected_seeders: count(activity.seeds),
            half_open_peers: count(activity.peers_dialling),
            bytes_written: activity.uploaded,
            bytes_written_data: activity.uploaded,
            bytes_read: activity.downloaded,
            bytes_read_data: activity.downloaded,
            bytes_read_useful_data: useful,
            chunks_written: activity.uploaded.div_ceil(BLOCK_LEN),
            chunks_read: activity.downloaded.div_ceil(BLOCK_LEN),
            chunks_read_useful: useful.div_ceil(BLOCK_LEN),
            chunks_read_wasted: activity.wasted.div_ceil(BLOCK_LEN),
            pieces_dirtied_good: activity.pieces_good,
            pieces_dirtied_bad: activity.pieces_bad,
        }
    }
}
