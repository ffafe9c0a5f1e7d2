//! The side that dials.

use std::fmt;

use crate::id::InfoHash;
use crate::violation::Violation;

use super::buffer::{Buffer, PAD_MAX, pad_len};
use super::cipher::Ciphers;
use super::keys::{KEY_LEN, Secret, Shared, skey_hash};
use super::terms::{Established, Event, Method, Methods, Noise, VC};

enum State {
    /// Our public key has not been said.
    Start,
    /// The peer's public key comes.
    Key,
    /// Its padding, and the verification constant behind it, which is `mark` when encrypted.
    Sync {
        ciphers: Ciphers,
        mark: [u8; 8],
    },
    /// What it selects.
    Select(Ciphers),
    /// Its second padding.
    Pad {
        ciphers: Ciphers,
        method: Method,
        len: usize,
    },
    Over,
}

/// The handshake of who dials: knows the torrent, proposes methods, and sends the first bytes of its payload along.
pub struct Initiator {
    torrent: InfoHash,
    offers: Methods,
    initial: Vec<u8>,
    noise: Noise,
    secret: Secret,
    state: State,
    buffer: Buffer,
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initiator").finish_non_exhaustive()
    }
}

impl Initiator {
    /// `initial`, the BitTorrent handshake, goes out with our last step, which saves a round trip; at most 65,535
    /// bytes of it are sent.
    #[must_use]
    pub fn new(torrent: InfoHash, offers: Methods, initial: &[u8], noise: Noise) -> Self {
        Self {
            torrent,
            offers,
            initial: initial[..initial.len().min(u16::MAX.into())].to_vec(),
            secret: Secret::new(&noise.secret),
            noise,
            state: State::Start,
            buffer: Buffer::default(),
        }
    }

    /// Takes bytes from the peer.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.feed(bytes);
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
            State::Start => {
                let mut hello = self.secret.public().to_vec();
                hello.extend(self.noise.pad());
                (State::Key, Some(Event::Send(hello)))
            }
            State::Key => match self.buffer.take::<KEY_LEN>() {
                Some(theirs) => self.propose(&self.secret.shared_with(&theirs)?),
                None => (State::Key, Some(Event::Wait)),
            },
            State::Sync { ciphers, mark } => {
                if self.buffer.skip_to(&mark)? {
                    (State::Select(ciphers), None)
                } else {
                    (State::Sync { ciphers, mark }, Some(Event::Wait))
                }
            }
            State::Select(mut ciphers) => match self.buffer.decrypt::<6>(&mut ciphers.incoming) {
                Some([a, b, c, d, len @ ..]) => {
                    let select = u32::from_be_bytes([a, b, c, d]);
                    let method = self.offers.selected(select);
                    let method = method.ok_or(Violation::MseMethod { bits: select })?;
                    let len = pad_len(len)?;
                    let pad = State::Pad {
                        ciphers,
                        method,
                        len,
                    };
                    (pad, None)
                }
                None => (State::Select(ciphers), Some(Event::Wait)),
            },
            State::Pad {
                mut ciphers,
                method,
                len,
            } => match self.buffer.decrypt_many(len, &mut ciphers.incoming) {
                Some(_) => {
                    let done = Established::new(method, ciphers, &mut self.buffer, Vec::new());
                    (State::Over, Some(Event::Done(Box::new(done))))
                }
                None => {
                    let pad = State::Pad {
                        ciphers,
                        method,
                        len,
                    };
                    (pad, Some(Event::Wait))
                }
            },
            State::Over => (State::Over, Some(Event::Wait)),
        })
    }

    /// Names the torrent and the methods, with the initial payload behind.
    fn propose(&self, shared: &Shared) -> (State, Option<Event>) {
        let mut ciphers = Ciphers::of_initiator(shared, self.torrent);
        let mut proposal = shared.sync_mark().to_vec();
        proposal.extend(shared.mask(&skey_hash(self.torrent)));
        let encrypted_from = proposal.len();
        let pad_len = self.noise.second_pad_len.min(PAD_MAX);
        let len = |len: usize| u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        proposal.extend(VC);
        proposal.extend(self.offers.bits().to_be_bytes());
        proposal.extend(len(pad_len));
        proposal.resize(proposal.len() + pad_len, 0);
        proposal.extend(len(self.initial.len()));
        proposal.extend(&self.initial);
        ciphers.outgoing.apply(&mut proposal[encrypted_from..]);
        let mut mark = VC;
        // The cipher stands behind the mark from here on, wherever it will be met.
        ciphers.incoming.apply(&mut mark);
        (State::Sync { ciphers, mark }, Some(Event::Send(proposal)))
    }
}
