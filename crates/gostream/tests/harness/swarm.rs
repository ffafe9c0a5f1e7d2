//! A torrent and those who share it: libtorrent seeders, and scripted peers with bad manners.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::process::Process;
use super::{media, python, tool, wait};

/// How long a tool may take to start, on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A .torrent made by libtorrent, and the data that it describes.
pub(crate) struct Torrent {
    /// The .torrent file.
    pub(crate) path: PathBuf,
    /// In hex.
    pub(crate) info_hash: String,
    /// With the trackers, without peers.
    pub(crate) magnet: String,
    /// The file or directory that is shared.
    pub(crate) data: PathBuf,
    _directory: TempDir,
}

impl Torrent {
    /// Makes a torrent of `data`; `arguments` are those of make_torrent.py.
    pub(crate) fn make(
        data: &Path,
        piece_len: u64,
        tracker: Option<&str>,
        arguments: &[&str],
    ) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("torrent")
            .tempdir()
            .unwrap();
        let path = directory.path().join("film.torrent");
        let mut command = Command::new(python());
        command.arg(tool("make_torrent.py")).arg(data);
        command.arg("--out").arg(&path);
        command.args(["--piece-size", &piece_len.to_string()]);
        if let Some(url) = tracker {
            command.args(["--tracker", url]);
        }
        let output = command.args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "make_torrent.py: {errors}");
        let made: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |key: &str| made[key].as_str().unwrap().to_owned();
        Self {
            info_hash: text("info_hash"),
            magnet: text("magnet"),
            path,
            data: data.to_owned(),
            _directory: directory,
        }
    }

    /// The magnet with peers to ask directly.
    pub(crate) fn magnet_of_peers(&self, peers: &[SocketAddr]) -> String {
        let hints: Vec<String> = peers.iter().map(|peer| format!("&x.pe={peer}")).collect();
        format!("{}{}", self.magnet, hints.concat())
    }

    fn directory_of_data(&self) -> &Path {
        self.data.parent().unwrap()
    }
}

/// The short film as a torrent that one seeder shares, as long as this lives.
pub(crate) struct SharedFilm {
    /// What the seeder has.
    pub(crate) original: PathBuf,
    pub(crate) torrent: Torrent,
    pub(crate) seeder: Peer,
}

impl SharedFilm {
    pub(crate) fn start() -> Self {
        let original = media::short_film();
        let torrent = Torrent::make(&original, 64 * 1024, None, &[]);
        let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
        Self {
            original,
            torrent,
            seeder,
        }
    }

    /// A link that leads to the seeder without a tracker.
    pub(crate) fn magnet(&self) -> String {
        self.torrent.magnet_of_peers(&[self.seeder.address])
    }
}

/// A sharing peer. It ends when it is dropped.
pub(crate) struct Peer {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    process: Process,
}

impl Peer {
    /// A libtorrent session at `ip` that has all data; `arguments` are those of seeder.py.
    pub(crate) fn seeder(torrent: &Torrent, ip: &str, arguments: &[&str]) -> Self {
        Self::start("seeder.py", torrent, ip, arguments)
    }

    /// A libtorrent session at `ip` that has nothing; `arguments` are those of taker.py.
    pub(crate) fn leecher(torrent: &Torrent, ip: &str, arguments: &[&str]) -> Self {
        Self::start("taker.py", torrent, ip, arguments)
    }

    /// A scripted peer at `ip`; `arguments` are those of corrupting_peer.py.
    pub(crate) fn scripted(torrent: &Torrent, ip: &str, arguments: &[&str]) -> Self {
        Self::start("corrupting_peer.py", torrent, ip, arguments)
    }

    /// A scripted peer at an address that was told before it listens.
    pub(crate) fn scripted_at(torrent: &Torrent, address: SocketAddr, arguments: &[&str]) -> Self {
        Self::start_at(
            "corrupting_peer.py",
            torrent,
            &address.to_string(),
            arguments,
        )
    }

    fn start(script: &str, torrent: &Torrent, ip: &str, arguments: &[&str]) -> Self {
        Self::start_at(script, torrent, &format!("{ip}:0"), arguments)
    }

    fn start_at(script: &str, torrent: &Torrent, listen: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(python());
        command.arg(tool(script));
        command.arg("--torrent").arg(&torrent.path);
        command.arg("--data").arg(torrent.directory_of_data());
        command.args(["--listen", listen]);
        command.args(arguments);
        let process = Process::start(script, &mut command);
        let ready: Value = serde_json::from_str(&process.line(START)).unwrap();
        let port = ready["port"].as_u64().unwrap();
        let ip = listen.rsplit_once(':').unwrap().0;
        let address = format!("{ip}:{port}").parse().unwrap();
        Self { address, process }
    }

    /// One of the figures that the tool counts.
    pub(crate) fn figure(&mut self, name: &str) -> u64 {
        self.process.tell("");
        let figures: Value = serde_json::from_str(&self.process.line(START)).unwrap();
        figures[name].as_u64().unwrap()
    }

    /// Has it stand still (SIGSTOP): its connections stay, and nothing comes.
    pub(crate) fn pause(&self) {
        self.process.signal(rustix::process::Signal::STOP);
        // The first thread that runs stops the others: on a busy machine they may serve for a while.
        wait::until("all threads stand still", START, || {
            let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id()));
            let stands_still = |thread: std::io::Result<std::fs::DirEntry>| {
                // One that has ended since does, too.
                let stat = std::fs::read_to_string(thread.unwrap().path().join("stat")).ok();
                // proc_pid_stat(5): the state follows the name, which is in parentheses.
                stat.is_none_or(|stat| stat.rsplit_once(") ").unwrap().1.starts_with('T'))
            };
            threads.unwrap().all(stands_still).then_some(())
        });
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.process.signal(rustix::process::Signal::CONT);
    }

    /// Ends it at once, without a goodbye.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait_end(&mut self, limit: Duration) {
        self.process.wait_end(limit);
    }
}
