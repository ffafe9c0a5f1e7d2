//! Rows of who reads and who watches.

use std::sync::atomic::Ordering::Relaxed;

use gostream_http::{Kind, Sample};

use super::metric::{Metric, counter, each, gauge, metric, one};
use crate::app::source::Times;

pub(super) const READS: &[Metric] = &[
    metric(
        "gostream_read_duration_seconds",
        Kind::Histogram,
        "seconds",
        "How long reads of films waited for their bytes, by where these came from.",
        |s| {
            let of = |origin: &str, times: &Times| {
                Sample::Histogram(vec![("origin", origin.to_owned())], times.sample())
            };
            vec![
                of("warm", &s.reads.warm),
                of("memory", &s.reads.memory),
                of("swarm", &s.reads.swarm),
            ]
        },
    )
    .by("origin: warm (cache on the disk), memory, swarm"),
    metric(
        "gostream_first_read_duration_seconds",
        Kind::Histogram,
        "seconds",
        "How long the first read of each open handle waited: the time to the first byte.",
        |s| vec![Sample::Histogram(vec![], s.reads.first.sample())],
    ),
    counter(
        "gostream_reads_total",
        "reads",
        "Reads of films, by what the handle does.",
        |s| {
            each(
                "handle",
                [
                    ("plays", s.reads.of_players.load(Relaxed)),
                    ("looks", s.reads.of_others.load(Relaxed)),
                ],
            )
        },
    )
    .by("handle: plays, looks"),
    counter(
        "gostream_read_bytes_total",
        "bytes",
        "Bytes of films that readers got.",
        |s| one(s.reads.bytes.load(Relaxed)),
    ),
    counter(
        "gostream_read_failures_total",
        "reads",
        "Reads of films that failed.",
        |s| one(s.reads.failed.load(Relaxed)),
    ),
    counter(
        "gostream_stalls_total",
        "stalls",
        "Waits of readers for a second or more, by how they ended.",
        |s| {
            each(
                "outcome",
                [
                    ("served", s.totals.stalls),
                    ("failed", s.totals.stalls_failed),
                ],
            )
        },
    )
    .by("outcome: served, failed"),
    counter(
        "gostream_stall_seconds_total",
        "seconds",
        "How long these waits lasted together.",
        |s| one(s.totals.stalled.as_secs_f64()),
    ),
    counter(
        "gostream_unverified_reads_total",
        "reads",
        "Reads that were served before their piece was verified (verification responsive).",
        |s| one(s.totals.unverified_reads),
    ),
];

pub(super) const PLAYBACK: &[Metric] = &[
    gauge(
        "gostream_films_open",
        "films",
        "Films that are open through the mount or a web port.",
        |s| one(s.playbacks.open),
    ),
    gauge(
        "gostream_films_playing",
        "films",
        "Open films that are read as a player reads.",
        |s| one(s.playbacks.playing),
    ),
    gauge(
        "gostream_films_confirmed",
        "films",
        "Films that somebody watches, as a media server says.",
        |s| one(s.playbacks.confirmed),
    ),
    counter(
        "gostream_webhooks_total",
        "webhooks",
        "Webhooks about playback, by whether they meant an open film.",
        |s| each("outcome", s.webhooks),
    )
    .by("outcome: matched, unmatched, dropped"),
];
