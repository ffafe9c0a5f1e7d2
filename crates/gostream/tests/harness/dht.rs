//! A DHT of libtorrent nodes on loopback, all in one process.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::process::Process;
use super::swarm::Torrent;
use super::{python, tool};

/// How long the nodes may take to get to know each other, or to answer.
const START: Duration = Duration::from_secs(60);

/// The network. It ends when it is dropped.
pub(crate) struct DhtNetwork {
    /// The UDP port of a node of it, on 127.0.0.1.
    pub(crate) entry: u16,
    process: Process,
}

impl DhtNetwork {
    /// Twenty nodes; the last seeds `torrents`, whose data lie in one directory, for whoever finds it through the DHT.
    pub(crate) fn start(torrents: &[&Torrent]) -> Self {
        let mut command = Command::new(python());
        command.arg(tool("dht_network.py")).args(["--nodes", "20"]);
        for torrent in torrents {
            command.arg("--torrent").arg(&torrent.path);
        }
        command
            .arg("--data")
            .arg(torrents[0].data.parent().unwrap());
        let process = Process::start("dht_network.py", &mut command);
        let ready: Value = serde_json::from_str(&process.line(START)).unwrap();
        let entry = u16::try_from(ready["port"].as_u64().unwrap()).unwrap();
        Self { entry, process }
    }

    /// One command of the tool, and its figures.
    pub(crate) fn tell(&mut self, command: &str) -> Value {
        self.process.tell(command);
        serde_json::from_str(&self.process.line(START)).unwrap()
    }
}
