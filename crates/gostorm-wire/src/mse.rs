//! Message stream encryption, also called protocol encryption (MSE/PE, as in the Vuze wiki and libtorrent): hides a
//! BitTorrent connection from those who look for its handshake.
//!
//! Two state machines without I/O, one for each role: [`Initiator`] for who dials, [`Responder`] for who accepts. Bytes
//! from the peer go in with `feed`; `advance` is called until it says [`Event::Wait`]. Randomness comes from outside, as
//! [`Noise`]. What always holds: neither keeps more than a handshake can have plus what was fed last; every length
//! and marker is checked, and what is wrong is a [`Violation`](crate::Violation); the torrent's hash never travels
//! readable. It hides; it does not authenticate, and a torrent's hash is all that an eavesdropper needs.

mod buffer;
mod cipher;
mod initiator;
pub(crate) mod keys;
mod responder;
mod terms;

pub use buffer::PAD_MAX;
pub use cipher::{Cipher, Ciphers};
pub use initiator::Initiator;
pub use keys::{KEY_LEN, skey_hash};
pub use responder::Responder;
pub use terms::{Established, Event, INITIAL_MAX, Method, Methods, Noise};

#[cfg(test)]
mod tests;
