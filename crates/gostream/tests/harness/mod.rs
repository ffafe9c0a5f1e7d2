//! Real things for tests: the built server, real peers, a real tracker, real films.
//!
//! Everything listens on loopback, on ports that were free; everything ends in `Drop`, by its own
//! process id. Waiting is always `wait::until`: a condition and a deadline. A tool that is missing
//! fails the test with the command that installs it.

pub(crate) mod aria2;
pub(crate) mod cli;
pub(crate) mod client;
pub(crate) mod content;
pub(crate) mod dht;
pub(crate) mod events;
pub(crate) mod frozen;
pub(crate) mod http;
pub(crate) mod media;
pub(crate) mod mounts;
pub(crate) mod netns;
pub(crate) mod nginx;
pub(crate) mod npm_tracker;
pub(crate) mod process;
pub(crate) mod qbittorrent;
pub(crate) mod router;
pub(crate) mod server;
pub(crate) mod shared;
pub(crate) mod smbd;
pub(crate) mod stubs;
pub(crate) mod swarm;
pub(crate) mod tmpfs;
pub(crate) mod tracker;
pub(crate) mod transmission;
pub(crate) mod wait;
pub(crate) mod wire;

use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.join("../..").canonicalize().unwrap()
}

/// The Python that has the packages of the test tools.
pub(crate) fn python() -> PathBuf {
    let python = workspace().join(".venv/bin/python");
    assert!(
        python.exists(),
        "{} is missing: run ./test once, which installs it",
        python.display()
    );
    python
}

/// A script of `tests/tools`.
pub(crate) fn tool(name: &str) -> PathBuf {
    let path = workspace().join("tests/tools").join(name);
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// Below those that the system gives to outgoing connections (ip(7), ip_local_port_range), so that none takes it before
/// who asked for it listens.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// A TCP port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let free = std::iter::repeat_with(|| rand::random_range(PORTS));
    let mut free = free.filter(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok());
    free.next().unwrap()
}
