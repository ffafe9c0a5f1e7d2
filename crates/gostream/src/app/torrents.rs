//! The torrents of the API port: [`TorrentService`] over engine, database and library.
//!
//! A torrent is known when a client lists it, for now (`table`, in RAM) or for good (`ListedTorrent` in the database),
//! or when a film of the library needs it (`library`). What a client takes from the list ends, unless a film of the
//! library needs it: then it is hidden, and the film stays. What only looks wakes nothing. Files: `shared` the
//! state, `service` the trait; `source` from a link to a torrent, `contents` what is in one, `known` what is known of one,
//! `adding` how one comes in, `leaving` how it goes, `opening` and `streams` who reads, `preload` what is read ahead.

mod adding;
mod contents;
mod known;
mod leaving;
mod library;
mod looks;
mod opening;
mod preload;
mod preloads;
mod searches;
mod service;
mod shared;
mod source;
mod streams;
mod table;

pub(super) use self::shared::{Backing, TorrentSettings, Torrents};
