//! The streaming engine as a state machine without I/O.
//!
//! A [`Swarm`] is one awake torrent. It owns no socket, clock, thread, random source or payload byte:
//! only block references and lengths. One rule drives it:
//!
//! > hand in one [`Input`] with the present [`Time`], take every [`Output`], then the next input.
//!
//! [`Input::Turn`] ends a batch: the scheduler gives out requests then, once for the whole batch,
//! and [`Swarm::wake_at`] says when the next turn is due if nothing happens before. The same inputs
//! give the same outputs, which is what makes the simulator, replays and fuzzing possible.
//!
//! A read comes in by [`Input::Read`], becomes demand (`demand`), is turned into missing blocks
//! (`picker`) that are given to the peer expected to deliver each soonest (`schedule`), and ends in
//! [`Output::Serve`] when every byte of it is verified (`verify`); a reader may accept less, see [`Policy`]. Memory is leased from the
//! process-wide [`budget::Arbiter`]; pieces that no reader is about to read are given back (`held`).
//! What is verified and stays for a while is announced, and served to those whom the `choker` picks.

mod announce;
mod bits;
pub mod budget;
mod choker;
mod class;
mod config;
mod connect;
mod demand;
pub mod dht;
mod estimate;
mod event;
mod exposed;
#[doc(hidden)]
pub mod fuzzing;
mod hash_requests;
mod hedge;
mod held;
mod inquiry;
mod key;
mod layout;
pub mod nat;
mod pace;
mod patience;
mod peer;
mod pex;
mod picker;
pub mod resolve;
mod schedule;
mod scope;
mod stall;
mod swarm;
mod time;
mod trees;
mod trust;
mod upload;
mod verify;
mod web_seed;

pub use announce::{AnnounceOutcome, AnnouncePlan, TrackerClock};
pub use bits::Bits;
pub use class::ReaderClass;
pub use config::{Config, Policy};
pub use connect::{KnownPeer, Source};
pub use event::{DisconnectReason, Expected, FailReason, Input, Output};
pub use key::{PeerKey, ReadKey, ReaderKey};
pub use layout::{BlockRef, FileSpan, Layout, LayoutError};
pub use patience::{Hope, Patience, Rest};
pub use scope::{is_global, may_name, unwrapped};
pub use stall::{Cause, Stall, Wait};
pub use swarm::{PeerStats, ReaderPlace, ReaderStats, Stats, Swarm};
pub use time::Time;
pub use trees::HashTrees;
pub use web_seed::{web_seed_addr, web_seed_number};
