//! Keys that neither upstream era has.

use std::time::Duration;

use gostorm::RetrackersMode;

use super::row::{
    PORTS, count, duration, int, limit, narrow, path, port, seconds, switch, text, texts,
};
use crate::config::{
    forwarding::PortForwarding,
    key::{Form, Key},
    units::Verification,
};

/// The table's range is 0 to 3.
const fn retrackers_mode(number: u64) -> RetrackersMode {
    match number {
        0 => RetrackersMode::Leave,
        1 => RetrackersMode::Add,
        2 => RetrackersMode::Remove,
        _more => RetrackersMode::Replace,
    }
}

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
    text(
        "bind_interface",
        "",
        Form::Interface,
        Some(|c, v| c.engine.bind = v.parse().ok()),
        "Interface (wg0) or address of the VPN: BitTorrent uses nothing else, and waits while it is gone.",
    ),
    switch(
        "ssrf_mitigation",
        true,
        Some(|c, on| c.engine.ssrf_mitigation = on),
        "Keep trackers and web seeds of a torrent from calling services of this machine and its network.",
    ),
    text(
        "port_forwarding",
        "auto",
        Form::OneOf(PortForwarding::NAMES),
        Some(|c, v| c.forwarding.by = PortForwarding::from_name(v).unwrap_or_default()),
        "How the router is asked to forward a port to us: auto tries PCP and NAT-PMP, then UPnP where bind_interface is not set.",
    ),
    seconds(
        "read_deadline_seconds",
        25.0,
        0.1..=600.0,
        Some(|c, s| c.engine.read_deadline = duration(s)),
        "A read that cannot be served within this time fails with an I/O error.",
    )
    .live(),
    seconds(
        "disconnect_timeout_seconds",
        60.0,
        0.0..=86400.0,
        Some(|c, s| c.engine.disconnect_timeout = duration(s)),
        "Time from the last close of a film until its torrent sleeps.",
    )
    .live()
    .or("TorrentDisconnectTimeout"),
    int(
        "connections_per_torrent",
        25,
        1..=1000,
        "peers",
        Some(|c, n| c.engine.connections_per_torrent = count(n)),
        "Most peers that one torrent dials; an eighth as many more may dial it.",
    )
    .live(),
    int(
        "connections_max",
        500,
        10..=20_000,
        "peers",
        Some(|c, n| c.engine.connections_max = count(n)),
        "Most peers of all torrents together; films that are read go first.",
    )
    .live(),
    int(
        "half_open_max",
        500,
        8..=5_000,
        "dials",
        Some(|c, n| c.engine.half_open_max = count(n)),
        "Most dials of all torrents that are under way; one torrent has 60 at most.",
    )
    .live(),
    seconds(
        "connect_timeout_seconds",
        5.0,
        0.5..=60.0,
        Some(|c, s| c.engine.timeouts.connect = duration(s)),
        "A peer that does not take a connection within this time is tried again later.",
    )
    .live(),
    seconds(
        "handshake_timeout_seconds",
        5.0,
        0.5..=60.0,
        Some(|c, s| c.engine.timeouts.handshake = duration(s)),
        "A connection whose handshake takes longer is closed, whoever made it.",
    )
    .live(),
    seconds(
        "idle_timeout_seconds",
        150.0,
        121.0..=3600.0,
        Some(|c, s| c.engine.timeouts.idle = duration(s)),
        "A peer that says nothing for so long is let go; honest ones may be silent for 120 s.",
    )
    .live(),
    text(
        "verification",
        "verified",
        Form::OneOf(Verification::NAMES),
        Some(|c, v| c.engine.verification = Verification::from_name(v).unwrap_or_default()),
        "Responsive starts films and seeks sooner with bytes that are checked a moment later, so a wrong one can be shown; verified never shows one.",
    )
    .live(),
    int(
        "upload_limit_kb",
        1024,
        0..=10_000_000,
        "KiB/s",
        Some(|c, n| c.engine.upload_limit = limit(n)),
        "What all torrents together send at most; 0 lifts the limit.",
    )
    .live()
    .or("UploadRateLimit"),
    int(
        "download_limit_kb",
        0,
        0..=10_000_000,
        "KiB/s",
        Some(|c, n| c.engine.download_limit = limit(n)),
        "What all torrents together receive at most; 0 lifts the limit.",
    )
    .live()
    .or("DownloadRateLimit"),
    int(
        "upload_limit_per_torrent_kb",
        0,
        0..=10_000_000,
        "KiB/s",
        Some(|c, n| c.engine.upload_limit_per_torrent = limit(n)),
        "What one torrent sends at most; 0 leaves it to upload_limit_kb.",
    )
    .live(),
    int(
        "download_limit_per_torrent_kb",
        0,
        0..=10_000_000,
        "KiB/s",
        Some(|c, n| c.engine.download_limit_per_torrent = limit(n)),
        "What one torrent receives at most; 0 leaves it to download_limit_kb.",
    )
    .live(),
    switch(
        "disable_upload",
        false,
        Some(|c, off| c.engine.upload_disabled = off),
        "Send nothing to other peers, which makes many of them refuse us as well.",
    )
    .live()
    .or("DisableUpload"),
    text(
        "blocklist_file",
        "",
        Form::Path,
        Some(|c, v| c.blocklist.file = path(v)),
        "A list of addresses to avoid that is kept by you; blocklist_url is then not asked.",
    )
    .live(),
    int(
        "blocklist_refresh_hours",
        24,
        1..=8760,
        "h",
        Some(|c, n| c.blocklist.refresh = Duration::from_secs(n * 3600)),
        "Time from one download of the list at blocklist_url to the next.",
    )
    .live(),
    switch(
        "blocklist_required",
        false,
        Some(|c, on| c.blocklist.required = on),
        "While there is no list, connect to nobody outside the home network.",
    )
    .live(),
    switch(
        "warm_cache",
        true,
        Some(|c, on| c.warm.enabled = on),
        "Keep on the disk what scanners read of films, and beginning and end of those played; off writes nothing of a film and deletes what was kept.",
    )
    .or("UseDisk"),
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
    int(
        "retrackers_mode",
        1,
        0..=3,
        "",
        Some(|c, n| c.engine.retrackers.mode = retrackers_mode(n)),
        "What is done about the trackers of a public torrent: 0 leaves them, 1 adds the default ones, 2 asks none of them, 3 asks the default ones instead.",
    )
    .live()
    .or("RetrackersMode"),
    texts(
        "default_trackers",
        |c, urls| c.engine.retrackers.defaults = urls,
        "URLs of the default trackers (udp, http, https).",
    )
    .live(),
    texts(
        "extra_trackers",
        |c, urls| c.engine.retrackers.extra = urls,
        "URLs of trackers that are asked for every public torrent, as are those in trackers.txt in the state directory.",
    )
    .live(),
    switch(
        "allow_sidecar_writes",
        false,
        Some(|c, on| c.fs.sidecar_writes = on),
        "Let media servers write, replace and delete side-cars (.nfo, subtitles, images) in the mount; films are never written.",
    ),
    seconds(
        "library_rescan_seconds",
        60.0,
        1.0..=86400.0,
        Some(|c, s| c.fs.library_rescan = duration(s)),
        "How often the library is looked through where the kernel does not tell of changes: network file systems, or more folders than fs.inotify.max_user_watches.",
    ),
];
