//! A real HTTP and UDP tracker: Debian's opentracker, which serves only the torrents that it was told.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::process::Process;
use super::{free_port, wait};

/// A tracker on 127.0.0.1.
pub(crate) struct Tracker {
    port: u16,
    directory: TempDir,
    process: Process,
}

impl Tracker {
    /// Starts a tracker that knows no torrent yet.
    pub(crate) fn start() -> Self {
        let port = free_port();
        // It changes its root to this directory and its user to nobody.
        let directory = tempfile::Builder::new()
            .prefix("tracker")
            .tempdir()
            .unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(directory.path().join("allowed"), "").unwrap();
        let number = port.to_string();
        let mut command = Command::new("opentracker");
        command.args([
            "-i",
            "127.0.0.1",
            "-p",
            &number,
            "-P",
            &number,
            "-w",
            "allowed",
            "-d",
        ]);
        command.arg(directory.path());
        let process = Process::start("opentracker (./test installs it)", &mut command);
        wait::until("the tracker listens", Duration::from_secs(10), || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self {
            port,
            directory,
            process,
        }
    }

    /// The announce URL.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/announce", self.port)
    }

    /// The announce URL over UDP.
    pub(crate) fn udp_url(&self) -> String {
        format!("udp://127.0.0.1:{}/announce", self.port)
    }

    /// Serves a torrent, by its info hash in hex, from now on.
    pub(crate) fn allow(&self, info_hash: &str) {
        let list = self.directory.path().join("allowed");
        let mut text = fs::read_to_string(&list).unwrap();
        text.push_str(info_hash);
        text.push('\n');
        fs::write(&list, text).unwrap();
        let id = i32::try_from(self.process.id()).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::HUP).unwrap();
        let bytes: Vec<String> = (0..info_hash.len())
            .step_by(2)
            .map(|at| format!("%{}", &info_hash[at..at + 2]))
            .collect();
        // Only a real announce is checked against the list; the peer is taken out again.
        let announce = |event: &str| {
            let query = format!(
                "info_hash={}&peer_id=-XP0001-123456789012&port=9&uploaded=0&downloaded=0&left=1&compact=1{event}",
                bytes.concat()
            );
            get(self.port, &format!("/announce?{query}"))
        };
        let what = "the tracker serves the torrent";
        wait::until(what, Duration::from_secs(10), || {
            let answer = announce("");
            answer.contains("interval").then_some(())
        });
        announce("&event=stopped");
    }
}

fn get(port: u16, path: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: tracker\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
