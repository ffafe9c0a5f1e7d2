//! What both sides of the encryption handshake speak of.

use super::buffer::{Buffer, PAD_MAX};
use super::cipher::Ciphers;

/// The longest initial payload that is accepted: a BitTorrent handshake has 68 bytes, and some clients add their first
/// messages.
pub const INITIAL_MAX: usize = 8 * 1024;

/// The verification constant: eight zero bytes, encrypted.
pub(super) const VC: [u8; 8] = [0; 8];

/// How the payload travels once both sides have spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// As it is.
    Plaintext,
    /// Encrypted with RC4, both ways.
    Rc4,
}

/// Methods that one side is content with; never none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Methods {
    /// Plaintext only.
    Plaintext,
    /// RC4 only.
    Rc4,
    /// Either.
    Both,
}

impl Methods {
    /// As the bit field on the wire: 1 plaintext, 2 RC4.
    pub(super) const fn bits(self) -> u32 {
        match self {
            Self::Plaintext => 1,
            Self::Rc4 => 2,
            Self::Both => 3,
        }
    }

    /// The method that suits both this side and who offers `provided`; plaintext before RC4, which costs both sides
    /// for every byte.
    pub(super) const fn choose(self, provided: u32) -> Option<Method> {
        match self.bits() & provided {
            both if both & 1 != 0 => Some(Method::Plaintext),
            both if both & 2 != 0 => Some(Method::Rc4),
            _ => None,
        }
    }

    /// The method that the other side selected, if it is one of these.
    pub(super) const fn selected(self, select: u32) -> Option<Method> {
        match select & self.bits() {
            _ if select.count_ones() != 1 => None,
            1 => Some(Method::Plaintext),
            2 => Some(Method::Rc4),
            _ => None,
        }
    }
}

/// The random part of one handshake; never to be used for a second one.
#[derive(Clone)]
pub struct Noise {
    /// The secret exponent of the key exchange.
    pub secret: [u8; 20],
    /// Sent behind our public key; at most [`PAD_MAX`] bytes of it.
    pub pad: Vec<u8>,
    /// How long the second padding is, which is zeros, encrypted; at most [`PAD_MAX`] count.
    pub second_pad_len: usize,
}

impl Noise {
    pub(super) fn pad(&self) -> &[u8] {
        &self.pad[..self.pad.len().min(PAD_MAX)]
    }
}

/// What a state machine has to say.
#[derive(Debug)]
pub enum Event {
    /// More bytes are needed.
    Wait,
    /// To be sent to the peer.
    Send(Vec<u8>),
    /// The torrent with this [`skey_hash`](super::skey_hash) is meant: [`Responder::found`](super::Responder::found) names it. Comes from the responder only.
    Find([u8; 20]),
    /// The handshake is over. No event follows.
    Done(Box<Established>),
}

/// What a handshake leads to.
#[derive(Debug)]
pub struct Established {
    /// How the payload travels.
    pub method: Method,
    /// What to encrypt and decrypt it with; `None` for [`Method::Plaintext`].
    pub ciphers: Option<Ciphers>,
    /// What the peer has sent of its payload already, as plaintext.
    pub early: Vec<u8>,
}

impl Established {
    /// `initial` and what is left in the buffer are the beginning of the payload.
    pub(super) fn new(
        method: Method,
        ciphers: Ciphers,
        buffer: &mut Buffer,
        initial: Vec<u8>,
    ) -> Self {
        let mut early = initial;
        let decrypted = early.len();
        early.extend(buffer.rest());
        let mut ciphers = Some(ciphers).filter(|_| method == Method::Rc4);
        if let Some(ciphers) = &mut ciphers {
            ciphers.incoming.apply(&mut early[decrypted..]);
        }
        Self {
            method,
            ciphers,
            early,
        }
    }
}
