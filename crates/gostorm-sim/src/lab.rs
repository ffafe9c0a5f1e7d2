//! A swarm on real sockets: scripted peers on 127.0.x.y and an HTTP tracker, for tests and benchmarks
//! of the whole engine.
//!
//! A [`Content`] is a film that is computed, not stored. A [`LabPeer`] serves it as its [`Script`] says:
//! answers come one round trip late through a token bucket, and it chokes, stalls, lies or leaves when
//! told. A [`LabTracker`] names addresses and counts who reported. A [`LabWebServer`] serves the film over HTTP. [`Named`] are the swarms of the
//! benchmarks; a [`Ledger`] tells what they sent twice. What always holds: one task for each connection, with one timer; each peer has an
//! address of its own, so that a ban hits one; dropping a part closes its sockets; everything that a
//! test may wait for is counted and can be awaited.

mod bucket;
mod content;
mod counters;
mod ledger;
mod metadata;
mod outbox;
mod peer;
mod remote;
mod script;
mod session;
mod swarms;
mod tracker;
mod web_server;

pub use content::Content;
pub use counters::{Counters, TooLate};
pub use ledger::{Ledger, Totals};
pub use peer::LabPeer;
pub use script::{Chokes, Have, Metadata, Script};
pub use swarms::{Member, Named, home};
pub use tracker::{Heard, LabTracker, TrackerMode};
pub use web_server::{Conduct, LabWebServer, Served};

#[cfg(test)]
mod tests;
