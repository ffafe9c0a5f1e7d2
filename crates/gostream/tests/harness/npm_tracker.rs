//! npm's bittorrent-tracker: HTTP and UDP, with short intervals, and it tells who announces what.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::process::Process;
use super::{free_port, tool};

/// How long an event may be waited for: an interval and a busy machine.
const EVENT: Duration = Duration::from_secs(60);

/// A tracker on 127.0.0.1 that serves every torrent.
pub(crate) struct NpmTracker {
    port: u16,
    process: Process,
}

impl NpmTracker {
    /// Starts one whose peers shall announce every so many seconds.
    pub(crate) fn start(interval_seconds: u32) -> Self {
        let port = free_port();
        let mut command = Command::new("node");
        command.arg(tool("tracker.mjs")).arg(server_file());
        command.args([port.to_string(), interval_seconds.to_string()]);
        let process = Process::start("tracker.mjs (./test installs it)", &mut command);
        assert_eq!(process.line(EVENT), "ready");
        Self { port, process }
    }

    /// Where to announce over UDP.
    pub(crate) fn udp_url(&self) -> String {
        format!("udp://127.0.0.1:{}/announce", self.port)
    }

    /// Where to announce over HTTP.
    pub(crate) fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}/announce", self.port)
    }

    /// Waits until a peer at 127.0.0.1 announced with this event; the port that it gave. What other peers say before is
    /// passed over.
    pub(crate) fn next(&mut self, event: &str) -> u16 {
        loop {
            let heard: Value = serde_json::from_str(&self.process.line(EVENT)).unwrap();
            let peer: SocketAddr = heard["peer"].as_str().unwrap().parse().unwrap();
            if heard["event"] == event && peer.ip() == Ipv4Addr::LOCALHOST {
                return peer.port();
            }
        }
    }
}

/// Where `./test` puts it.
fn server_file() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    let path = cache.join("gostream-test/node/node_modules/bittorrent-tracker/server.js");
    let missing = "is missing: run ./test once, which installs it";
    assert!(path.exists(), "{} {missing}", path.display());
    path
}
