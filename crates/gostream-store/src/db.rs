//! The database: one connection that writes, on a thread of its own, and one that reads.
//!
//! Repositories (`torrents`, `known_peers`, `bans`, `inodes`) hand closures to [`Store`]: `read` runs
//! one on the caller's thread behind a lock that nothing else is taken under; `write` queues one for
//! the writer and waits; `write_later` queues and returns. Each write is one transaction. The journal
//! is a WAL with `synchronous = NORMAL`: no sync per write (SD cards), and a power cut may lose the last
//! writes but never the database.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::{error::StoreError, first, migrations};

/// Writes that may wait for the writer; the next one waits for a place or, if it is not awaited, is dropped.
const QUEUE_MAX: usize = 256;
/// How long a foreign lock is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The journal is cut back to this size after a checkpoint: 4 MiB.
const JOURNAL_BYTES: i64 = 4 * 1024 * 1024;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The open database. Clones share it; the last one to go waits for the queued writes.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    reader: Mutex<Connection>,
    /// `None` only while dropping.
    jobs: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.inner.path).finish()
    }
}

impl Store {
    /// Opens or makes the database and brings its schema up to date. Makes the folder if need be. Waits up
    /// to 5 s for another process's lock. A file that cannot be used is left as it is.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, BUSY_TIMEOUT)
    }

    pub(crate) fn open_with(path: &Path, busy_timeout: Duration) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder {
                path: folder.to_owned(),
                source,
            })?;
        }
        first::prepare(path, |new| {
            let mut db = connect(new, busy_timeout)?;
            migrations::run(&mut db, new)
        })?;
        let mut writer = connect(path, busy_timeout)?;
        migrations::run(&mut writer, path)?;
        // A lock that another program keeps is told now, and not by the first write that fails.
        writer
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(Transaction::rollback)
            .map_err(|e| StoreError::sql(path, "begin to write", e))?;
        let reader = connect(path, busy_timeout)?;
        reader
            .pragma_update(None, "query_only", true)
            .map_err(|e| StoreError::sql(path, "set up", e))?;
        let (jobs, queue) = mpsc::sync_channel::<Job>(QUEUE_MAX);
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                for job in queue {
                    job(&mut writer);
                }
            })
            .map_err(|source| StoreError::Thread { source })?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                reader: Mutex::new(reader),
                jobs: Some(jobs),
                writer: Some(thread),
            }),
        })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Runs a query on the reading connection, on this thread. `doing` completes "cannot ... in the database".
    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        // A poisoned lock means that a query panicked; the connection itself holds no half-made state.
        let reader = self
            .inner
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        query(&reader).map_err(|e| StoreError::sql(&self.inner.path, doing, e))
    }

    /// Runs a transaction on the writer and waits until it is committed, or rolled back with the error.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = || StoreError::Closed {
            path: self.inner.path.clone(),
            doing,
        };
        let (reply, answer) = mpsc::sync_channel(1);
        let job: Job = Box::new(move |db| {
            // The asker may have gone; the write is done all the same.
            let _ = reply.send(transact(db, change));
        });
        let jobs = self.inner.jobs.as_ref().ok_or_else(closed)?;
        jobs.send(job).map_err(|_| closed())?;
        answer
            .recv()
            .map_err(|_| closed())?
            .map_err(|e| StoreError::sql(&self.inner.path, doing, e))
    }

    /// Queues a transaction and returns at once. A failure is logged. Returns false if the queue was full and
    /// the write was dropped: only for what can be learnt again.
    pub(crate) fn write_later(
        &self,
        doing: &'static str,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()> + Send + 'static,
    ) -> bool {
        let path = self.inner.path.clone();
        let job: Job = Box::new(move |db| {
            if let Err(error) = transact(db, change) {
                let error = StoreError::sql(&path, doing, error);
                tracing::warn!(%error, "a write to the database failed");
            }
        });
        let refused = match self.inner.jobs.as_ref().map(|jobs| jobs.try_send(job)) {
            Some(Ok(())) => return true,
            Some(Err(TrySendError::Full(_))) => "too many writes are waiting",
            Some(Err(TrySendError::Disconnected(_))) | None => "the database is closed",
        };
        tracing::warn!(
            doing,
            reason = refused,
            "a write to the database was dropped"
        );
        false
    }

    /// Waits until every write that was queued before is committed.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.write("wait for writes", |_| Ok(()))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The writer ends when the queue is empty and has no sender.
        self.jobs = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the thread that writes the database panicked");
        }
    }
}

fn transact<T>(
    db: &mut Connection,
    change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = change(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

fn connect(path: &Path, busy_timeout: Duration) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let set_up = || {
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(busy_timeout)?;
        db.pragma_update(None, "journal_mode", "wal")?;
        db.pragma_update(None, "synchronous", "normal")?;
        db.pragma_update(None, "journal_size_limit", JOURNAL_BYTES)?;
        Ok(db)
    };
    set_up().map_err(|e| StoreError::sql(path, "open", e))
}

#[cfg(test)]
#[path = "db_tests.rs"]
mod tests;
