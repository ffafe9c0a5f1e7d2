//! The typed settings, by the part that uses them.
//!
//! Made by [`Config::default`] (in `values`, from the table) and changed by the
//! setters of the table. Every value is within the range that the table
//! states; units are in the types.

use std::{path::PathBuf, time::Duration};

use gostorm::DiscoveryConfig;
use gostorm::net::Bind;
use gostorm::{Encrypt, Encryption, Methods, Timeouts};
use gostream_http::Access;
use url::Url;

use super::forwarding::ForwardingSettings;
use super::plex::PlexSettings;
use gostorm::{Retrackers, RetrackersMode};

use super::units::{ByteSize, LogFormat, LogLevel, Verification};

/// All settings that have an effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where things are kept, as far as it was said.
    pub directories: DirectorySettings,
    /// The BitTorrent engine.
    pub engine: EngineSettings,
    /// The port at a router or VPN gateway.
    pub forwarding: ForwardingSettings,
    /// Whom the engine does not connect to.
    pub blocklist: BlocklistSettings,
    /// The file system.
    pub fs: FsSettings,
    /// The warm cache.
    pub warm: WarmSettings,
    /// Ports and addresses of the web interfaces.
    pub web: WebSettings,
    /// The Plex server that is asked what its webhooks mean.
    pub plex: PlexSettings,
    /// How much is logged.
    pub log_level: LogLevel,
    /// How it looks, and how much of it is kept.
    pub log: LogSettings,
}

/// Settings of the log but its level, which is live, and its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// `log_format`: for people or for programs.
    pub format: LogFormat,
    /// `log_files`: files at most.
    pub files: usize,
    /// `log_file_max_mb`: the longest one.
    pub file_max: ByteSize,
}

impl LogSettings {
    const fn blank() -> Self {
        Self {
            format: LogFormat::Text,
            files: 0,
            file_max: ByteSize::bytes(0),
        }
    }
}

/// Directories that the settings name; `crate::paths` fills in the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DirectorySettings {
    /// `data_dir`: holds library, mount and state unless these are given.
    pub data: Option<PathBuf>,
    /// `state_dir`: database, lock and control socket.
    pub state: Option<PathBuf>,
    /// `physical_source_path`: the stub tree.
    pub library: Option<PathBuf>,
    /// `fuse_mount_path`: the mount point.
    pub mount: Option<PathBuf>,
    /// `log_dir`: the files of the log.
    pub logs: Option<PathBuf>,
}

/// Settings of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    /// `read_ahead_budget_mb`: RAM for piece buffers of all files together.
    pub read_ahead_budget: ByteSize,
    /// `read_deadline_seconds`: a read that takes longer fails with EIO.
    pub read_deadline: Duration,
    /// `disconnect_timeout_seconds`: from the last close to sleep.
    pub disconnect_timeout: Duration,
    /// `connections_per_torrent`: peers of one torrent at most.
    pub connections_per_torrent: usize,
    /// `connections_max`: peers of all torrents at most.
    pub connections_max: usize,
    /// `half_open_max`: dials under way at most.
    pub half_open_max: usize,
    /// `connect_timeout_seconds`, `handshake_timeout_seconds`, `idle_timeout_seconds`.
    pub timeouts: Timeouts,
    /// `download_limit_per_torrent_kb`: what one torrent may receive in a second; `None`: no limit of its own.
    pub download_limit_per_torrent: Option<ByteSize>,
    /// `upload_limit_per_torrent_kb`: what one torrent may send in a second; `None`: no limit of its own.
    pub upload_limit_per_torrent: Option<ByteSize>,
    /// `download_limit_kb`: what all torrents together may receive in a second; `None`: no limit.
    pub download_limit: Option<ByteSize>,
    /// `upload_limit_kb`: what all torrents together may send in a second; `None`: no limit.
    pub upload_limit: Option<ByteSize>,
    /// `disable_upload`: nothing is sent.
    pub upload_disabled: bool,
    /// `master_concurrency_limit`: torrents that may wake at the same time.
    pub wakes_at_a_time: usize,
    /// `torrent_port`: TCP port for incoming peers; 0 = any free one.
    pub torrent_port: u16,
    /// `bind_interface`: what every BitTorrent socket is bound to; `None`: nothing in particular.
    pub bind: Option<Bind>,
    /// `ssrf_mitigation`: whether requests that a torrent causes are kept from local services.
    pub ssrf_mitigation: bool,
    /// `dht` and the keys that go with it: how peers are found beside trackers.
    pub discovery: DiscoveryConfig,
    /// `retrackers_mode`, `default_trackers`, `extra_trackers`: what is done about trackers.
    pub retrackers: Retrackers,
    /// `verification`: whether bytes may be served before their piece is verified.
    pub verification: Verification,
    /// `encryption_outgoing`, `encryption_incoming`, `encryption_level`: whether connections of peers are encrypted.
    pub encryption: Encryption,
    /// `utp`: peers are reached over uTP as well.
    pub utp: bool,
}

/// Settings of the blocklist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlocklistSettings {
    /// `blocklist_enabled`: whether there is one.
    pub enabled: bool,
    /// `blocklist_file`: a file that the user keeps; wins over the URL.
    pub file: Option<PathBuf>,
    /// `blocklist_url`: where it is downloaded.
    pub url: Option<Url>,
    /// `blocklist_refresh_hours`: from one download to the next.
    pub refresh: Duration,
    /// `blocklist_required`: nobody is connected to before it is there.
    pub required: bool,
}

impl BlocklistSettings {
    const fn blank() -> Self {
        Self {
            enabled: false,
            file: None,
            url: None,
            refresh: Duration::ZERO,
            required: false,
        }
    }
}

/// Settings of the file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsSettings {
    /// `uid`: owner that films show.
    pub uid: u32,
    /// `gid`: group that films show.
    pub gid: u32,
    /// `fuse_block_size_bytes`: `st_blksize` that films show, in bytes.
    pub block_size: u32,
    /// `attr_timeout_seconds`: how long the kernel may keep attributes.
    pub attr_timeout: Duration,
    /// `entry_timeout_seconds`: how long the kernel may keep names.
    pub entry_timeout: Duration,
    /// `negative_timeout_seconds`: how long it may keep that a name is absent.
    pub negative_timeout: Duration,
    /// `allow_sidecar_writes`: whether side-cars may be written in the mount.
    pub sidecar_writes: bool,
    /// `library_rescan_seconds`: how often the stub tree is looked through where changes cannot be heard.
    pub library_rescan: Duration,
}

/// Settings of the warm cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarmSettings {
    /// `warm_cache`: whether bytes of films are kept on the disk.
    pub enabled: bool,
    /// `disk_warmup_quota_gb`: how many at most.
    pub quota: ByteSize,
    /// `warmup_head_size_mb`: the beginning of each played film that is kept.
    pub head: ByteSize,
}

impl WarmSettings {
    const fn blank() -> Self {
        Self {
            enabled: false,
            quota: ByteSize::bytes(0),
            head: ByteSize::bytes(0),
        }
    }
}

/// Settings of the web interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSettings {
    /// `gostorm_url`: base URL written into stubs; its port is the API's.
    pub gostorm_url: String,
    /// `api_listen_port`: the port of the API.
    pub api_port: u16,
    /// `api_local_links`: links that clients of the API bring may lead to this machine and its network.
    pub api_local_links: bool,
    /// `proxy_listen_port`: the proxy's port.
    pub proxy_port: u16,
    /// `metrics_port`: port of metrics and control panel.
    pub metrics_port: u16,
    /// `listen`, `web_user`, `web_password`, `web_token`, `webhook_key`: who may use the ports.
    pub access: Access,
}

impl WebSettings {
    const fn blank() -> Self {
        Self {
            gostorm_url: String::new(),
            api_port: 0,
            api_local_links: false,
            proxy_port: 0,
            metrics_port: 0,
            access: Access::nobody(),
        }
    }
}

impl Config {
    /// Nothing set: where the table's defaults are applied.
    pub(super) const fn blank() -> Self {
        Self {
            directories: DirectorySettings {
                data: None,
                state: None,
                library: None,
                mount: None,
                logs: None,
            },
            engine: EngineSettings {
                read_ahead_budget: ByteSize::bytes(0),
                read_deadline: Duration::ZERO,
                disconnect_timeout: Duration::ZERO,
                connections_per_torrent: 0,
                connections_max: 0,
                half_open_max: 0,
                timeouts: Timeouts {
                    connect: Duration::ZERO,
                    handshake: Duration::ZERO,
                    idle: Duration::ZERO,
                },
                download_limit_per_torrent: None,
                upload_limit_per_torrent: None,
                download_limit: None,
                upload_limit: None,
                upload_disabled: false,
                wakes_at_a_time: 0,
                torrent_port: 0,
                bind: None,
                ssrf_mitigation: false,
                discovery: DiscoveryConfig {
                    dht: false,
                    dht_port: 0,
                    dht_bootstrap: Vec::new(),
                    lsd: false,
                },
                retrackers: Retrackers {
                    mode: RetrackersMode::Leave,
                    defaults: Vec::new(),
                    extra: Vec::new(),
                },
                verification: Verification::Verified,
                encryption: Encryption {
                    outgoing: Encrypt::Prefer,
                    incoming: Encrypt::Prefer,
                    methods: Methods::Both,
                },
                utp: false,
            },
            forwarding: ForwardingSettings::blank(),
            blocklist: BlocklistSettings::blank(),
            fs: FsSettings {
                uid: 0,
                gid: 0,
                block_size: 0,
                attr_timeout: Duration::ZERO,
                entry_timeout: Duration::ZERO,
                negative_timeout: Duration::ZERO,
                sidecar_writes: false,
                library_rescan: Duration::ZERO,
            },
            warm: WarmSettings::blank(),
            web: WebSettings::blank(),
            plex: PlexSettings::blank(),
            log_level: LogLevel::Info,
            log: LogSettings::blank(),
        }
    }
}
