//! The two sides of the encryption handshake, fed with anything.
//!
//! What has to be encrypted with a key that both sides agreed upon cannot be guessed: an input whose first byte is odd
//! begins behind an honest key exchange, and is encrypted on its way.

use crate::id::InfoHash;
use crate::mse::keys::{KEY_LEN, Secret};
use crate::mse::{Ciphers, Established, Event, INITIAL_MAX, Initiator, Method, Methods, Noise};
use crate::mse::{PAD_MAX, Responder, skey_hash};
use crate::violation::Violation;

const TORRENT: InfoHash = InfoHash([7; 20]);

fn noise(secret: u8) -> Noise {
    Noise {
        secret: [secret; 20],
        pad: vec![secret; 3],
        second_pad_len: 1,
    }
}

/// An input: its steps, the methods, whether it begins behind the key exchange, and the bytes.
fn parts(data: &[u8]) -> Option<(usize, Methods, bool, &[u8])> {
    let (how, bytes) = data.split_first()?;
    let methods = match how >> 1 & 3 {
        0 => Methods::Plaintext,
        1 => Methods::Rc4,
        _ => Methods::Both,
    };
    let step = usize::from(how >> 3).saturating_mul(8).max(1);
    Some((step, methods, how & 1 == 1, bytes))
}

fn check(done: &Established, methods: Methods, fed: usize) {
    match done.method {
        Method::Plaintext => assert!(methods != Methods::Rc4 && done.ciphers.is_none()),
        Method::Rc4 => assert!(methods != Methods::Plaintext && done.ciphers.is_some()),
    }
    assert!(done.early.len() <= fed);
}

/// A dialled peer's bytes, for the side that accepts.
pub fn mse_in(data: &[u8]) {
    let Some((step, methods, keyed, bytes)) = parts(data) else {
        return;
    };
    let mut responder = Responder::new(methods, noise(2));
    let mut bytes = bytes.to_vec();
    if keyed {
        let secret = Secret::new(&[1; 20]);
        responder.feed(&secret.public());
        let Ok(Event::Send(answer)) = responder.advance() else {
            panic!("an honest key is refused");
        };
        let theirs = answer
            .first_chunk::<KEY_LEN>()
            .map(|key| secret.shared_with(key));
        let Some(Ok(shared)) = theirs else {
            panic!("our key is none");
        };
        responder.feed(&shared.sync_mark());
        responder.feed(&shared.mask(&skey_hash(TORRENT)));
        Ciphers::of_initiator(&shared, TORRENT)
            .outgoing
            .apply(&mut bytes);
    }
    let mut fed = 0;
    for part in bytes.chunks(step) {
        responder.feed(part);
        fed += part.len();
        loop {
            match responder.advance() {
                Ok(Event::Wait) => break,
                Ok(Event::Send(said)) => assert!(said.len() <= KEY_LEN + PAD_MAX),
                Ok(Event::Find(_)) => responder.found(TORRENT),
                Ok(Event::Done(done)) => return check(&done, methods, fed),
                Err(violation) => return refused(&violation),
            }
        }
    }
}

/// An accepting peer's bytes, for the side that dials.
pub fn mse_out(data: &[u8]) {
    let Some((step, methods, keyed, bytes)) = parts(data) else {
        return;
    };
    let mut initiator = Initiator::new(TORRENT, methods, &[5; 68], noise(1));
    let Ok(Event::Send(hello)) = initiator.advance() else {
        panic!("who dials speaks first");
    };
    let mut bytes = bytes.to_vec();
    if keyed {
        let secret = Secret::new(&[2; 20]);
        let theirs = hello
            .first_chunk::<KEY_LEN>()
            .map(|key| secret.shared_with(key));
        let Some(Ok(shared)) = theirs else {
            panic!("our key is none");
        };
        initiator.feed(&secret.public());
        Ciphers::of_responder(&shared, TORRENT)
            .outgoing
            .apply(&mut bytes);
    }
    let mut fed = 0;
    for part in bytes.chunks(step) {
        initiator.feed(part);
        fed += part.len();
        loop {
            match initiator.advance() {
                Ok(Event::Wait) => break,
                Ok(Event::Send(said)) => assert!(said.len() <= 2 * PAD_MAX + INITIAL_MAX),
                Ok(Event::Find(_)) => panic!("who dials knows its torrent"),
                Ok(Event::Done(done)) => return check(&done, methods, fed),
                Err(violation) => return refused(&violation),
            }
        }
    }
}

fn refused(violation: &Violation) {
    assert!(!violation.to_string().is_empty());
}
