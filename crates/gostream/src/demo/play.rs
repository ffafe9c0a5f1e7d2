//! The film is added by its magnet and played through the mount, as a user would.
//!
//! Called by `run` once the server stands. Files are read with `std::fs` on a blocking thread: to the kernel
//! it is any player. A cancelled token ends a reading at its next step.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256};
use futures_util::StreamExt as _;
use gostorm_wire::{Magnet, PeerHint};
use gostream_http::{AddEvent, AddRequest, AddedFile, LibraryControl};
use tokio_util::sync::CancellationToken;

use super::figures::{process_cpu, thread_cpu};
use super::seeder::Seeder;
use super::share::{Share, sha256_bytes};
use crate::cli::Failure;

/// How much is read at a time.
const READ_LEN: usize = 1 << 20;
/// What counts as the first bytes: what a player needs to know a container.
const FIRST_LEN: usize = 64 * 1024;

/// The film that was added.
pub(super) struct Added {
    /// In the mount.
    pub(super) path: PathBuf,
    /// From the magnet to that path.
    pub(super) after: Duration,
}

/// What playing the whole film took.
pub(super) struct Played {
    /// Time.
    pub(super) whole: Duration,
    /// Processor time of GoStream alone.
    pub(super) cpu: Duration,
}

/// The magnet of a film, naming the seeder.
pub(super) fn magnet(share: &Share, seeder: &Seeder) -> Magnet {
    Magnet {
        name: Some(share.metainfo.info.name().to_owned()),
        peers: vec![PeerHint::Addr(seeder.address())],
        ..Magnet::from(share.metainfo.info_hash)
    }
}

/// Adds the film and waits for it to be in the mount.
pub(super) async fn add(
    control: Arc<dyn LibraryControl>,
    magnet: &Magnet,
    mount: &Path,
    length: u64,
) -> Result<Added, Failure> {
    let start = Instant::now();
    let mut events = control.add(AddRequest {
        link: magnet.to_string(),
        dir: None,
        name: None,
        torrent: None,
    });
    let files = loop {
        match events.next().await {
            Some(AddEvent::Progress(_)) => {}
            Some(AddEvent::Added(files)) => break files,
            Some(AddEvent::Failed(error)) => return Err(error.into()),
            None => return Err(failed("the addition ended without a result")),
        }
    };
    let [AddedFile { path, .. }] = files.as_slice() else {
        return Err(failed(format!(
            "one film was added, but {files:?} appeared"
        )));
    };
    let path = mount.join(path);
    let shown = path.clone();
    let found = on_thread(move || std::fs::metadata(&shown).map_err(|error| at(&shown, &error)));
    let found = found.await?.len();
    if found != length {
        let path = path.display();
        return Err(failed(format!(
            "{path} has {found} bytes instead of {length}"
        )));
    }
    Ok(Added {
        path,
        after: start.elapsed(),
    })
}

/// Opens the film anew and reads some bytes at `offset`; the time it took. The bytes are compared.
pub(super) async fn first_bytes(
    path: &Path,
    share: &Arc<Share>,
    offset: u64,
) -> Result<Duration, Failure> {
    let (path, share) = (path.to_owned(), Arc::clone(share));
    on_thread(move || {
        let read = |file: &File| {
            let mut bytes = vec![0; FIRST_LEN];
            file.read_exact_at(&mut bytes, offset).map(|()| bytes)
        };
        let start = Instant::now();
        let shown = File::open(&path).and_then(|file| read(&file));
        let shown = shown.map_err(|error| at(&path, &error))?;
        let time = start.elapsed();
        let original = read(&share.file).map_err(|error| at(&path, &error))?;
        if shown != original {
            let path = path.display();
            return Err(failed(format!("{path} has wrong bytes at {offset}")));
        }
        Ok(time)
    })
    .await
}

/// Reads the whole film and compares its SHA-256; then has the kernel forget what it read.
pub(super) async fn whole(
    path: &Path,
    share: &Arc<Share>,
    seeder: &Seeder,
    cancel: CancellationToken,
) -> Result<Played, Failure> {
    let (path, expected) = (path.to_owned(), share.sha256);
    let (process, seeding) = (process_cpu(), seeder.cpu());
    let (whole, playing) = on_thread(move || {
        let (start, own) = (Instant::now(), thread_cpu());
        let sum = sha256(&path, &cancel).map_err(|error| at(&path, &error))?;
        let times = (start.elapsed(), thread_cpu().saturating_sub(own));
        if sum != expected {
            return Err(failed(format!(
                "{}: the SHA-256 differs from the original's",
                path.display()
            )));
        }
        Ok(times)
    })
    .await?;
    let others = playing + seeder.cpu().saturating_sub(seeding);
    let cpu = process_cpu().saturating_sub(process).saturating_sub(others);
    Ok(Played { whole, cpu })
}

fn sha256(path: &Path, cancel: &CancellationToken) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; READ_LEN];
    loop {
        if cancel.is_cancelled() {
            return Err(io::Error::other("the demonstration was stopped"));
        }
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        context.update(&buffer[..read]);
    }
    // So that a seek afterwards is GoStream's work and not the page cache's.
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    Ok(sha256_bytes(context))
}

async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(failed(format!("the player ended: {error}"))),
    }
}

fn at(path: &Path, error: &io::Error) -> Failure {
    failed(format!("cannot read {}: {error}", path.display()))
}

fn failed(detail: impl Into<String>) -> Failure {
    Failure::Failed(detail.into())
}
