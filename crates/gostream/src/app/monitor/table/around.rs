//! Rows of what is around the engine: mount, library, warm cache, web ports, process.

use std::sync::atomic::Ordering::Relaxed;

use gostream_fs::FsMetrics;
use gostream_http::Sample;

use super::metric::{Metric, Number as _, counter, each, gauge, one};

pub(super) const MOUNT: &[Metric] = &[
    gauge(
        "gostream_mounted",
        "",
        "1 while the library is mounted.",
        |s| one(s.mounted),
    ),
    gauge(
        "gostream_library_films",
        "films",
        "Films that the mount shows.",
        |s| one(s.films),
    ),
    gauge(
        "gostream_library_tree_bytes",
        "bytes",
        "RAM that the tree of the mount takes.",
        |s| one(s.tree_bytes),
    ),
    gauge(
        "gostream_fs_handles_open",
        "handles",
        "Open handles of the mount.",
        |s| one(FsMetrics::get(&s.fs.open_handles)),
    ),
    gauge(
        "gostream_fs_reads_waiting",
        "reads",
        "Reads of the kernel that wait for their answer.",
        |s| one(FsMetrics::get(&s.fs.reads_waiting)),
    ),
    counter(
        "gostream_fs_operations_total",
        "operations",
        "What the kernel asked, by kind.",
        |s| {
            let fs = &s.fs;
            let counted = [
                ("lookup", &fs.lookups),
                ("readdir", &fs.readdirs),
                ("open", &fs.opens),
                ("read", &fs.reads),
                ("change", &fs.edits),
            ];
            each(
                "operation",
                counted.map(|(name, count)| (name, FsMetrics::get(count))),
            )
        },
    )
    .by("operation: lookup, readdir, open, read, change"),
    counter(
        "gostream_fs_failures_total",
        "operations",
        "Opens and reads of the mount that failed, by why.",
        |s| {
            let fs = &s.fs;
            let counted = [
                ("open", &fs.open_failures),
                ("timed_out", &fs.reads_timed_out),
                ("unavailable", &fs.reads_unavailable),
                ("shut_down", &fs.reads_shut_down),
                ("other", &fs.reads_failed),
            ];
            each(
                "reason",
                counted.map(|(name, count)| (name, FsMetrics::get(count))),
            )
        },
    )
    .by("reason: open, timed_out, unavailable, shut_down, other"),
    counter(
        "gostream_fs_read_bytes_total",
        "bytes",
        "Bytes of films that the kernel got.",
        |s| one(FsMetrics::get(&s.fs.read_bytes)),
    ),
    counter(
        "gostream_fs_invalidations_total",
        "ranges",
        "Ranges of cached pages that the kernel was told to drop.",
        |s| one(FsMetrics::get(&s.fs.invalidations)),
    ),
    counter(
        "gostream_fs_publishes_total",
        "trees",
        "Trees that the mount showed.",
        |s| one(FsMetrics::get(&s.fs.publishes)),
    ),
];

pub(super) const WARM: &[Metric] = &[
    gauge(
        "gostream_warm_titles",
        "titles",
        "Titles of which the warm cache has something; not there while it is off.",
        |s| {
            s.warm
                .map(|(usage, _)| one(usage.titles))
                .unwrap_or_default()
        },
    ),
    gauge(
        "gostream_warm_bytes",
        "bytes",
        "Bytes that it takes on the disk.",
        |s| {
            s.warm
                .map(|(usage, _)| one(usage.bytes))
                .unwrap_or_default()
        },
    ),
    counter(
        "gostream_warm_written_bytes_total",
        "bytes",
        "Bytes that it wrote.",
        |s| {
            s.warm
                .map(|(_, (written, _))| one(written))
                .unwrap_or_default()
        },
    ),
    counter(
        "gostream_warm_dropped_bytes_total",
        "bytes",
        "Bytes that it left out, since disk or queue were full.",
        |s| {
            s.warm
                .map(|(_, (_, dropped))| one(dropped))
                .unwrap_or_default()
        },
    ),
];

pub(super) const WEB: &[Metric] = &[
    gauge(
        "gostream_http_connections",
        "connections",
        "Open connections, by port.",
        |s| {
            let ports = s.web.iter();
            each(
                "port",
                ports.map(|(name, port)| (name, port.connections.load(Relaxed))),
            )
        },
    )
    .by("port: the name of the port"),
    counter(
        "gostream_http_responses_total",
        "responses",
        "Answers, by port and the first digit of their status.",
        |s| {
            let mut samples = Vec::new();
            for (name, port) in &s.web {
                for (class, count) in (1..).zip(&port.answers) {
                    let labels = vec![("port", (*name).to_owned()), ("code", format!("{class}xx"))];
                    samples.push(Sample::Number(labels, count.load(Relaxed).float()));
                }
            }
            samples
        },
    )
    .by("port; code: 1xx to 5xx"),
];

pub(super) const PROCESS: &[Metric] = &[
    gauge(
        "gostream_build_info",
        "",
        "Always 1; its label says which version runs.",
        |_| each("version", [(env!("CARGO_PKG_VERSION"), true)]),
    )
    .by("version"),
    counter(
        "process_cpu_seconds_total",
        "seconds",
        "CPU time of the process.",
        |s| one(s.process.cpu_seconds),
    ),
    gauge(
        "process_resident_memory_bytes",
        "bytes",
        "Memory that the process has resident.",
        |s| one(s.process.resident_bytes),
    ),
    gauge(
        "process_virtual_memory_bytes",
        "bytes",
        "Address space of the process.",
        |s| one(s.process.virtual_bytes),
    ),
    gauge(
        "process_threads",
        "threads",
        "Threads of the process.",
        |s| one(s.process.threads),
    ),
    gauge(
        "process_open_fds",
        "files",
        "Open files of the process.",
        |s| one(s.process.open_files),
    ),
    gauge(
        "process_start_time_seconds",
        "seconds",
        "When the process started, in seconds since 1970.",
        |s| one(s.process.start_seconds),
    ),
];
