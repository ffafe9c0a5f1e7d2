//! What the server keeps besides films and torrents: the bans, and what is taken over from another program.
//!
//! The binary implements [`StateControl`] over the database, and a second time over the control socket of a running
//! server, so that a command is written once. The JSON names are a contract between versions: add fields, never rename.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::control::ControlError;

/// The state as seen by its user. Object-safe; all answers are owned.
pub trait StateControl: Send + Sync + 'static {
    /// The addresses that are banned for good, the latest first.
    fn bans(&self) -> BoxFuture<'_, Result<Vec<BannedAddress>, ControlError>>;

    /// Lifts the ban of an IP address; what was lifted. Torrents that are awake keep to it until they sleep.
    fn lift_ban(&self, ip: String) -> BoxFuture<'_, Result<BannedAddress, ControlError>>;

    /// Takes over what another program kept, all of it or nothing. What is here already stays as it is.
    fn take_over(&self, brought: TakeOver) -> BoxFuture<'_, Result<TakenOver, ControlError>>;
}

/// An address that sent bad data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BannedAddress {
    /// The IP address, whatever the port.
    pub ip: String,
    /// Why, in words.
    pub reason: String,
    /// Since when, in seconds since 1970.
    pub since_unix: i64,
}

/// What another program kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TakeOver {
    /// Nothing is written: the answer says what would come of it.
    pub dry_run: bool,
    /// Torrents to be listed.
    pub torrents: Vec<BroughtTorrent>,
    /// Watched files.
    pub viewed: Vec<BroughtMark>,
    /// Where files were left.
    pub positions: Vec<BroughtPosition>,
    /// Torrents that no job may bring back.
    pub refused: Vec<BroughtRefusal>,
}

/// A torrent to be listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BroughtTorrent {
    /// Info-hash, 40 hex digits.
    pub hash: String,
    /// What it is called.
    #[serde(default)]
    pub title: String,
    /// URL of a picture.
    #[serde(default)]
    pub poster: String,
    /// `movie`, `tv`, `music`, `other`, or what the client likes.
    #[serde(default)]
    pub category: String,
    /// Whatever a client put there.
    #[serde(default)]
    pub data: String,
    /// When it was first listed, in seconds since 1970.
    #[serde(default)]
    pub added_at_unix: i64,
    /// Tracker URLs in tiers (BEP 12).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trackers: Vec<Vec<String>>,
    /// The bencoded info dictionary, which must be that of the hash.
    #[serde(
        default,
        rename = "info_base64",
        with = "crate::base64::info",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, content_encoding = "base64")]
    pub info: Option<Vec<u8>>,
}

/// A watched file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BroughtMark {
    /// Info-hash, 40 hex digits.
    pub hash: String,
    /// Which of its files, counted from 1.
    pub file_index: u32,
    /// Up to which second; 0 when that is not known.
    #[serde(default)]
    pub timecode_seconds: f64,
}

/// Where a file was left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BroughtPosition {
    /// Info-hash, 40 hex digits.
    pub hash: String,
    /// Which of its files, counted from 1.
    pub file_index: u32,
    /// The byte that comes next.
    pub offset_bytes: u64,
    /// The second of the film that this is, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// A torrent that is not wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BroughtRefusal {
    /// Info-hash, 40 hex digits.
    pub hash: String,
    /// The title, in small letters without spaces, when no other release of it is wanted either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TakenOver {
    /// Torrents that were not listed.
    pub torrents: u64,
    /// Torrents that were listed, and whose info dictionary is known only now.
    pub completed: u64,
    /// Watched files that were not marked.
    pub viewed: u64,
    /// Files for which no position was kept.
    pub positions: u64,
    /// Torrents that were not refused.
    pub refused: u64,
}
