//! Debian's qbittorrent-nox: libtorrent with the settings that people use.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::client::{Encryption, place_data};
use super::process::Process;
use super::swarm::Torrent;
use super::{free_port, http, wait};

const LIMIT: Duration = Duration::from_secs(60);
/// Separates the fields of a form.
const BOUNDARY: &str = "gostream-test-boundary";

/// A process with one torrent.
pub(crate) struct Qbittorrent {
    /// Where it listens for peers.
    pub(crate) address: SocketAddr,
    web_port: u16,
    downloads: PathBuf,
    _process: Process,
    _directory: TempDir,
}

impl Qbittorrent {
    pub(super) fn seeding(encryption: Encryption, torrent: &Torrent) -> Self {
        let client = Self::start(encryption);
        place_data(torrent, &client.downloads);
        let bytes = std::fs::read(&torrent.path).unwrap();
        client.add(&file_field(&bytes), true);
        wait::until("qbittorrent seeds", LIMIT, || client.seeds().then_some(()));
        client
    }

    pub(super) fn leeching(encryption: Encryption, magnet: &str) -> Self {
        let client = Self::start(encryption);
        client.add(&field("urls", magnet), false);
        client
    }

    fn start(encryption: Encryption) -> Self {
        let directory = tempfile::Builder::new().prefix("qb").tempdir().unwrap();
        let downloads = directory.path().join("downloads");
        let config = directory.path().join("qBittorrent/config");
        std::fs::create_dir(&downloads).unwrap();
        std::fs::create_dir_all(&config).unwrap();
        let (web_port, peer_port) = (free_port(), free_port());
        let encryption = u8::from(encryption == Encryption::Required);
        let settings = format!(
            "[LegalNotice]\nAccepted=true\n\
             [Preferences]\nWebUI\\Address=127.0.0.1\nWebUI\\Port={web_port}\nWebUI\\LocalHostAuth=false\n\
             WebUI\\CSRFProtection=false\nWebUI\\HostHeaderValidation=false\nWebUI\\UseUPnP=false\n\
             [BitTorrent]\nSession\\Port={peer_port}\nSession\\Interface=lo\nSession\\InterfaceAddress=127.0.0.1\n\
             Session\\DHTEnabled=false\nSession\\LSDEnabled=false\nSession\\PeXEnabled=false\nSession\\Encryption={encryption}\n\
             Session\\BTProtocol=TCP\nSession\\MultiConnectionsPerIp=true\nSession\\QueueingSystemEnabled=false\n\
             Session\\SSRFMitigation=false\n[Network]\nPortForwardingEnabled=false\n"
        );
        std::fs::write(config.join("qBittorrent.conf"), settings).unwrap();
        let mut command = Command::new("qbittorrent-nox");
        command.arg(format!("--profile={}", directory.path().display()));
        command.arg(format!("--webui-port={web_port}"));
        // Its caches would land in the home of whoever runs the test.
        command.env("HOME", directory.path());
        let process = Process::start("qbittorrent-nox (./test installs it)", &mut command);
        wait::until("qbittorrent answers", LIMIT, || {
            http::request(web_port, "GET", "/api/v2/app/version", &[], b"")
                .filter(|answer| answer.status == 200)
        });
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], peer_port)),
            web_port,
            downloads,
            _process: process,
            _directory: directory,
        }
    }

    fn add(&self, what: &[u8], has_data: bool) {
        let mut body = what.to_vec();
        body.extend(field("savepath", self.downloads.to_str().unwrap()));
        if has_data {
            body.extend(field("skip_checking", "true"));
        }
        body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let headers = [("Content-Type", &*kind)];
        let path = "/api/v2/torrents/add";
        let answer = http::request(self.web_port, "POST", path, &headers, &body).unwrap();
        assert_eq!((answer.status, &*answer.body), (200, "Ok."));
    }

    fn seeds(&self) -> bool {
        self.torrent()["state"] == "stalledUP"
    }

    pub(super) fn verified_bytes(&self) -> u64 {
        self.torrent()["completed"].as_u64().unwrap_or(0)
    }

    /// What it says of its torrent; nothing until it knows it.
    fn torrent(&self) -> Value {
        let path = "/api/v2/torrents/info";
        let answer = http::request(self.web_port, "GET", path, &[], b"").unwrap();
        let list: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        list[0].clone()
    }
}

fn field(name: &str, value: &str) -> Vec<u8> {
    format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        .into_bytes()
}

fn file_field(bytes: &[u8]) -> Vec<u8> {
    let mut field = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"torrents\"; filename=\"x.torrent\"\r\n\
         Content-Type: application/x-bittorrent\r\n\r\n"
    )
    .into_bytes();
    field.extend_from_slice(bytes);
    field.extend_from_slice(b"\r\n");
    field
}
