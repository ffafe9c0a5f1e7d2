//! Debian's transmission-daemon. It never dials an address of 127/8 that a tracker named: others dial it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Encryption, place_data};
use super::process::Process;
use super::swarm::Torrent;
use super::{free_port, http, wait};

const LIMIT: Duration = Duration::from_secs(60);
/// What it says of a torrent that is seeded.
const SEEDING: u64 = 6;

/// A daemon with one torrent.
pub(crate) struct Transmission {
    /// Where it listens for peers.
    pub(crate) address: SocketAddr,
    rpc_port: u16,
    downloads: PathBuf,
    _process: Process,
    _directory: TempDir,
}

impl Transmission {
    pub(super) fn seeding(encryption: Encryption, torrent: &Torrent) -> Self {
        let daemon = Self::start(encryption);
        place_data(torrent, &daemon.downloads);
        daemon.add(torrent);
        wait::until("transmission seeds", LIMIT, || daemon.seeds().then_some(()));
        daemon
    }

    pub(super) fn leeching(encryption: Encryption, torrent: &Torrent) -> Self {
        let daemon = Self::start(encryption);
        daemon.add(torrent);
        daemon
    }

    fn start(encryption: Encryption) -> Self {
        let directory = tempfile::Builder::new().prefix("tr").tempdir().unwrap();
        let downloads = directory.path().join("downloads");
        std::fs::create_dir(&downloads).unwrap();
        let (rpc_port, peer_port) = (free_port(), free_port());
        let settings = json!({
            "rpc-bind-address": "127.0.0.1", "rpc-port": rpc_port,
            "rpc-whitelist-enabled": false, "rpc-host-whitelist-enabled": false,
            "rpc-authentication-required": false,
            "peer-port": peer_port, "bind-address-ipv4": "127.0.0.1",
            "encryption": if encryption == Encryption::Required { 2 } else { 0 },
            "dht-enabled": false, "pex-enabled": false, "lpd-enabled": false, "utp-enabled": false,
            "port-forwarding-enabled": false, "download-queue-enabled": false,
            "download-dir": downloads,
        });
        let path = directory.path().join("settings.json");
        std::fs::write(path, settings.to_string()).unwrap();
        let mut command = Command::new("transmission-daemon");
        command.arg("--foreground").arg("--config-dir");
        command.arg(directory.path());
        let process = Process::start("transmission-daemon (./test installs it)", &mut command);
        let daemon = Self {
            address: SocketAddr::from(([127, 0, 0, 1], peer_port)),
            rpc_port,
            downloads,
            _process: process,
            _directory: directory,
        };
        wait::until("transmission answers", LIMIT, || {
            daemon.call("session-get", &json!({}))
        });
        daemon
    }

    fn add(&self, torrent: &Torrent) {
        let bytes = std::fs::read(&torrent.path).unwrap();
        let metainfo = data_encoding::BASE64.encode(&bytes);
        let arguments = json!({
            "metainfo": metainfo, "download-dir": self.downloads, "paused": false,
        });
        self.call("torrent-add", &arguments).unwrap();
    }

    fn seeds(&self) -> bool {
        self.torrent("status") == Some(SEEDING)
    }

    pub(super) fn verified_bytes(&self) -> u64 {
        self.torrent("haveValid").unwrap_or(0)
    }

    /// One figure of the torrent.
    fn torrent(&self, field: &str) -> Option<u64> {
        let answer = self.call("torrent-get", &json!({"fields": [field]}))?;
        answer["torrents"][0][field].as_u64()
    }

    /// One call of its remote control; the arguments of the answer.
    fn call(&self, method: &str, arguments: &Value) -> Option<Value> {
        let body = json!({"method": method, "arguments": arguments}).to_string();
        let path = "/transmission/rpc";
        let first = http::request(self.rpc_port, "POST", path, &[], body.as_bytes())?;
        // It wants its own token back, against requests that a web page forges.
        let name = "X-Transmission-Session-Id";
        let token = first.header(name)?.to_owned();
        let headers = [(name, &*token)];
        let answer = http::request(self.rpc_port, "POST", path, &headers, body.as_bytes())?;
        let answer: Value = serde_json::from_str(&answer.body).ok()?;
        assert_eq!(answer["result"], "success", "{method}: {answer}");
        Some(answer["arguments"].clone())
    }
}
