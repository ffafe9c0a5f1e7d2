//! The bans, and what is taken over from other programs: [`StateControl`] over the database.
//!
//! Served by a running server. Without one a command gets it by [`Reached::find`], under the state lock, as it gets the
//! library: the same rules hold for both. Nothing that is brought is believed: hashes are read, and an info dict must be
//! that of its hash.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use gostorm_wire::{Info, InfoHash};
use gostream_http::{
    BannedAddress, BroughtTorrent, ControlError, SocketError, StateControl, TakeOver, TakenOver,
};
use gostream_library::{HashError, TorrentHash};
use gostream_store::{
    Brought, ListedTorrent, PlaybackPosition, Refusal, StateLock, Store, StoreError, TorrentRecord,
    ViewedMark,
};

use super::{backup, library_folder};
use crate::cli::{Context, Failure};
use crate::clock::now_unix;
use crate::control::ControlClient;

/// See the module.
pub(crate) struct Kept {
    store: Arc<Store>,
}

impl Kept {
    pub(crate) const fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    /// Work that waits for a disk, on a thread that may.
    fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, ControlError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, ControlError>> {
        let store = Arc::clone(&self.store);
        Box::pin(async move {
            tokio::task::spawn_blocking(move || work(&store))
                .await
                .unwrap_or_else(|panic| Err(ControlError::failed(panic.to_string())))
        })
    }
}

impl StateControl for Kept {
    fn bans(&self) -> BoxFuture<'_, Result<Vec<BannedAddress>, ControlError>> {
        self.on_disk(list_bans)
    }

    fn lift_ban(&self, ip: String) -> BoxFuture<'_, Result<BannedAddress, ControlError>> {
        self.on_disk(move |store| lift(store, &ip))
    }

    fn take_over(&self, brought: TakeOver) -> BoxFuture<'_, Result<TakenOver, ControlError>> {
        self.on_disk(move |store| take_over(store, brought, now_unix()))
    }
}

fn failed(error: &StoreError) -> ControlError {
    match error {
        StoreError::Full { .. } => ControlError::conflict(error.to_string()),
        StoreError::Folder { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Locked { .. }
        | StoreError::Newer { .. }
        | StoreError::Foreign { .. }
        | StoreError::Migration { .. }
        | StoreError::Sql { .. }
        | StoreError::Thread { .. }
        | StoreError::Closed { .. }
        | StoreError::BadRename { .. } => ControlError::failed(error.to_string()),
    }
}

fn list_bans(store: &Store) -> Result<Vec<BannedAddress>, ControlError> {
    let bans = store.bans().list().map_err(|error| failed(&error))?;
    let shown = bans.into_iter().map(|ban| BannedAddress {
        ip: ban.ip.to_string(),
        reason: ban.reason,
        since_unix: ban.since_unix,
    });
    Ok(shown.collect())
}

fn lift(store: &Store, ip: &str) -> Result<BannedAddress, ControlError> {
    let parsed: std::net::IpAddr = ip
        .trim()
        .parse()
        .map_err(|_| ControlError::bad_input(format!("{ip}: is no IP address")))?;
    let shown = parsed.to_string();
    let found = list_bans(store)?.into_iter().find(|ban| ban.ip == shown);
    let found = found.ok_or_else(|| ControlError::not_found(format!("{shown}: is not banned")))?;
    store
        .bans()
        .remove(parsed)
        .map_err(|error| failed(&error))?;
    tracing::info!(ip = shown, "a ban was lifted by command");
    Ok(found)
}

fn take_over(store: &Store, brought: TakeOver, now: i64) -> Result<TakenOver, ControlError> {
    let dry_run = brought.dry_run;
    let brought = read(brought, now)?;
    let taken = store
        .take_over(brought, dry_run)
        .map_err(|error| failed(&error))?;
    Ok(TakenOver {
        torrents: taken.torrents,
        completed: taken.completed,
        viewed: taken.viewed,
        positions: taken.positions,
        refused: taken.refusals,
    })
}

fn read(brought: TakeOver, now: i64) -> Result<Brought, ControlError> {
    let mut read = Brought::default();
    for (number, torrent) in brought.torrents.into_iter().enumerate() {
        read.torrents.push(read_torrent(number, torrent, now)?);
    }
    for (number, mark) in brought.viewed.into_iter().enumerate() {
        read.viewed.push(ViewedMark {
            hash: hash("viewed", number, &mark.hash)?,
            file_index: mark.file_index,
            timecode_seconds: mark.timecode_seconds,
            viewed_at_unix: now,
        });
    }
    for (number, position) in brought.positions.into_iter().enumerate() {
        read.positions.push(PlaybackPosition {
            hash: hash("positions", number, &position.hash)?,
            file_index: position.file_index,
            offset_bytes: position.offset_bytes,
            seconds: position.seconds,
            saved_at_unix: now,
        });
    }
    for (number, refusal) in brought.refused.into_iter().enumerate() {
        read.refusals.push(Refusal {
            hash: hash("refused", number, &refusal.hash)?,
            title: refusal.title.filter(|title| !title.is_empty()),
            since_unix: now,
        });
    }
    Ok(read)
}

fn read_torrent(
    number: usize,
    torrent: BroughtTorrent,
    now: i64,
) -> Result<(ListedTorrent, TorrentRecord), ControlError> {
    let hash = hash("torrents", number, &torrent.hash)?;
    let mut name = String::new();
    if let Some(info) = &torrent.info {
        let wrong = |what: &str| {
            ControlError::bad_input(format!("torrents.{number}.info_base64: {what} ({hash})"))
        };
        if !Info::is_named(info, InfoHash(hash.0), None) {
            return Err(wrong("is the info dictionary of another torrent"));
        }
        let info = Info::parse(info).map_err(|error| wrong(&error.to_string()))?;
        info.name().clone_into(&mut name);
    }
    let added_at_unix = match torrent.added_at_unix {
        0 => now,
        added => added,
    };
    let listed = ListedTorrent {
        hash,
        title: torrent.title,
        poster: torrent.poster,
        category: torrent.category,
        data: torrent.data,
        added_at_unix,
    };
    let record = TorrentRecord {
        hash,
        hash_v2: None,
        name,
        info_dict: torrent.info,
        trackers: torrent.trackers,
        web_seeds: Vec::new(),
        peer_hints: Vec::new(),
        added_at_unix,
    };
    Ok((listed, record))
}

fn hash(list: &str, number: usize, text: &str) -> Result<TorrentHash, ControlError> {
    text.parse().map_err(|error: HashError| {
        ControlError::bad_input(format!("{list}.{number}.hash: {error}"))
    })
}

/// The state of this GoStream, by the server that runs or without one.
pub(crate) enum Reached {
    Server(ControlClient),
    Own(Own),
}

/// The state in this process, for one command.
pub(crate) struct Own {
    kept: Kept,
    /// Of a dry run that found no database.
    _folder: Option<tempfile::TempDir>,
    /// None in tests, whose databases nobody else knows.
    _lock: Option<StateLock>,
}

impl Reached {
    /// Finds the server, or takes the lock and opens the database; a restored state that waits takes its place first.
    /// With `dry_run` none is made that is not there.
    pub(crate) fn find(context: &Context, dry_run: bool) -> Result<Self, Failure> {
        let directories = &context.directories;
        match ControlClient::find(&directories.control_socket()) {
            Ok(server) => return Ok(Self::Server(server)),
            Err(SocketError::NoServer { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
        let lock = StateLock::acquire(&directories.state).map_err(|error| failed(&error))?;
        let mut database = directories.database();
        let mut folder = None;
        if !dry_run {
            library_folder::prepare(context)?;
            backup::take_waiting(directories)?;
        } else if !database.exists() {
            let made = tempfile::tempdir().map_err(|error| failed(&error))?;
            database = made.path().join("gostream.db");
            folder = Some(made);
        }
        let store = Store::open(&database).map_err(|error| failed(&error))?;
        Ok(Self::Own(Own {
            kept: Kept::new(Arc::new(store)),
            _folder: folder,
            _lock: Some(lock),
        }))
    }

    /// A database that is open already.
    #[cfg(test)]
    pub(crate) fn over(store: Arc<Store>) -> Self {
        Self::Own(Own {
            kept: Kept::new(store),
            _folder: None,
            _lock: None,
        })
    }

    /// The database, if no server has it.
    pub(crate) fn store(&self) -> Option<&Store> {
        match self {
            Self::Server(_) => None,
            Self::Own(own) => Some(&own.kept.store),
        }
    }

    /// Asks it, and waits for the answer.
    pub(crate) fn ask<T>(
        &self,
        work: impl for<'a> FnOnce(&'a dyn StateControl) -> BoxFuture<'a, T>,
    ) -> Result<T, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::Failed(format!("cannot start the runtime: {error}")))?;
        let control: &dyn StateControl = match self {
            Self::Server(server) => server,
            Self::Own(own) => &own.kept,
        };
        Ok(runtime.block_on(work(control)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn brought(hash: &str, info: Option<&[u8]>) -> TakeOver {
        TakeOver {
            torrents: vec![BroughtTorrent {
                hash: hash.to_owned(),
                info: info.map(<[u8]>::to_vec),
                ..BroughtTorrent::default()
            }],
            ..TakeOver::default()
        }
    }

    #[test]
    fn an_info_dict_of_another_torrent_or_a_hash_that_is_none_is_refused_by_place() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("gostream.db")).unwrap();
        let info = b"d6:lengthi1e4:name1:a12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae";
        let right = Info::info_hash_of(info).to_string();
        for (hash, info, said) in [
            ("xyz", None, "torrents.0.hash: "),
            (&*"0".repeat(40), Some(&info[..]), "of another torrent"),
            (
                &*Info::info_hash_of(b"de").to_string(),
                Some(&b"de"[..]),
                "torrents.0.info_base64",
            ),
        ] {
            let error = take_over(&store, brought(hash, info), 5)
                .unwrap_err()
                .to_string();
            assert!(error.contains(said), "{error}");
        }
        assert_eq!(store.torrents().list().unwrap(), []);
        let taken = take_over(&store, brought(&right, Some(info)), 5).unwrap();
        assert_eq!(taken.torrents, 1);
        let listed = store.torrents().list().unwrap();
        assert_eq!(
            (
                listed[0].name.as_str(),
                listed[0].has_info,
                listed[0].added_at_unix
            ),
            ("a", true, 5)
        );
    }
}
