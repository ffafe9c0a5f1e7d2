//! What every way of running needs: the lock, the database, the stub tree, the engine, the librarian.
//!
//! Must be built within a tokio runtime. Dropping it gives the lock back.

use std::io::Read as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gostorm::nat::NatConfig;
use gostorm::net::NetConfig;
use gostorm::{Engine, Retrackers};
use gostream_store::{StateLock, Store, StubTree};

use super::store::EngineStore;
use super::{backup, blocklist, descriptors, inode_map, library_folder};
use crate::cli::{Context, Failure};
use crate::config::{ByteSize, Config, Verification};
use crate::librarian::{Librarian, Shelf};
use crate::paths::Directories;
use crate::warm::Warm;

/// Bytes of trackers.txt that are read: ten times what a torrent can use.
const TRACKERS_LEN_MAX: u64 = 64 << 10;
/// Threads that hash pieces: one keeps up with any line of a small board, two with a LAN.
const HASH_THREADS_MAX: usize = 2;

/// The built parts.
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    pub(crate) librarian: Arc<Librarian>,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) warm: Arc<Warm>,
    /// How long a read may take in the swarm.
    pub(crate) read_deadline: Duration,
    pub(crate) store: Arc<Store>,
    _lock: StateLock,
}

impl Parts {
    /// Takes the lock and builds; `listen` is where peers may reach us, `nat` how a router is asked for a port.
    pub(crate) fn build(
        context: &Context,
        listen: Vec<SocketAddr>,
        nat: Option<NatConfig>,
    ) -> Result<Self, Failure> {
        let directories = &context.directories;
        let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
        let lock = StateLock::acquire(&directories.state).map_err(|error| failed(&error))?;
        library_folder::prepare(context)?;
        backup::take_waiting(directories)?;
        let store = Arc::new(Store::open(&directories.database()).map_err(|error| failed(&error))?);
        inode_map::take_over(&store, &directories.state, &directories.library);
        let config = gostorm::Config {
            listen,
            nat,
            ..engine_config(&context.config, directories)
        };
        let read_deadline = config.read_deadline;
        let warm = Arc::new(Warm::new(directories.warm(), context.config.warm));
        let engine = Engine::start(config, Arc::new(EngineStore::new(Arc::clone(&store))))
            .map_err(|error| failed(&error))?;
        let stubs = StubTree::new(&directories.library);
        let shelf = Arc::new(Shelf::new(stubs, Arc::clone(&store), Arc::clone(&warm)));
        let librarian = Librarian::new(
            engine.clone(),
            Arc::clone(&store),
            Arc::clone(&shelf),
            Arc::clone(&warm),
            &context.config.web.gostorm_url,
        );
        Ok(Self {
            engine,
            librarian: Arc::new(librarian),
            shelf,
            warm,
            read_deadline,
            store,
            _lock: lock,
        })
    }

    /// Ends the engine and writes what must last.
    pub(crate) async fn close(self) {
        self.engine.shutdown().await;
        let warm = self.warm;
        if let Err(panic) = tokio::task::spawn_blocking(move || warm.stop()).await {
            tracing::error!(%panic, "the warm cache did not end");
        }
        if let Err(error) = self.store.flush() {
            tracing::error!(%error, "the database did not take everything");
        }
    }
}

/// What the settings say of the engine, but for where it listens.
pub(super) fn engine_config(config: &Config, directories: &Directories) -> gostorm::Config {
    let engine = &config.engine;
    let (connections_max, half_open_max) =
        descriptors::fit(engine.connections_max, engine.half_open_max);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    gostorm::Config {
        net: NetConfig {
            bind: engine.bind.clone(),
            ssrf_mitigation: engine.ssrf_mitigation,
            ..NetConfig::default()
        },
        listen: Vec::new(),
        blocklist: blocklist::wanted(&config.blocklist, directories),
        discovery: engine.discovery.clone(),
        nat: None,
        budget_bytes: engine.read_ahead_budget.as_bytes(),
        connections_per_torrent: engine.connections_per_torrent,
        connections_max,
        half_open_max,
        timeouts: engine.timeouts,
        download_limit_per_torrent: engine.download_limit_per_torrent.map(ByteSize::as_bytes),
        upload_limit_per_torrent: engine.upload_limit_per_torrent.map(ByteSize::as_bytes),
        download_limit: engine.download_limit.map(ByteSize::as_bytes),
        upload_limit: if engine.upload_disabled {
            Some(0)
        } else {
            engine.upload_limit.map(ByteSize::as_bytes)
        },
        wakes_max: engine.wakes_at_a_time,
        read_deadline: read_deadline(engine.read_deadline),
        sleep_after: engine.disconnect_timeout,
        hash_threads: cores.min(HASH_THREADS_MAX),
        retrackers: Retrackers {
            extra: [
                engine.retrackers.extra.clone(),
                listed_trackers(directories),
            ]
            .concat(),
            ..engine.retrackers.clone()
        },
        policy: match engine.verification {
            Verification::Verified => gostorm::Policy::Verified,
            Verification::Responsive => gostorm::Policy::Responsive,
        },
        encryption: engine.encryption,
        utp: engine.utp,
    }
}

/// The lines of trackers.txt in the state directory; what is no URL among them the engine leaves out.
fn listed_trackers(directories: &Directories) -> Vec<String> {
    let file = directories.trackers();
    let mut text = String::new();
    let read = std::fs::File::open(&file)
        .and_then(|list| list.take(TRACKERS_LEN_MAX).read_to_string(&mut text));
    match read {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(file = %file.display(), %error, "the list of trackers cannot be read");
        }
        Ok(_) | Err(_) => {}
    }
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// The deadline of a read: below the kernel's own time-out for FUSE requests (Linux 6.15 and later), which
/// would otherwise take the whole mount down because of one slow read.
fn read_deadline(wanted: Duration) -> Duration {
    let kernel = gostream_fs::kernel::request_timeout();
    let deadline = below(kernel, wanted);
    if deadline < wanted {
        tracing::warn!(
            ?wanted,
            ?kernel,
            ?deadline,
            "read_deadline_seconds is lowered to stay below the kernel's time-out for FUSE requests"
        );
    }
    deadline
}

/// What is wanted, or three quarters of the kernel's time-out: the rest is for the way of the reply.
fn below(kernel: Option<Duration>, wanted: Duration) -> Duration {
    kernel.map_or(wanted, |kernel| wanted.min(kernel * 3 / 4))
}

/// Where peers reach us: the port of the settings, on IPv4 and IPv6. The engine leaves out what is not there.
pub(crate) fn listen_addresses(port: u16) -> Vec<SocketAddr> {
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    // A free port is chosen per socket: two families would get two ports.
    if port == 0 { vec![v4] } else { vec![v4, v6] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_fails_before_the_kernel_gives_up_the_mount() {
        let seconds = Duration::from_secs;
        let wanted = seconds(25);
        assert_eq!(below(None, wanted), wanted, "it never gives up");
        assert_eq!(below(Some(seconds(60)), wanted), wanted);
        assert_eq!(
            below(Some(seconds(33)), wanted),
            Duration::from_millis(24_750)
        );
        assert_eq!(below(Some(seconds(20)), wanted), seconds(15));
        assert_eq!(below(Some(seconds(1)), wanted), Duration::from_millis(750));
    }
}
