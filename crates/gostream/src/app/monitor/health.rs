//! Whether the parts are well: each is asked, and has two seconds to answer.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gostream_http::{Check, Health};
use rustix::fs::{StatVfsMountFlags, statvfs};
use tokio::sync::Mutex;

use super::parts::ServerMonitor;

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// A database needs so many free bytes on its disk.
const FREE_MIN: u64 = 1 << 20;

pub(super) async fn look(monitor: &ServerMonitor) -> Health {
    let (mount, engine, database) =
        tokio::join!(mount(monitor), engine(monitor), database(monitor));
    Health {
        checks: vec![mount, engine, database, library(monitor)],
    }
}

/// Films can be opened, and the database that keeps what is done with them is in its place.
pub(super) async fn is_ready(monitor: &ServerMonitor) -> bool {
    let path = monitor.parts.store.path().to_owned();
    let look = move || match path.try_exists() {
        Ok(true) => Ok(String::new()),
        Ok(false) => Err("it is gone".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    monitor.can_open_films() && once(&monitor.looks[2], PATIENCE, look).await.is_ok()
}

fn check(name: &'static str, seen: Result<String, String>) -> Check {
    let ok = seen.is_ok();
    let (Ok(detail) | Err(detail)) = seen;
    Check { name, ok, detail }
}

/// The kernel asks us, through the mount, as for any program.
async fn mount(monitor: &ServerMonitor) -> Check {
    let seen = match monitor.mount.get() {
        None => Err("not mounted yet".to_owned()),
        Some(mount) => {
            let point = mount.point.clone();
            once(&monitor.looks[0], PATIENCE, move || answers(&point)).await
        }
    };
    check("mount", seen)
}

fn answers(point: &Path) -> Result<String, String> {
    let shown = point.display();
    match statvfs(point) {
        Ok(_) => Ok(format!("{shown} answers")),
        Err(error) => Err(format!("{shown}: {error}")),
    }
}

async fn engine(monitor: &ServerMonitor) -> Check {
    let engine = &monitor.parts.engine;
    let awake = engine.awake_count();
    let answered = engine.survey(PATIENCE).await.len();
    // One that fell asleep meanwhile is no trouble.
    let seen = if answered >= awake.min(engine.awake_count()) {
        Ok(format!("{answered} torrents awake"))
    } else {
        Err(format!("only {answered} of {awake} awake torrents answer"))
    };
    check("engine", seen)
}

async fn database(monitor: &ServerMonitor) -> Check {
    let store = Arc::clone(&monitor.parts.store);
    let write = move || {
        let path = store.path().to_owned();
        let disk = statvfs(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Err(format!("{} lies on a read-only disk", path.display()));
        }
        if disk.f_bavail.saturating_mul(disk.f_frsize) < FREE_MIN {
            return Err(format!("the disk of {} is full", path.display()));
        }
        store.flush().map_err(|error| error.to_string())?;
        Ok(format!("{} can be written", path.display()))
    };
    check("database", once(&monitor.looks[1], PATIENCE, write).await)
}

fn library(monitor: &ServerMonitor) -> Check {
    let shelf = &monitor.parts.shelf;
    let root = shelf.root();
    let seen = match shelf.trouble() {
        Some(trouble) => Err(trouble),
        None if !root.is_dir() => Err(format!("{} is not there", root.display())),
        None => Ok(format!("{} is there", root.display())),
    };
    check("library", seen)
}

/// Runs a look that may hang, one at a time.
async fn once(
    place: &Arc<Mutex<()>>,
    patience: Duration,
    look: impl FnOnce() -> Result<String, String> + Send + 'static,
) -> Result<String, String> {
    let looked = async {
        let place = Arc::clone(place).lock_owned().await;
        let looked = tokio::task::spawn_blocking(move || {
            let seen = look();
            drop(place);
            seen
        });
        looked.await.unwrap_or_else(|panic| Err(panic.to_string()))
    };
    let late = |_| Err(format!("no answer within {patience:?}"));
    tokio::time::timeout(patience, looked)
        .await
        .unwrap_or_else(late)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn what_hangs_is_reported_and_holds_one_thread() {
        let busy = Arc::<Mutex<()>>::default();
        let (let_go, held) = mpsc::channel::<()>();
        let hangs = move || {
            // Ends when the test drops the sender.
            let _ = held.recv();
            Ok(String::new())
        };
        assert!(once(&busy, Duration::from_millis(5), hangs).await.is_err());
        assert!(
            once(&busy, Duration::from_millis(5), || Ok("not run".to_owned()))
                .await
                .is_err()
        );
        drop(let_go);
    }

    #[tokio::test]
    async fn what_answers_is_well() {
        let busy = Arc::<Mutex<()>>::default();
        for _ in 0..3 {
            assert_eq!(
                once(&busy, PATIENCE, || Ok("well".to_owned())).await,
                Ok("well".to_owned())
            );
        }
    }
}
