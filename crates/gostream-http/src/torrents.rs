//! Torrents over HTTP: the trait that the binary implements over engine, database and library.
//!
//! Called by the API port ([`crate::torrserver()`]). What only looks ([`TorrentService::list`], [`TorrentService::get`],
//! [`TorrentService::pieces`]) wakes no torrent; [`TorrentService::load`] and [`TorrentService::open`] do.

use std::{fmt, str::FromStr, sync::Arc, time::SystemTime};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use futures_util::future::BoxFuture;

use crate::films::{FilmError, OpenFilm};

/// Most bytes of a title, poster or category; the clients' own data may have [`DATA_LEN_MAX`].
pub const LABEL_LEN_MAX: usize = 4096;
/// Most bytes of what a client keeps with a torrent.
pub const DATA_LEN_MAX: usize = 256 * 1024;

/// What the answer of a service is, later.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, TorrentError>>;

/// The torrents that clients list, and those of the library.
pub trait TorrentService: Send + Sync + 'static {
    /// Lists a torrent and has its metadata found; says at once how it stands.
    fn add(&self, new: NewTorrent) -> Answer<'_, TorrentView>;

    /// All of them, or those that are awake; the latest added first.
    fn list(&self, awake_only: bool) -> Answer<'_, Vec<TorrentView>>;

    /// One of them, or none.
    fn get(&self, id: TorrentId) -> Answer<'_, Option<TorrentView>>;

    /// Changes the words of one, if it is known.
    fn relabel(&self, id: TorrentId, labels: Labels) -> Answer<'_, ()>;

    /// Takes one from the list and ends it. A film of the library stays.
    fn remove(&self, id: TorrentId) -> Answer<'_, ()>;

    /// Ends the streams of one and lets it sleep, unless the mount reads it.
    fn unload(&self, id: TorrentId) -> Answer<'_, ()>;

    /// [`TorrentService::remove`] for all.
    fn wipe(&self) -> Answer<'_, ()>;

    /// Lists a torrent if it is not known, and waits for its files, not for ever.
    fn load(&self, new: NewTorrent) -> Answer<'_, TorrentView>;

    /// Opens a file of a torrent that is known. Dropping what comes back closes the reader.
    ///
    /// # Errors
    /// [`FilmError`], which the client sees as a status.
    fn open(
        &self,
        id: TorrentId,
        file: u32,
        by: OpenedBy,
    ) -> BoxFuture<'_, Result<Arc<dyn OpenFilm>, FilmError>>;

    /// Fetches what a player will ask for first: from `offset` of the file, or else from where it was left.
    fn preload(&self, id: TorrentId, file: u32, offset: Option<u64>) -> Answer<'_, ()>;

    /// Which pieces of an awake torrent are held, and who reads; none while it sleeps.
    fn pieces(&self, id: TorrentId) -> Answer<'_, Option<PieceMap>>;

    /// The files that were watched, of one torrent or of all.
    fn viewed(&self, id: Option<TorrentId>) -> Answer<'_, Vec<ViewedFile>>;

    /// Marks a file as watched.
    fn mark_viewed(&self, file: ViewedFile) -> Answer<'_, ()>;

    /// Takes the mark from a file, or from all files of a torrent.
    fn unmark_viewed(&self, id: TorrentId, file: Option<u32>) -> Answer<'_, ()>;

    /// After how many seconds an idle torrent sleeps.
    fn sleep_after_seconds(&self) -> u64;

    /// Ends the server.
    fn shut_down(&self);
}

/// Who opens a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenedBy {
    /// A player, which is somewhere in the film: where it stops is remembered.
    Player,
    /// A program that looks at it, or fetches ahead of a player.
    Probe,
}

/// The hash that names a torrent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TorrentId(pub [u8; 20]);

impl fmt::Display for TorrentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for TorrentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TorrentId({self})")
    }
}

/// A text that is not 40 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 40 hex digits")]
pub struct NoTorrentId;

impl FromStr for TorrentId {
    type Err = NoTorrentId;

    fn from_str(text: &str) -> Result<Self, NoTorrentId> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes());
        let bytes = bytes.map_err(|_| NoTorrentId)?;
        bytes.try_into().map(Self).map_err(|_| NoTorrentId)
    }
}

/// What clients call a torrent, and keep with it. Every text may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// Shown to the user.
    pub title: String,
    /// URL of a picture.
    pub poster: String,
    /// `movie`, `tv`, `music`, `other`, or what the client likes.
    pub category: String,
    /// Whatever the client put there.
    pub data: String,
}

impl Labels {
    /// Whether each text is within its bound.
    pub(crate) fn fit(&self) -> bool {
        let words = [&self.title, &self.poster, &self.category];
        words.iter().all(|word| word.len() <= LABEL_LEN_MAX) && self.data.len() <= DATA_LEN_MAX
    }
}

/// A torrent that somebody brings.
#[derive(Debug, Clone)]
pub struct NewTorrent {
    /// Which.
    pub source: TorrentSource,
    /// Its words; where one is empty that of the torrent which is known already stays.
    pub labels: Labels,
    /// Keep it over a restart.
    pub save: bool,
}

/// How a torrent is named.
#[derive(Debug, Clone)]
pub enum TorrentSource {
    /// A magnet, an info hash, or the http(s) URL of a .torrent file.
    Link(String),
    /// The bytes of a .torrent file.
    File(Vec<u8>),
}

/// How a torrent stands.
#[derive(Debug, Clone, PartialEq)]
pub struct TorrentView {
    /// Which.
    pub id: TorrentId,
    /// The words of clients.
    pub labels: Labels,
    /// When it was first added, in seconds since 1970.
    pub added_unix: i64,
    /// What it calls itself, once that is known.
    pub name: Option<String>,
    /// What it does.
    pub phase: Phase,
    /// Its length in bytes, once that is known.
    pub len: Option<u64>,
    /// Its files by their ids, once they are known. A list leaves those of sleeping torrents out.
    pub files: Option<Arc<[FileView]>>,
    /// Counters since it woke; all zero while it sleeps.
    pub activity: Activity,
}

/// What a torrent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Its metadata is looked for.
    Resolving,
    /// What a player will ask for first is fetched.
    Preloading,
    /// Its files are known, and it is awake.
    Working,
    /// It is known and has no task and no socket.
    Asleep,
}

/// A file of a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileView {
    /// From 1, by the order of the paths that all programs of this API share.
    pub id: u32,
    /// With the name of the torrent before it, when that has several files.
    pub path: String,
    /// Length in bytes.
    pub len: u64,
}

/// What went on in a torrent since it woke. Bytes are those of blocks: the protocol's own are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Activity {
    /// Bytes of pieces that are held.
    pub held: u64,
    /// What is preloaded: bytes that are there, and that are wanted.
    pub preload: (u64, u64),
    /// Bytes a second that come in.
    pub download_rate: f64,
    /// Bytes a second that go out.
    pub upload_rate: f64,
    /// Bytes received.
    pub downloaded: u64,
    /// Of them, those that were of no use.
    pub wasted: u64,
    /// Bytes sent.
    pub uploaded: u64,
    /// Addresses known.
    pub peers_known: usize,
    /// Dials under way.
    pub peers_dialling: usize,
    /// Connected peers.
    pub peers: usize,
    /// Of them, those that have everything.
    pub seeds: usize,
    /// Pieces that passed their hash.
    pub pieces_good: u64,
    /// Pieces that failed it.
    pub pieces_bad: u64,
    /// Somebody plays it.
    pub plays: bool,
}

/// What an awake torrent holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PieceMap {
    /// Bytes that may be held.
    pub capacity: u64,
    /// Bytes of the pieces below that are there.
    pub filled: u64,
    /// Length of a piece.
    pub piece_len: u64,
    /// Pieces of the torrent.
    pub piece_count: u64,
    /// Those that are held, in order.
    pub pieces: Vec<HeldPiece>,
    /// Who reads.
    pub readers: Vec<ReaderPlace>,
}

/// A piece that is held, or on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldPiece {
    /// Its number.
    pub number: u32,
    /// Its length in bytes.
    pub len: u32,
    /// Bytes that are there.
    pub filled: u32,
    /// It passed its hash.
    pub verified: bool,
}

/// Where somebody reads, in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderPlace {
    /// The first piece that is kept for it.
    pub first: u32,
    /// The last piece that it wants.
    pub last: u32,
    /// The piece where it is.
    pub at: u32,
}

/// A file that was watched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ViewedFile {
    /// The torrent.
    pub id: TorrentId,
    /// The file.
    pub file: u32,
    /// Up to which second; 0 when that is not known.
    pub seconds: f64,
}

impl TorrentView {
    /// The file with an id. Where there is but one file, every id means it.
    pub(crate) fn file(&self, id: Option<u32>) -> Option<&FileView> {
        let files = self.files.as_deref()?;
        match files {
            [only] => Some(only),
            several => several.iter().find(|file| Some(file.id) == id),
        }
    }

    /// When it was first added.
    pub(crate) fn added(&self) -> SystemTime {
        let since = u64::try_from(self.added_unix).unwrap_or_default();
        SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(since)
    }
}

impl FileView {
    /// The last part of its path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// Why a torrent cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TorrentError {
    /// The link or file means no torrent, or one that may not be fetched.
    #[error("{0}")]
    BadSource(String),
    /// No such torrent is known.
    #[error("the torrent is not known")]
    NotFound,
    /// It has no such file.
    #[error("the torrent has no such file")]
    NoFile,
    /// A bound is reached.
    #[error("{0}")]
    Full(String),
    /// The metadata did not come in time.
    #[error("the metadata did not come in time")]
    TimedOut,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}
