//! The HTTP faces of GoStream: the versioned API, the control socket and the ports.
//!
//! [`LibraryControl`] is what the binary implements and what the CLI calls; [`router`] is the versioned API over it,
//! described by docs/openapi.json. [`ControlSocket`] serves it as HTTP/1.1 on a Unix socket, so that a running server can
//! be told of changes. Only the owner of the socket file may talk to it (mode 0600): there is no other authentication.
//!
//! Every error of the API is an RFC 9457 problem document; its status is chosen in `error.rs` and nowhere else.

mod access;
mod api;
mod attempts;
mod bans;
mod base64;
pub mod btsets;
mod client;
mod command;
mod config_router;
mod control;
mod error;
mod event;
mod events;
mod film;
mod films;
mod login;
mod looks;
mod monitor;
mod origin;
mod proxy;
mod settings;
mod socket;
mod state;
mod subscriber;
mod torrents;
mod torrserver;
mod web;

pub use access::{Access, Addresses, LiveAccess, Login, NoAddresses, NoOrigin, Origin, WebhookKey};
pub use api::{ApiParts, Torrents, document, guarded, router, settings_routes};
pub use bans::{Bans, Names};
pub use config_router::config_routes;
pub use control::{
    AddEvent, AddProgress, AddRequest, AddStage, AddedFile, BODY_LEN_MAX, ControlError, FileState,
    LibraryControl, ListedFile, RefusedTorrent, RemovedFile, Status, TORRENT_LEN_MAX,
};
pub use error::Problem;
pub use events::{Event, Events};
pub use films::{FilmError, FilmLibrary, Item, ItemKind, OpenFilm};
pub use looks::{
    ByteRange, FileLook, HoldingsLook, PeerLook, PeerSource, PeerTransport, Place, ReaderKind,
    ReaderLook, StallCause, StallLook, TorrentLooks, TrackerLook,
};
pub use monitor::{
    Check, Event as ViewerEvent, Family, Health, HistogramSample, Kind, Labels as SampleLabels,
    Monitor, Notice, PlexItem, ProfileError, Profiler, Sample, Section, monitor,
};
pub use proxy::proxy;
pub use settings::{
    Applies, Overridden, SETTINGS_LEN_MAX, SettingInfo, SettingsChange, SettingsControl,
    SettingsError, UNCHANGED, WrongSetting,
};
pub use socket::{ControlSocket, SocketError, connect};
pub use state::{
    BannedAddress, BroughtMark, BroughtPosition, BroughtRefusal, BroughtTorrent, StateControl,
    TakeOver, TakenOver,
};
pub use torrents::{
    Activity, Answer, DATA_LEN_MAX, FileView, HeldPiece, LABEL_LEN_MAX, Labels, NewTorrent,
    NoTorrentId, OpenedBy, Phase, PieceMap, ReaderPlace, TorrentError, TorrentId, TorrentService,
    TorrentSource, TorrentView, ViewedFile,
};
pub use torrserver::torrserver;
pub use web::{WebFigures, WebPort};
