//! The server: mount, control socket, signals, and the way down.
//!
//! Start: lock, database, complete tree, engine, mount, socket, then `ready`. End, by SIGTERM, SIGINT or
//! because somebody unmounted: the socket stops, waiting reads fail, the mount goes, trackers hear that we
//! stop, the database is flushed.

mod watching;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gostream_fs::{Backing, FsConfig, Mounted, Publisher, SessionEnd, Unmounted};
use gostream_http::{ApiParts, ControlSocket, Events, LiveAccess, Torrents as ApiTorrents};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::watching::Watching;
use super::bans;
use super::films::MountedFilms;
use super::forwarding::nat_config;
use super::happenings;
use super::kept::Kept;
use super::monitor::MountPart;
use super::notify::{self, State};
use super::parts::{Parts, listen_addresses};
use super::settings::LiveSettings;
use super::source::{EngineSource, WebSource};
use super::torrents::{Backing as TorrentBacking, TorrentSettings, Torrents};
use super::web::WebPorts;
use crate::cli::{Context, Failure, output};
use crate::clock::now_unix;
use crate::librarian::Watcher;

/// How long those who have files open get to close them.
const UNMOUNT_GRACE: Duration = Duration::from_secs(2);
/// How long the end waits for a disk of the library that hangs.
const LIBRARY_GRACE: Duration = Duration::from_secs(2);

/// A running server.
pub(crate) struct Server {
    parts: Parts,
    mounted: Mounted,
    watcher: Watcher,
    watching: Watching,
    /// Ends the control socket and the web ports but that of the metrics.
    stop_ports: CancellationToken,
    socket: JoinHandle<()>,
    settings: LiveSettings,
    web: Vec<JoinHandle<()>>,
    web_greeting: Vec<String>,
    socket_path: PathBuf,
    ended: oneshot::Receiver<SessionEnd>,
    /// A client of the API may end the server.
    asked_to_stop: CancellationToken,
}

/// Runs the server until a signal comes or the mount is taken away.
pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|error| Failure::Failed(format!("cannot start the runtime: {error}")))?;
    let end = runtime.block_on(async {
        // Asked for first: a signal during the start is not lost.
        let signals = wait_for_signal()?;
        let reloads = signal(SignalKind::hangup()).map_err(cannot_catch)?;
        let mut server = Server::start(context)?;
        output::lines(server.greeting())?;
        notify::tell(State::Ready);
        let asked = server.asked_to_stop.clone();
        let settings = server.settings.clone();
        let mount = server.mount_point();
        let end = tokio::select! {
            () = asked.cancelled() => {
                tracing::info!("stopping: a client of the API asked for it");
                Ok(())
            }
            name = signals => {
                tracing::info!(signal = name, "stopping");
                Ok(())
            }
            end = server.mount_ended() => Err(Failure::Failed(end)),
            () = reload_at(reloads, settings) => Ok(()),
            () = notify::stay_alive(mount) => Ok(()),
        };
        notify::tell(State::Stopping);
        server.stop().await;
        end
    });
    // Threads that a disk holds end with the process.
    runtime.shutdown_timeout(LIBRARY_GRACE);
    end
}

/// Waits for SIGTERM or SIGINT; they are caught from this call on.
pub(crate) fn wait_for_signal() -> Result<impl Future<Output = &'static str>, Failure> {
    let mut term = signal(SignalKind::terminate()).map_err(cannot_catch)?;
    let mut int = signal(SignalKind::interrupt()).map_err(cannot_catch)?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
        }
    })
}

/// Hears of the end of a mount.
fn end_of(mounted: &Mounted) -> oneshot::Receiver<SessionEnd> {
    let (tell, ended) = oneshot::channel();
    mounted.on_end(|end| {
        // The server may have stopped waiting.
        let _ = tell.send(end.clone());
    });
    ended
}

/// What a preload fetches at most; less where the budget is small.
const PRELOAD_LEN: u64 = 20 << 20;

fn torrents(
    context: &Context,
    parts: &Parts,
    source: &Arc<EngineSource>,
    shown: Publisher,
    stop: &CancellationToken,
) -> Torrents {
    let engine = &context.config.engine;
    let settings = TorrentSettings {
        local_links: context.config.web.api_local_links,
        preload_len: PRELOAD_LEN.min(engine.read_ahead_budget.as_bytes() / 4),
    };
    let backing = TorrentBacking {
        engine: parts.engine.clone(),
        store: Arc::clone(&parts.store),
        warm: Arc::clone(&parts.warm),
        source: Arc::clone(source),
        shown,
        stop: stop.clone(),
    };
    Torrents::new(backing, settings)
}

fn cannot_catch(error: std::io::Error) -> Failure {
    Failure::Failed(format!("cannot catch signals: {error}"))
}

/// Reads the settings again at each SIGHUP.
async fn reload_at(mut hangups: Signal, settings: LiveSettings) {
    while hangups.recv().await.is_some() {
        notify::tell(State::Reloading);
        settings.reload().await;
        notify::tell(State::Ready);
    }
    // There are no more signals: the server goes on without.
    std::future::pending().await
}

/// What stands behind the versioned API.
fn api_parts(
    parts: &Parts,
    torrents: &Arc<Torrents>,
    settings: &LiveSettings,
    events: Events,
) -> ApiParts {
    ApiParts {
        library: Arc::<crate::librarian::Librarian>::clone(&parts.librarian),
        torrents: Some(ApiTorrents {
            service: Arc::<Torrents>::clone(torrents),
            looks: Arc::<Torrents>::clone(torrents),
        }),
        settings: Some(Arc::new(settings.clone())),
        state: Some(Arc::new(Kept::new(Arc::clone(&parts.store)))),
        events,
    }
}

impl Server {
    /// Starts everything; nothing is left behind when a step fails.
    pub(crate) fn start(context: &Context) -> Result<Self, Failure> {
        let parts = Parts::build(
            context,
            listen_addresses(context.config.engine.torrent_port),
            nat_config(&context.config.forwarding),
        )?;
        let socket_path = context.directories.control_socket();
        let control = ControlSocket::bind(&socket_path)?;
        let bans = bans::read(&context.directories)?;
        let access = LiveAccess::with_bans(context.config.web.access.clone(), bans);
        let mut web = WebPorts::bind(&context.config, &access)?;
        let web_greeting = web.greeting();
        let settings = LiveSettings::new(context, parts.engine.clone(), access);
        parts.warm.start(parts.read_deadline);
        let watching = Watching::start(context, &parts, &mut web, &settings);
        let source = &watching.source;
        let media: Arc<dyn gostream_fs::MediaSource> = Arc::<EngineSource>::clone(source);
        let backing = Backing {
            source: media,
            editor: Some(parts.librarian.editor()),
            inspector: Some(Arc::<EngineSource>::clone(source)),
        };
        let (tree, broken, watch) = parts.shelf.open()?;
        let mounted =
            gostream_fs::mount(fs_config(context), tree, backing, Arc::clone(&watching.fs));
        let mounted = mounted.map_err(|error| Failure::Failed(error.to_string()))?;
        source.set_mount(mounted.publisher(), mounted.events());
        parts.shelf.publish_to(mounted.publisher(), broken);
        parts
            .librarian
            .serving(mounted.point(), &context.directories.library);
        let rescan = context.config.fs.library_rescan;
        let watcher = Watcher::start(Arc::clone(&parts.shelf), watch, rescan)
            .map_err(|error| Failure::Failed(format!("cannot watch the library: {error}")))?;
        let ended = end_of(&mounted);
        watching.monitor.mounted(MountPart {
            point: mounted.point().to_owned(),
            shown: mounted.publisher(),
        });
        let stop_ports = CancellationToken::new();
        let films = WebSource(Arc::clone(source));
        let films = Arc::new(MountedFilms::new(Arc::new(films), mounted.publisher()));
        let asked_to_stop = CancellationToken::new();
        let shown = mounted.publisher();
        let torrents = torrents(context, &parts, source, shown, &asked_to_stop);
        let events = Events::new(u64::try_from(now_unix()).unwrap_or_default());
        happenings::tell(&parts.engine, &mounted.publisher(), &events, &stop_ports);
        settings.tell(events.clone());
        happenings::tell_of_viewers(&watching.open, mounted.publisher(), events.clone());
        let torrents = Arc::new(torrents);
        let api = api_parts(&parts, &torrents, &settings, events);
        let web = web.serve(films, torrents, api.clone(), &stop_ports);
        let api = gostream_http::router(api);
        let socket = tokio::spawn(control.serve(api, stop_ports.clone().cancelled_owned()));
        Ok(Self {
            parts,
            mounted,
            watcher,
            watching,
            stop_ports,
            socket,
            settings,
            web,
            web_greeting,
            socket_path,
            ended,
            asked_to_stop,
        })
    }

    /// What a user wants to know first, a line each; `ready` comes last.
    pub(crate) fn greeting(&self) -> Vec<String> {
        let mut lines = vec![
            format!("mount: {}", self.mounted.point().display()),
            format!("library: {}", self.parts.shelf.root().display()),
            format!("torrent port: {}", self.parts.engine.port()),
            format!("control: {}", self.socket_path.display()),
        ];
        lines.extend(self.web_greeting.iter().cloned());
        lines.push("ready".to_owned());
        lines
    }

    /// Waits until the mount is gone without our doing; says why.
    pub(crate) async fn mount_ended(&mut self) -> String {
        match (&mut self.ended).await {
            Ok(SessionEnd::Unmounted) => "the mount was taken off by somebody else".to_owned(),
            Ok(SessionEnd::Failed(why)) => format!("the file system failed: {why}"),
            Err(_) => "the file system's threads ended".to_owned(),
        }
    }

    /// The mount point.
    pub(crate) fn mount_point(&self) -> PathBuf {
        self.mounted.point().to_owned()
    }

    /// What can be asked of the library.
    pub(crate) fn control(&self) -> Arc<dyn gostream_http::LibraryControl> {
        Arc::<crate::librarian::Librarian>::clone(&self.parts.librarian)
    }

    /// The way down. Everything is tried; what fails is logged.
    pub(crate) async fn stop(self) {
        self.watching.monitor.stopping();
        self.stop_ports.cancel();
        let (mounted, watcher) = (self.mounted, self.watcher);
        let ended = tokio::task::spawn_blocking(move || drop(watcher));
        match tokio::time::timeout(LIBRARY_GRACE, ended).await {
            Ok(Ok(())) => {}
            Ok(Err(panic)) => tracing::error!(%panic, "the library's watcher did not end well"),
            Err(_) => {
                tracing::warn!("the disk of the library does not answer; nobody waits for it")
            }
        }
        let unmounted = tokio::task::spawn_blocking(move || mounted.unmount(UNMOUNT_GRACE)).await;
        match unmounted {
            Ok(Ok(Unmounted::Lazy)) => {
                tracing::warn!("somebody still had files open: the mount was taken off under them")
            }
            Ok(Ok(Unmounted::Clean | Unmounted::AlreadyGone)) => {}
            Ok(Err(error)) => tracing::error!(%error, "cannot unmount"),
            Err(panic) => tracing::error!(%panic, "cannot unmount"),
        }
        let watching = self.watching.stop();
        for task in self.web.into_iter().chain(watching) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a web port or the task of the webhooks ended badly");
            }
        }
        if let Err(error) = self.socket.await {
            tracing::error!(%error, "the control socket ended badly");
        }
        self.parts.close().await;
    }
}

fn fs_config(context: &Context) -> FsConfig {
    let fs = &context.config.fs;
    FsConfig {
        uid: fs.uid,
        gid: fs.gid,
        block_size: fs.block_size,
        attr_timeout: fs.attr_timeout,
        entry_timeout: fs.entry_timeout,
        negative_timeout: fs.negative_timeout,
        side_car_writes: fs.sidecar_writes,
        ..FsConfig::new(&context.directories.mount)
    }
}
