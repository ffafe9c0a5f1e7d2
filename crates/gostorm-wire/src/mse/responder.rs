//! The side that accepts.

use std::fmt;

use crate::id::InfoHash;
use crate::violation::Violation;

use super::buffer::{Buffer, PAD_MAX, pad_len};
use super::cipher::Ciphers;
use super::keys::{KEY_LEN, Secret, Shared};
use super::terms::{Established, Event, INITIAL_MAX, Method, Methods, Noise, VC};

enum State {
    /// The peer's public key comes.
    Key,
    /// Its padding, and the mark behind it.
    Sync(Shared),
    /// The torrent's masked hash.
    Torrent(Shared),
    /// [`Responder::found`] is awaited.
    Asked(Shared),
    /// The verification constant, the methods that it offers, the length of its second padding.
    Offer(Ciphers),
    /// That padding, and the length of its initial payload.
    Pad {
        ciphers: Ciphers,
        method: Method,
        len: usize,
    },
    /// The initial payload.
    Initial {
        ciphers: Ciphers,
        method: Method,
        len: usize,
    },
    /// All was said but that it is over.
    Answered(Box<Established>),
    Over,
}

/// The handshake of who accepts.
pub struct Responder {
    allows: Methods,
    noise: Noise,
    state: State,
    buffer: Buffer,
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").finish_non_exhaustive()
    }
}

impl Responder {
    /// Costs nothing until a public key has come.
    #[must_use]
    pub fn new(allows: Methods, noise: Noise) -> Self {
        Self {
            allows,
            noise,
            state: State::Key,
            buffer: Buffer::default(),
        }
    }

    /// Takes bytes from the peer.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.feed(bytes);
    }

    /// Names the torrent that [`Event::Find`] asked for. If there is none, the connection is to be closed.
    pub fn found(&mut self, torrent: InfoHash) {
        if let State::Asked(shared) = &self.state {
            self.state = State::Offer(Ciphers::of_responder(shared, torrent));
        }
    }

    /// What is next.
    ///
    /// # Errors
    /// What the peer did wrong; the connection is to be closed.
    pub fn advance(&mut self) -> Result<Event, Violation> {
        loop {
            let state = std::mem::replace(&mut self.state, State::Over);
            let (state, event) = self.step(state)?;
            self.state = state;
            if let Some(event) = event {
                return Ok(event);
            }
        }
    }

    /// The state that follows, and what to say; without that, the next step is due at once.
    fn step(&mut self, state: State) -> Result<(State, Option<Event>), Violation> {
        Ok(match state {
            State::Key => match self.buffer.take::<KEY_LEN>() {
                Some(theirs) => {
                    let secret = Secret::new(&self.noise.secret);
                    let shared = secret.shared_with(&theirs)?;
                    let mut answer = secret.public().to_vec();
                    answer.extend(self.noise.pad());
                    (State::Sync(shared), Some(Event::Send(answer)))
                }
                None => (State::Key, Some(Event::Wait)),
            },
            State::Sync(shared) => {
                if self.buffer.skip_to(&shared.sync_mark())? {
                    (State::Torrent(shared), None)
                } else {
                    (State::Sync(shared), Some(Event::Wait))
                }
            }
            State::Torrent(shared) => match self.buffer.take() {
                Some(masked) => {
                    let skey_hash = shared.mask(&masked);
                    (State::Asked(shared), Some(Event::Find(skey_hash)))
                }
                None => (State::Torrent(shared), Some(Event::Wait)),
            },
            State::Offer(ciphers) => self.offer(ciphers)?,
            State::Pad {
                ciphers,
                method,
                len,
            } => self.pad(ciphers, method, len)?,
            State::Initial {
                ciphers,
                method,
                len,
            } => self.initial(ciphers, method, len),
            State::Answered(done) => (State::Over, Some(Event::Done(done))),
            asked @ (State::Asked(_) | State::Over) => (asked, Some(Event::Wait)),
        })
    }

    fn offer(&mut self, mut ciphers: Ciphers) -> Result<(State, Option<Event>), Violation> {
        let Some(bytes) = self.buffer.decrypt::<14>(&mut ciphers.incoming) else {
            return Ok((State::Offer(ciphers), Some(Event::Wait)));
        };
        let [vc @ .., a, b, c, d, len_high, len_low] = bytes;
        if vc != VC {
            return Err(Violation::MseConstant);
        }
        let bits = u32::from_be_bytes([a, b, c, d]);
        let method = self.allows.choose(bits);
        let method = method.ok_or(Violation::MseMethod { bits })?;
        let pad = State::Pad {
            ciphers,
            method,
            len: pad_len([len_high, len_low])?,
        };
        Ok((pad, None))
    }

    fn pad(
        &mut self,
        mut ciphers: Ciphers,
        method: Method,
        len: usize,
    ) -> Result<(State, Option<Event>), Violation> {
        let Some(bytes) = self.buffer.decrypt_many(len + 2, &mut ciphers.incoming) else {
            let pad = State::Pad {
                ciphers,
                method,
                len,
            };
            return Ok((pad, Some(Event::Wait)));
        };
        let initial_len = usize::from(u16::from_be_bytes([bytes[len], bytes[len + 1]]));
        if initial_len > INITIAL_MAX {
            return Err(Violation::MseInitial { len: initial_len });
        }
        let initial = State::Initial {
            ciphers,
            method,
            len: initial_len,
        };
        Ok((initial, None))
    }

    fn initial(
        &mut self,
        mut ciphers: Ciphers,
        method: Method,
        len: usize,
    ) -> (State, Option<Event>) {
        let Some(initial) = self.buffer.decrypt_many(len, &mut ciphers.incoming) else {
            let initial = State::Initial {
                ciphers,
                method,
                len,
            };
            return (initial, Some(Event::Wait));
        };
        let pad_len = self.noise.second_pad_len.min(PAD_MAX);
        let select = match method {
            Method::Plaintext => Methods::Plaintext,
            Method::Rc4 => Methods::Rc4,
        };
        let mut answer = VC.to_vec();
        answer.extend(select.bits().to_be_bytes());
        answer.extend(u16::try_from(pad_len).unwrap_or(0).to_be_bytes());
        answer.resize(answer.len() + pad_len, 0);
        ciphers.outgoing.apply(&mut answer);
        let done = Established::new(method, ciphers, &mut self.buffer, initial);
        (State::Answered(Box::new(done)), Some(Event::Send(answer)))
    }
}
