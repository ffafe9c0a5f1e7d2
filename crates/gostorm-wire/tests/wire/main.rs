//! The codecs from outside: round trips, tables of hostile input with the
//! messages they earn, and the replay of the fuzz corpus.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bencode;
mod blocklist;
mod cases;
mod corpus;
mod extension;
mod frame;
mod krpc;
mod magnet;
mod metainfo;
mod nat;
mod tracker;
mod udp_tracker;
mod v2;
