//! `gostream demo`: GoStream shown at work, without internet and without touching the user's library.
//!
//! A small film is made (`matroska`, `picture`, `ebml`), turned into a torrent (`share`) and seeded on loopback
//! over the real protocol (`seeder`, `conversation`). A server like any other, in a temporary directory, takes
//! the magnet; the film is played through its mount (`play`, `probe`) and the figures are printed (`figures`).
//! However it ends, by itself, by a failure or by a signal: nothing is left mounted, running or on disk.

mod conversation;
mod ebml;
mod figures;
mod matroska;
mod picture;
mod play;
mod probe;
mod seeder;
mod share;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use self::figures::{Figures, bytes_to_f64, peak_memory};
use self::seeder::Seeder;
use self::share::Share;
use crate::app::{Server, wait_for_signal};
use crate::cli::{Context, Failure, output};
use crate::config::{
    ByteSize, Config, DirectorySettings, EngineSettings, ForwardingSettings, PortForwarding,
    SettingsFile, WarmSettings, WebSettings,
};
use crate::paths::Directories;

/// How long the film plays: 60 MiB.
const FILM_SECONDS: u32 = 28;
/// The most read-ahead: a quarter of the film, so that it must be let go of as it is played.
const BUDGET_MAX: ByteSize = ByteSize::mib(16);

/// Runs the demonstration; with `keep`, serves on until a signal comes.
pub(crate) fn run(context: Context, keep: bool) -> Result<(), Failure> {
    let place = tempfile::Builder::new()
        .prefix("gostream-demo-")
        .tempdir()
        .map_err(|error| failed(format!("cannot make a temporary directory: {error}")))?;
    let context = context_in(place.path(), context);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(format!("cannot start the runtime: {error}")))?;
    let end = runtime.block_on(demonstrate(&context, place.path(), keep));
    // Waits for a player that was stopped, which has the mount open.
    drop(runtime);
    let removed = remove(place, &context.directories.mount);
    end.and(removed)
}

/// The same settings in a place of its own: no port and no directory of a running server.
fn context_in(place: &Path, context: Context) -> Context {
    let config = Config {
        directories: DirectorySettings::default(),
        // It meets nobody but itself.
        forwarding: ForwardingSettings {
            by: PortForwarding::Off,
            ..context.config.forwarding
        },
        engine: EngineSettings {
            torrent_port: 0,
            // Its seeders are on this machine, and nobody else is told of it.
            discovery: gostorm::DiscoveryConfig::default(),
            read_ahead_budget: context.config.engine.read_ahead_budget.min(BUDGET_MAX),
            ..context.config.engine
        },
        // What it shows is the swarm.
        warm: WarmSettings {
            enabled: false,
            ..context.config.warm
        },
        web: WebSettings {
            api_port: 0,
            proxy_port: 0,
            metrics_port: 0,
            ..context.config.web
        },
        ..context.config
    };
    Context {
        settings: SettingsFile::new(place.join("config.json"), Arc::new(|_| None)),
        config,
        directories: Directories {
            library: place.join("library"),
            mount: place.join("mount"),
            state: place.join("state"),
            logs: None,
        },
        ..context
    }
}

type Signal<'a> = Pin<&'a mut (dyn Future<Output = &'static str> + Send)>;

async fn demonstrate(context: &Context, place: &Path, keep: bool) -> Result<(), Failure> {
    // Asked for first: a signal during the start is not lost.
    let mut signal = pin!(wait_for_signal()?);
    let mut signal: Signal<'_> = signal.as_mut();
    let share = or_signal(&mut signal, make_share(place.to_owned())).await?;
    let seeder = Seeder::start(Arc::clone(&share))
        .map_err(|error| failed(format!("the seeder cannot listen on loopback: {error}")))?;
    let mut server = Server::start(context)?;
    let cancel = CancellationToken::new();
    let shown = show(context, &server, &share, &seeder, &cancel);
    let shown = or_signal(&mut signal, shown).await;
    cancel.cancel();
    let end = match shown {
        Ok(path) if keep => serve_on(&mut server, &path, signal).await,
        shown => shown.map(|_| ()),
    };
    server.stop().await;
    end
}

/// Does the work unless a signal comes first.
async fn or_signal<T>(
    signal: &mut Signal<'_>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        result = work => result,
        name = signal.as_mut() => Err(failed(format!("stopped by {name}"))),
    }
}

async fn make_share(place: PathBuf) -> Result<Arc<Share>, Failure> {
    let made = tokio::task::spawn_blocking(move || Share::make(&place, FILM_SECONDS)).await;
    match made {
        Ok(share) => share
            .map(Arc::new)
            .map_err(|error| failed(error.to_string())),
        Err(error) => Err(failed(format!("the film was not made: {error}"))),
    }
}

/// The demonstration itself; the path of the film in the mount.
async fn show(
    context: &Context,
    server: &Server,
    share: &Arc<Share>,
    seeder: &Seeder,
    cancel: &CancellationToken,
) -> Result<PathBuf, Failure> {
    let length = share.length();
    let mount = server.mount_point();
    let magnet = play::magnet(share, seeder);
    let mebibytes = bytes_to_f64(length) / f64::from(1 << 20);
    output::line(format!(
        "A film of {mebibytes:.0} MiB is seeded on {}",
        seeder.address()
    ))?;
    output::line(format!("magnet: {magnet}"))?;
    output::line(format!("mount: {}", mount.display()))?;
    let added = play::add(server.control(), &magnet, &mount, length).await?;
    output::line(format!("film: {}", added.path.display()))?;
    let first_byte = play::first_bytes(&added.path, share, 0).await?;
    let played = play::whole(&added.path, share, seeder, cancel.clone()).await?;
    let sent = seeder.sent();
    output::line("played: every byte is right (SHA-256)")?;
    let seek = play::first_bytes(&added.path, share, length / 10 * 7).await?;
    let streams = probe::streams(&added.path).await?;
    let streams = streams.unwrap_or_else(|| "left out, ffprobe is not installed".to_owned());
    output::line(format!("streams: {streams}"))?;
    output::line(Figures {
        path: added.after,
        first_byte,
        whole: played.whole,
        length,
        sent,
        seek,
        cpu: played.cpu,
        peak_memory: peak_memory(),
        budget: context.config.engine.read_ahead_budget.as_bytes(),
    })?;
    Ok(added.path)
}

/// Lets the user play the film until a signal comes.
async fn serve_on(server: &mut Server, path: &Path, signal: Signal<'_>) -> Result<(), Failure> {
    output::line(format!("play it: {}", path.display()))?;
    output::line("serving until Ctrl-C")?;
    tokio::select! {
        _ = signal => Ok(()),
        end = server.mount_ended() => Err(failed(end)),
    }
}

/// Removes the temporary directory, unless something is mounted in it still: what is removed through a mount
/// is somebody else's.
fn remove(place: TempDir, mount: &Path) -> Result<(), Failure> {
    let path = place.path().to_owned();
    let left = |why: String| failed(format!("{} is left behind: {why}", path.display()));
    if let Err(error) = gostream_fs::stale::prepare(mount) {
        // Given up on: the user is told where it is.
        let _ = place.keep();
        return Err(left(error.to_string()));
    }
    place.close().map_err(|error| left(error.to_string()))
}

fn failed(detail: impl Into<String>) -> Failure {
    Failure::Failed(detail.into())
}
