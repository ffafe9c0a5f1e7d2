//! The typed settings, by the part that uses them.
//!
//! Made by [`Config::default`] (in `keys`, from the table) and changed by the
//! setters of the table. Every value is within the range that the table
//! states; units are in the types.

use std::{path::PathBuf, time::Duration};

use super::units::{ByteSize, LogLevel, Verification};

/// All settings that have an effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where things are kept, as far as it was said.
    pub directories: DirectorySettings,
    /// The BitTorrent engine.
    pub engine: EngineSettings,
    /// The file system.
    pub fs: FsSettings,
    /// Ports and addresses of the web interfaces.
    pub web: WebSettings,
    /// How much is logged.
    pub log_level: LogLevel,
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
    /// `verification`: whether bytes may be served before their piece is verified.
    pub verification: Verification,
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
}

/// Settings of the web interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSettings {
    /// `gostorm_url`: base URL written into stubs; its port is the API's.
    pub gostorm_url: String,
    /// `proxy_listen_port`: the proxy's port.
    pub proxy_port: u16,
    /// `metrics_port`: port of metrics and control panel.
    pub metrics_port: u16,
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
            },
            engine: EngineSettings {
                read_ahead_budget: ByteSize::bytes(0),
                read_deadline: Duration::ZERO,
                disconnect_timeout: Duration::ZERO,
                connections_per_torrent: 0,
                download_limit: None,
                upload_limit: None,
                upload_disabled: false,
                wakes_at_a_time: 0,
                torrent_port: 0,
                verification: Verification::Verified,
            },
            fs: FsSettings {
                uid: 0,
                gid: 0,
                block_size: 0,
                attr_timeout: Duration::ZERO,
                entry_timeout: Duration::ZERO,
                negative_timeout: Duration::ZERO,
            },
            web: WebSettings {
                gostorm_url: String::new(),
                proxy_port: 0,
                metrics_port: 0,
            },
            log_level: LogLevel::Info,
        }
    }
}
