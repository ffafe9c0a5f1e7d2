//! The two RC4 streams of a connection.

use std::fmt;

use rc4::{KeyInit, Rc4, StreamCipher};

use crate::hash::Sha1;
use crate::id::InfoHash;

use super::keys::Shared;

/// Bytes of each key stream that are thrown away first.
const DISCARDED: usize = 1024;

/// One direction of a connection. Every byte of it goes through once, in order.
pub struct Cipher(Rc4);

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher")
    }
}

impl Cipher {
    fn new(label: &[u8], shared: &Shared, torrent: InfoHash) -> Self {
        let mut hash = Sha1::new();
        hash.update(label);
        hash.update(&shared.0);
        hash.update(&torrent.0);
        let key = hash.finish();
        // 20 bytes are within RC4's 1 to 256.
        #[expect(clippy::expect_used, reason = "the length is a constant")]
        let mut cipher = Self(Rc4::new_from_slice(&key).expect("a key of 20 bytes"));
        cipher.apply(&mut [0; DISCARDED]);
        cipher
    }

    /// Encrypts or decrypts in place.
    pub fn apply(&mut self, bytes: &mut [u8]) {
        self.0.apply_keystream(bytes);
    }
}

/// Both directions.
#[derive(Debug)]
pub struct Ciphers {
    /// For what the peer sends.
    pub incoming: Cipher,
    /// For what we send.
    pub outgoing: Cipher,
}

impl Ciphers {
    pub(crate) fn of_initiator(shared: &Shared, torrent: InfoHash) -> Self {
        Self {
            incoming: Cipher::new(b"keyB", shared, torrent),
            outgoing: Cipher::new(b"keyA", shared, torrent),
        }
    }

    pub(crate) fn of_responder(shared: &Shared, torrent: InfoHash) -> Self {
        Self {
            incoming: Cipher::new(b"keyA", shared, torrent),
            outgoing: Cipher::new(b"keyB", shared, torrent),
        }
    }
}
