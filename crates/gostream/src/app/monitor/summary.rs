//! The JSON objects of the metrics port. Their keys are older than this program; what each means here is said in
//! `docs/METRICS.md`.

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use gostream_fs::FsMetrics;
use gostream_http::HistogramSample;
use serde_json::{Value, json};

use super::parts::Parts;
use super::seen::Seen;
use crate::app::playback::{Registry, Shown, Via};
use crate::app::source::{PLAYS_FROM, ReadFigures};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const MIB: f64 = 1_048_576.0;
/// Films that are listed at most.
const LISTED_MAX: usize = 1000;

/// `GET /metrics`.
pub(super) fn metrics(seen: &Seen) -> Value {
    let torrents = &seen.torrents;
    let active = torrents.active_bytes.min(seen.held_bytes);
    let stale = seen.held_bytes - active;
    let percent = |bytes: u64| two(100.0 * float(bytes) / float(seen.budget_bytes.max(1)));
    let open_handles = FsMetrics::get(&seen.fs.open_handles);
    json!({
        "version": VERSION,
        "config_source": seen.config_source,
        "uptime": go_duration(seen.uptime),
        "cache_entries": seen.films,
        "cache_size_mb": two(float(seen.tree_bytes) / MIB),
        "cleanup_hashes": torrents.awake,
        "cleanup_offsets": open_handles,
        "cleanup_activities": seen.playbacks.playing,
        "locks_total": 0,
        "master_concurrency_limit": seen.wakes_at_a_time,
        "negative_cache_entries": 0,
        "fullpack_cache_entries": 0,
        "streaming_threshold_kb": PLAYS_FROM / 1024,
        "config_preload_workers": 0,
        "max_conns_per_host": seen.connections_per_torrent,
        "read_ahead_total_bytes": seen.held_bytes,
        "read_ahead_active_bytes": active,
        "read_ahead_stale_bytes": stale,
        "read_ahead_entries": torrents.held_pieces,
        "read_ahead_budget": seen.budget_bytes,
        "read_ahead_percent": percent(seen.held_bytes),
        "read_ahead_active_percent": percent(active),
        "read_ahead_stale_percent": percent(stale),
        "natpmp_port": seen.forwarded_port,
        "fuse_mounted": seen.mounted,
        "open_handles": open_handles,
        "active_pumps": torrents.playbacks,
        "slots_used": torrents.searching,
        "warmup_bytes": seen.warm.map_or(0, |(usage, _)| usage.bytes),
        "torrents_loaded": torrents.awake,
        "peers": torrents.peers,
        "torrent_port": seen.torrent_port,
        "network_up": seen.network_up,
        "playbacks_open": seen.playbacks.open,
        "playbacks_confirmed": seen.playbacks.confirmed,
        "hedge_trigger_count": seen.totals.hedges,
        "downloaded_bytes": seen.totals.downloaded_bytes,
        "uploaded_bytes": seen.totals.uploaded_bytes,
    })
}

/// `GET /metrics/profiling`.
pub(super) fn profiling(parts: &Parts) -> Value {
    let reads = &parts.reads;
    let (warm, memory, swarm) = (
        reads.warm.sample(),
        reads.memory.sample(),
        reads.swarm.sample(),
    );
    let hits = warm.count() + memory.count();
    let total = reads.of_players.load(Relaxed) + reads.of_others.load(Relaxed);
    let mean_ms = |sum: f64, count: u64| two(1000.0 * sum / float(count.max(1)));
    json!({
        "version": VERSION,
        "total_reads": total,
        "cache_hits": hits,
        "cache_hit_rate_pct": two(100.0 * float(hits) / float((hits + swarm.count()).max(1))),
        "http_fetches": swarm.count(),
        "streaming_reads": reads.of_players.load(Relaxed),
        "non_streaming_reads": reads.of_others.load(Relaxed),
        "avg_http_latency_ms": mean_ms(swarm.sum, swarm.count()),
        "avg_cache_latency_ms": mean_ms(warm.sum + memory.sum, hits),
        "max_conns_per_host": parts.engine.tuning().connections_per_torrent,
        "failed_reads": reads.failed.load(Relaxed),
        "warm_cache_hits": warm.count(),
        "memory_hits": memory.count(),
    })
}

/// `GET /metrics/ttff`.
pub(super) fn first_bytes(reads: &ReadFigures) -> Value {
    json!({
        "version": VERSION,
        "first_read_seconds": histogram(&reads.first.sample()),
        "read_seconds": {
            "warm": histogram(&reads.warm.sample()),
            "memory": histogram(&reads.memory.sample()),
            "swarm": histogram(&reads.swarm.sample()),
        },
    })
}

fn histogram(sample: &HistogramSample) -> Value {
    let buckets = sample.buckets.iter();
    let buckets: Vec<Value> = buckets
        .map(|(bound, count)| json!({"le": bound, "count": count}))
        .chain([json!({"le": "+Inf", "count": sample.above})])
        .collect();
    json!({"count": sample.count(), "sum": sample.sum, "buckets": buckets})
}

/// `GET /metrics/playbacks`.
pub(super) fn playbacks(open: &Registry) -> Value {
    let (now, handles) = (Instant::now(), open.list());
    let shown: Vec<Value> = handles
        .iter()
        .take(LISTED_MAX)
        .map(|handle| playback(now, handle))
        .collect();
    json!({"open": handles.len(), "playbacks": shown})
}

fn playback(now: Instant, handle: &Shown) -> Value {
    let seconds = |since: Instant| two(now.saturating_duration_since(since).as_secs_f64());
    json!({
        "path": handle.opened.path,
        "hash": handle.opened.hash.to_string(),
        "index": handle.opened.index,
        "size": handle.opened.size,
        "via": match handle.opened.via {
            Via::Mount => "mount",
            Via::Http => "http",
        },
        "position": handle.position,
        "open_seconds": seconds(handle.since),
        "idle_seconds": handle.last_read.map(seconds),
        "plays": handle.plays,
        "confirmed": handle.confirmed,
    })
}

#[expect(clippy::cast_precision_loss, reason = "shown with two decimals")]
const fn float(number: u64) -> f64 {
    number as f64
}

/// With two decimals.
fn two(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// As Go prints a duration: `3h12m5.4s`.
fn go_duration(time: Duration) -> String {
    let (seconds, millis) = (time.as_secs(), time.subsec_millis());
    let mut text = String::new();
    // Writing to a string does not fail.
    if seconds >= 3600 {
        let _ = write!(text, "{}h", seconds / 3600);
    }
    if seconds >= 60 {
        let _ = write!(text, "{}m", seconds / 60 % 60);
    }
    let fraction = format!(".{millis:03}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    let _ = write!(text, "{}{fraction}s", seconds % 60);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uptime_reads_as_go_prints_it() {
        for (millis, expected) in [
            (0, "0s"),
            (5_400, "5.4s"),
            (60_000, "1m0s"),
            (61_050, "1m1.05s"),
            (11_525_400, "3h12m5.4s"),
            (3_600_000, "1h0m0s"),
            (100 * 3_600_000 + 1, "100h0m0.001s"),
        ] {
            assert_eq!(go_duration(Duration::from_millis(millis)), expected);
        }
    }

    #[test]
    fn numbers_have_two_decimals() {
        assert_eq!(json!(two(2.0 / 3.0)).to_string(), "0.67");
        assert_eq!(json!(two(62.5)).to_string(), "62.5");
    }
}
