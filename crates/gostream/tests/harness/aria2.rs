//! Debian's aria2. It speaks TCP only.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Encryption, place_data};
use super::process::Process;
use super::swarm::Torrent;
use super::{free_port, http, wait};

/// A process with one torrent.
pub(crate) struct Aria2 {
    /// Where it listens for peers.
    pub(crate) address: SocketAddr,
    rpc_port: u16,
    _process: Process,
    _directory: TempDir,
}

impl Aria2 {
    pub(super) fn seeding(encryption: Encryption, torrent: &Torrent) -> Self {
        let directory = directory();
        place_data(torrent, directory.path());
        let options = ["--seed-ratio=0.0", "--bt-seed-unverified=true"];
        let torrent = torrent.path.to_str().unwrap();
        let client = Self::start(encryption, directory, &options, torrent);
        wait::until("aria2 listens", Duration::from_secs(20), || {
            TcpStream::connect(client.address).ok()
        });
        client
    }

    pub(super) fn leeching(encryption: Encryption, magnet: &str) -> Self {
        Self::start(encryption, directory(), &["--seed-time=0"], magnet)
    }

    fn start(encryption: Encryption, directory: TempDir, options: &[&str], what: &str) -> Self {
        let (port, rpc_port) = (free_port(), free_port());
        let mut command = Command::new("aria2c");
        command.args([
            "--no-conf=true",
            "--enable-dht=false",
            "--enable-dht6=false",
            "--bt-enable-lpd=false",
            "--enable-peer-exchange=false",
            "--disable-ipv6=true",
            "--file-allocation=none",
            "--summary-interval=0",
            "--allow-overwrite=true",
            "--follow-torrent=mem",
        ]);
        command.arg(format!("--listen-port={port}"));
        command
            .arg("--enable-rpc=true")
            .arg(format!("--rpc-listen-port={rpc_port}"));
        command.arg(format!("--dir={}", directory.path().display()));
        if encryption == Encryption::Required {
            command.arg("--bt-force-encryption=true");
        }
        command.args(options).arg(what);
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            rpc_port,
            _process: Process::start("aria2c (./test installs it)", &mut command),
            _directory: directory,
        }
    }

    pub(super) fn verified_bytes(&self) -> u64 {
        let ask = json!({"jsonrpc": "2.0", "id": "1", "method": "aria2.tellActive"}).to_string();
        let answer = http::request(self.rpc_port, "POST", "/jsonrpc", &[], ask.as_bytes());
        let answer = answer.and_then(|answer| serde_json::from_str(&answer.body).ok());
        let answer: Value = answer.unwrap_or_default();
        let download = &answer["result"][0];
        // Metadata is a download of its own, without a name.
        let length = |key: &str| download[key].as_str().and_then(|text| text.parse().ok());
        let (pieces, piece): (Option<&str>, Option<u64>) =
            (download["bitfield"].as_str(), length("pieceLength"));
        let Some((pieces, piece)) = pieces
            .zip(piece)
            .filter(|_| download["bittorrent"]["info"].is_object())
        else {
            return 0;
        };
        let digits = pieces.chars().filter_map(|digit| digit.to_digit(16));
        digits
            .map(|digit| u64::from(digit.count_ones()))
            .sum::<u64>()
            * piece
    }
}

fn directory() -> TempDir {
    tempfile::Builder::new().prefix("aria").tempdir().unwrap()
}
