//! Where the parts meet: settings → engine, store, library, mount, control socket → a running server.
//!
//! `parts` builds what every way of running needs; `serve` adds the mount and the socket and waits for the
//! end; `store` and `source` are the adapters through which the engine sees the database, and the file
//! system the engine. Called by `program` and by the demonstration.

mod parts;
mod serve;
mod source;
mod store;

pub(crate) use self::parts::{Parts, listen_addresses};
pub(crate) use self::serve::{Server, run as serve, wait_for_signal};
