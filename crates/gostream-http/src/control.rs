//! What can be asked of the library: the trait between the CLI, the control
//! socket and the binary, and the shapes of its requests and answers.
//!
//! The binary implements [`LibraryControl`] over the engine and the stub tree;
//! the CLI has a second implementation that speaks to a running server. Both
//! are used through `&dyn LibraryControl`, so a command is written once.
//! The JSON names are a contract between versions: add fields, never rename.

use futures_util::{future::BoxFuture, stream::BoxStream};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest .torrent file that is accepted, in bytes (32 MiB).
pub const TORRENT_LEN_MAX: usize = 32 * 1024 * 1024;

/// The longest request body, in bytes: the longest .torrent file as base64
/// (4 bytes for 3), and 64 KiB for the rest of the request.
pub const BODY_LEN_MAX: usize = TORRENT_LEN_MAX.div_ceil(3) * 4 + 64 * 1024;

/// The library as seen by its user. Object-safe; all answers are owned.
pub trait LibraryControl: Send + Sync + 'static {
    /// Adds a torrent. Ends with exactly one [`AddEvent::Added`] or
    /// [`AddEvent::Failed`], after any number of [`AddEvent::Progress`].
    /// Dropping the stream gives up the work; nothing half-written stays.
    fn add(&self, request: AddRequest) -> BoxStream<'static, AddEvent>;

    /// All films of the library, sorted by path. Wakes no torrent.
    fn list(&self) -> BoxFuture<'_, Result<Vec<ListedFile>, ControlError>>;

    /// Removes the film at a virtual path (relative to the mount, with `/`).
    fn remove(&self, path: String) -> BoxFuture<'_, Result<RemovedFile, ControlError>>;

    /// What was removed and is not wanted any more, the latest first.
    fn refused(&self) -> BoxFuture<'_, Result<Vec<RefusedTorrent>, ControlError>>;

    /// Lifts the refusal of a torrent, by its info-hash, and that of its title; what was lifted.
    fn lift(&self, hash: String) -> BoxFuture<'_, Result<RefusedTorrent, ControlError>>;

    /// What the server is and how it is doing. Wakes no torrent.
    fn status(&self) -> BoxFuture<'_, Result<Status, ControlError>>;
}

/// A torrent to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddRequest {
    /// A magnet, an http(s) URL of a .torrent, or a bare info-hash; with
    /// `torrent` present, only the name by which messages call the file.
    pub link: String,
    /// Folder of the library, relative to its root; none = chosen by the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// Title to use instead of the torrent's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The bytes of a .torrent file, at most [`TORRENT_LEN_MAX`]; the sender
    /// reads the file, so that the server needs no access to it.
    #[serde(
        default,
        rename = "torrent_base64",
        with = "crate::base64",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, content_encoding = "base64")]
    pub torrent: Option<Vec<u8>>,
}

/// One step of an addition; one line of the NDJSON answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddEvent {
    /// Still working.
    Progress(AddProgress),
    /// Done: the files that appeared, sorted by path.
    Added(Vec<AddedFile>),
    /// Given up; nothing was written.
    Failed(ControlError),
}

/// How far an addition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddProgress {
    /// What is being done.
    pub stage: AddStage,
    /// Connected peers.
    pub peers: u32,
    /// Bytes of the metadata (or of the .torrent) that have arrived.
    pub done_bytes: u64,
    /// Bytes expected; 0 = not yet known.
    pub total_bytes: u64,
}

/// The stages of an addition, in order; some are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AddStage {
    /// The .torrent comes from its URL.
    FetchingTorrent,
    /// Looking for peers that have the metadata of a magnet.
    FindingPeers,
    /// The metadata arrives from peers.
    FetchingMetadata,
    /// Stubs are written.
    Writing,
}

/// A film that an addition made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddedFile {
    /// Virtual path, relative to the mount, with `/`.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
}

/// A film of the library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListedFile {
    /// Virtual path, relative to the mount, with `/`.
    pub path: String,
    /// Length in bytes; 0 when the stub is broken.
    pub size: u64,
    /// Info-hash, 40 lower-case hex digits; empty when the stub is broken.
    pub hash: String,
    /// What it is doing.
    pub state: FileState,
}

/// What a film's torrent is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// No task and no socket; wakes on the first read.
    Asleep,
    /// Connected to its swarm, or trying to be.
    Awake,
    /// The stub cannot be used; the text says why.
    Broken(String),
}

/// A film that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovedFile {
    /// Virtual path that is gone.
    pub path: String,
    /// Whether its torrent was forgotten too, as no other film used it.
    pub torrent_removed: bool,
}

/// A torrent that was removed by a person: no job brings it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedTorrent {
    /// Info-hash, 40 lower-case hex digits.
    pub hash: String,
    /// The title, in small letters without spaces, when no other release of it is wanted either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Since when, in seconds since 1970.
    pub since_unix: i64,
}

/// The server in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// Seconds since the start.
    pub uptime_seconds: u64,
    /// Mount point; empty when nothing is mounted.
    pub mount: String,
    /// Root of the stub tree.
    pub library: String,
    /// The port that peers are told to reach us at.
    pub torrent_port: u16,
    /// The port at the router or VPN gateway that leads to us, in words; none while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded_port: Option<String>,
    /// Why there is none, if the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarding_error: Option<String>,
    /// Why a part of the library is shown as it was and not as it is: it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library_error: Option<String>,
    /// Films in the library.
    pub films: u64,
    /// Torrents that are awake.
    pub torrents_awake: u64,
    /// Connected peers of all torrents.
    pub peers: u64,
    /// Bytes held in piece buffers.
    pub buffered_bytes: u64,
}

/// Why the library did not do what was asked. The text is for the user and
/// says what is wrong and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The request cannot work, whenever it is made: a broken link or file.
    #[error("{detail}")]
    BadInput {
        /// What is wrong with it.
        detail: String,
    },
    /// There is no such film.
    #[error("{detail}")]
    NotFound {
        /// What was looked for.
        detail: String,
    },
    /// Something else is in the way: a file of that name, another server.
    #[error("{detail}")]
    Conflict {
        /// What is in the way.
        detail: String,
    },
    /// It took too long: no peer, a slow host.
    #[error("{detail}")]
    TimedOut {
        /// What was waited for, and how long.
        detail: String,
    },
    /// It should have worked: a full disk, a lost connection.
    #[error("{detail}")]
    Failed {
        /// What failed.
        detail: String,
    },
}

impl ControlError {
    /// A [`ControlError::BadInput`].
    pub fn bad_input(detail: impl Into<String>) -> Self {
        Self::BadInput {
            detail: detail.into(),
        }
    }

    /// A [`ControlError::NotFound`].
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::NotFound {
            detail: detail.into(),
        }
    }

    /// A [`ControlError::Conflict`].
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::Conflict {
            detail: detail.into(),
        }
    }

    /// A [`ControlError::TimedOut`].
    pub fn timed_out(detail: impl Into<String>) -> Self {
        Self::TimedOut {
            detail: detail.into(),
        }
    }

    /// A [`ControlError::Failed`].
    pub fn failed(detail: impl Into<String>) -> Self {
        Self::Failed {
            detail: detail.into(),
        }
    }
}
