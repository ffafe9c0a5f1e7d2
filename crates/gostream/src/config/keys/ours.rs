//! Keys that neither upstream era has.

use super::row::{
    PORTS, count, duration, int, limit, list, narrow, path, port, seconds, switch, text,
};
use crate::config::{
    key::{Form, Key},
    units::Verification,
};

/// The rows.
pub(super) const KEYS: &[Key] = &[
    text(
        "data_dir",
        "",
        Form::Path,
        Some(|c, v| c.directories.data = path(v)),
        "Directory that holds library, mount and state unless these are named; --data-dir wins over it.",
    ),
    text(
        "state_dir",
        "",
        Form::Path,
        Some(|c, v| c.directories.state = path(v)),
        "Directory of the database, the lock and the control socket.",
    ),
    int(
        "torrent_port",
        8091,
        PORTS,
        "",
        Some(|c, n| c.engine.torrent_port = port(n)),
        "TCP port for incoming BitTorrent peers; 0 takes any free one.",
    ),
    seconds(
        "read_deadline_seconds",
        25.0,
        0.1..=600.0,
        Some(|c, s| c.engine.read_deadline = duration(s)),
        "A read that cannot be served within this time fails with an I/O error.",
    ),
    seconds(
        "disconnect_timeout_seconds",
        60.0,
        0.0..=86400.0,
        Some(|c, s| c.engine.disconnect_timeout = duration(s)),
        "Time from the last close of a film until its torrent sleeps.",
    )
    .or("TorrentDisconnectTimeout"),
    int(
        "connections_per_torrent",
        25,
        1..=1000,
        "peers",
        Some(|c, n| c.engine.connections_per_torrent = count(n)),
        "Most peers that one torrent dials; an eighth as many more may dial it.",
    ),
    text(
        "verification",
        "verified",
        Form::OneOf(Verification::NAMES),
        Some(|c, v| c.engine.verification = Verification::from_name(v).unwrap_or_default()),
        "Responsive starts films and seeks sooner with bytes that are checked a moment later, so a wrong one can be shown; verified never shows one.",
    ),
    int(
        "upload_limit_kb",
        1024,
        0..=10_000_000,
        "KiB/s",
        Some(|c, n| c.engine.upload_limit = limit(n)),
        "What all torrents together send at most; 0 lifts the limit.",
    )
    .or("UploadRateLimit"),
    int(
        "download_limit_kb",
        0,
        0..=10_000_000,
        "KiB/s",
        Some(|c, n| c.engine.download_limit = limit(n)),
        "What all torrents together receive at most; 0 lifts the limit.",
    )
    .or("DownloadRateLimit"),
    switch(
        "disable_upload",
        false,
        Some(|c, off| c.engine.upload_disabled = off),
        "Send nothing to other peers, which makes many of them refuse us as well.",
    )
    .or("DisableUpload"),
    int(
        "uid",
        1000,
        0..=4_294_967_295,
        "",
        Some(|c, n| c.fs.uid = narrow(n)),
        "Owner that films show in the mount.",
    ),
    int(
        "gid",
        1000,
        0..=4_294_967_295,
        "",
        Some(|c, n| c.fs.gid = narrow(n)),
        "Group that films show in the mount.",
    ),
    list(
        "listen",
        &["loopback", "private"],
        "Addresses and ranges that the web ports serve.",
    ),
    list(
        "cors_origins",
        &[],
        "Web origins that may call the web ports from a browser.",
    ),
];
