//! The HTTP faces of GoStream: for now the control socket.
//!
//! [`LibraryControl`] is what the binary implements and what the CLI calls;
//! [`ControlSocket`] serves it as HTTP/1.1 on a Unix socket, so that a running
//! server can be told of changes. Only the owner of the socket file may talk
//! to it (mode 0600): there is no other authentication.
//!
//! | method, path | answer |
//! |---|---|
//! | `GET /api/v1/status` | [`Status`] |
//! | `GET /api/v1/library` | `[ListedFile]` |
//! | `POST /api/v1/library` ([`AddRequest`]) | NDJSON of [`AddEvent`]s |
//! | `DELETE /api/v1/library/{path}` | [`RemovedFile`] |
//! | `GET /api/v1/refused` | `[RefusedTorrent]` |
//! | `DELETE /api/v1/refused/{hash}` | [`RefusedTorrent`] |
//!
//! Every error is an RFC 9457 problem document; its status is chosen in
//! `error.rs` and nowhere else.

mod access;
mod base64;
mod control;
mod error;
mod event;
mod film;
mod films;
mod proxy;
mod router;
mod socket;
mod web;

pub use access::{Access, Addresses, Login, NoAddresses};
pub use control::{
    AddEvent, AddProgress, AddRequest, AddStage, AddedFile, BODY_LEN_MAX, ControlError, FileState,
    LibraryControl, ListedFile, RefusedTorrent, RemovedFile, Status, TORRENT_LEN_MAX,
};
pub use error::Problem;
pub use films::{FilmError, FilmLibrary, Item, ItemKind, OpenFilm};
pub use proxy::proxy;
pub use router::router;
pub use socket::{ControlSocket, SocketError, connect};
pub use web::WebPort;
