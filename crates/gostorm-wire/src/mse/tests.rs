//! The two state machines against each other, and against those who do not keep to the protocol.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::terms::VC;
use super::*;
use crate::id::InfoHash;
use crate::violation::Violation;

const TORRENT: InfoHash = InfoHash([7; 20]);

fn noise(secret: u8, pad_len: usize, second_pad_len: usize) -> Noise {
    Noise {
        secret: [secret; 20],
        pad: (0..pad_len)
            .map(|at| at.to_le_bytes()[0] ^ secret)
            .collect(),
        second_pad_len,
    }
}

fn initiator(offers: Methods) -> Initiator {
    Initiator::new(TORRENT, offers, b"handshake", noise(1, 300, 20))
}

fn responder(allows: Methods) -> Responder {
    Responder::new(allows, noise(2, 200, 10))
}

/// What one side said, and whether it is through.
#[derive(Default)]
struct Side {
    said: Vec<u8>,
    done: Option<Established>,
}

impl Side {
    /// Lets a machine speak until it waits. The responder serves [`TORRENT`].
    fn take(
        &mut self,
        mut next: impl FnMut() -> Result<Event, Violation>,
    ) -> Result<(), Violation> {
        while self.done.is_none() {
            match next()? {
                Event::Wait => return Ok(()),
                Event::Send(bytes) => self.said.extend(bytes),
                Event::Done(done) => self.done = Some(*done),
                Event::Find(_) => panic!("an initiator knows its torrent"),
            }
        }
        Ok(())
    }
}

fn next_of(responder: &mut Responder) -> Result<Event, Violation> {
    match responder.advance()? {
        Event::Find(hash) => {
            assert_eq!(hash, skey_hash(TORRENT));
            responder.found(TORRENT);
            responder.advance()
        }
        event @ (Event::Wait | Event::Send(_) | Event::Done(_)) => Ok(event),
    }
}

/// Carries bytes in pieces of `step` until both are through.
fn meet(
    mut initiator: Initiator,
    mut responder: Responder,
    step: usize,
) -> Result<(Established, Established), Violation> {
    let (mut a, mut b) = (Side::default(), Side::default());
    for _ in 0..10_000 {
        a.take(|| initiator.advance())?;
        b.take(|| next_of(&mut responder))?;
        if a.done.is_none() {
            let some = b.said.len().min(step);
            initiator.feed(&b.said.drain(..some).collect::<Vec<u8>>());
        }
        if b.done.is_none() {
            let some = a.said.len().min(step);
            responder.feed(&a.said.drain(..some).collect::<Vec<u8>>());
        }
        match (a.done.take(), b.done.take()) {
            (Some(a), Some(b)) => return Ok((a, b)),
            (a_done, b_done) => (a.done, b.done) = (a_done, b_done),
        }
    }
    panic!("they do not come to an end");
}

/// What one says, the other hears.
fn check_talk(from: &mut Established, to: &mut Established) {
    for said in [&b"one thing"[..], b"and another"] {
        let mut bytes = said.to_vec();
        if let Some(ciphers) = &mut from.ciphers {
            ciphers.outgoing.apply(&mut bytes);
            assert_ne!(bytes, said);
        }
        if let Some(ciphers) = &mut to.ciphers {
            ciphers.incoming.apply(&mut bytes);
        }
        assert_eq!(bytes, said);
    }
}

#[test]
fn the_two_sides_meet_however_the_bytes_are_cut() {
    for step in (1..=64).chain((65..1_500).step_by(67)) {
        let (mut a, mut b) = meet(initiator(Methods::Rc4), responder(Methods::Both), step).unwrap();
        assert_eq!((a.method, b.method), (Method::Rc4, Method::Rc4));
        assert_eq!(b.early, b"handshake");
        assert_eq!(a.early, b"");
        check_talk(&mut a, &mut b);
        check_talk(&mut b, &mut a);
    }
}

#[test]
fn the_method_is_one_that_both_are_content_with_and_the_cheaper_of_two() {
    use Methods::{Both, Plaintext, Rc4};
    let cases = [
        (Both, Both, Some(Method::Plaintext)),
        (Both, Plaintext, Some(Method::Plaintext)),
        (Both, Rc4, Some(Method::Rc4)),
        (Plaintext, Both, Some(Method::Plaintext)),
        (Plaintext, Plaintext, Some(Method::Plaintext)),
        (Plaintext, Rc4, None),
        (Rc4, Both, Some(Method::Rc4)),
        (Rc4, Plaintext, None),
        (Rc4, Rc4, Some(Method::Rc4)),
    ];
    for (offers, allows, method) in cases {
        let met = meet(initiator(offers), responder(allows), 64);
        match (met, method) {
            (Ok((mut a, mut b)), Some(method)) => {
                assert_eq!((a.method, b.method), (method, method));
                assert_eq!(a.ciphers.is_some(), method == Method::Rc4);
                assert_eq!(b.early, b"handshake");
                check_talk(&mut a, &mut b);
            }
            (Err(violation), None) => {
                assert!(matches!(violation, Violation::MseMethod { .. }));
            }
            (met, _) => panic!("{offers:?} {allows:?}: {met:?}"),
        }
    }
}

#[test]
fn every_padding_may_be_empty_or_as_long_as_it_may_be() {
    for (first, second) in [
        (0, 0),
        (PAD_MAX, PAD_MAX),
        (0, PAD_MAX),
        (PAD_MAX, 0),
        (600, 600),
    ] {
        let a = Initiator::new(TORRENT, Methods::Rc4, b"", noise(1, first, second));
        let b = Responder::new(Methods::Rc4, noise(2, first, second));
        let (_, b) = meet(a, b, 1_460).unwrap();
        assert_eq!(b.early, b"");
    }
}

#[test]
fn a_torrent_that_is_not_served_is_asked_for_by_a_hash_and_gets_no_answer() {
    let mut initiator = Initiator::new(InfoHash([9; 20]), Methods::Both, b"", noise(1, 0, 0));
    let mut responder = responder(Methods::Both);
    let mut a = Side::default();
    a.take(|| initiator.advance()).unwrap();
    responder.feed(&a.said);
    let Event::Send(key) = responder.advance().unwrap() else {
        panic!("no key");
    };
    initiator.feed(&key);
    a.said.clear();
    a.take(|| initiator.advance()).unwrap();
    responder.feed(&a.said);
    let Event::Find(hash) = responder.advance().unwrap() else {
        panic!("no question");
    };
    assert_eq!(hash, skey_hash(InfoHash([9; 20])));
    assert!(matches!(responder.advance(), Ok(Event::Wait)));
}

#[test]
fn keys_that_lead_to_no_secret_are_refused_by_both_sides() {
    let prime = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74\
                 020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437\
                 4FE1356D6D51C245E485B576625E7EC6F44C42E9A63A36210000000000090563";
    let prime = data_encoding::HEXUPPER.decode(prime.as_bytes()).unwrap();
    let mut one = vec![0; KEY_LEN];
    one[KEY_LEN - 1] = 1;
    let mut last = prime.clone();
    last[KEY_LEN - 1] -= 1;
    for key in [vec![0; KEY_LEN], one, last, prime, vec![0xff; KEY_LEN]] {
        let mut responder = responder(Methods::Both);
        responder.feed(&key);
        assert_eq!(responder.advance().unwrap_err(), Violation::MseKey);
        let mut initiator = initiator(Methods::Both);
        assert!(matches!(initiator.advance(), Ok(Event::Send(_))));
        initiator.feed(&key);
        assert_eq!(initiator.advance().unwrap_err(), Violation::MseKey);
    }
}

#[test]
fn a_padding_without_an_end_is_refused_at_its_bound() {
    let mut responder = responder(Methods::Both);
    responder.feed(&[5; KEY_LEN]);
    assert!(matches!(responder.advance(), Ok(Event::Send(_))));
    responder.feed(&[5; PAD_MAX + 19]);
    assert!(matches!(responder.advance(), Ok(Event::Wait)));
    responder.feed(&[5]);
    assert_eq!(responder.advance().unwrap_err(), Violation::MseSync);
    let mut initiator = initiator(Methods::Both);
    assert!(matches!(initiator.advance(), Ok(Event::Send(_))));
    initiator.feed(&[5; KEY_LEN + PAD_MAX + 7]);
    assert!(matches!(initiator.advance(), Ok(Event::Send(_))));
    assert!(matches!(initiator.advance(), Ok(Event::Wait)));
    initiator.feed(&[5]);
    assert_eq!(initiator.advance().unwrap_err(), Violation::MseSync);
}

/// Plays an initiator by hand: what the responder says to these bytes behind the masked hash, encrypted.
fn offer(bytes: &[u8]) -> Violation {
    let mut responder = responder(Methods::Both);
    let secret = keys::Secret::new(&[1; 20]);
    responder.feed(&secret.public());
    let Event::Send(answer) = responder.advance().unwrap() else {
        panic!("no key");
    };
    let shared = secret.shared_with(answer.first_chunk().unwrap()).unwrap();
    responder.feed(&shared.sync_mark());
    responder.feed(&shared.mask(&skey_hash(TORRENT)));
    let mut bytes = bytes.to_vec();
    Ciphers::of_initiator(&shared, TORRENT)
        .outgoing
        .apply(&mut bytes);
    responder.feed(&bytes);
    next_of(&mut responder).unwrap_err()
}

#[test]
fn what_a_responder_is_offered_is_checked() {
    let wrong_constant = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0];
    assert_eq!(offer(&wrong_constant), Violation::MseConstant);
    let nothing = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0];
    assert_eq!(offer(&nothing), Violation::MseMethod { bits: 4 });
    let long_pad = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 2, 1];
    assert_eq!(offer(&long_pad), Violation::MsePad { len: 513 });
    let long_initial = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0xff, 0xff];
    assert_eq!(offer(&long_initial), Violation::MseInitial { len: 65_535 });
}

/// Plays a responder by hand: what the initiator says to these bytes behind the verification constant, encrypted.
fn select(bytes: &[u8]) -> Result<Event, Violation> {
    let mut initiator = initiator(Methods::Rc4);
    let Event::Send(hello) = initiator.advance().unwrap() else {
        panic!("no key");
    };
    let secret = keys::Secret::new(&[2; 20]);
    let shared = secret.shared_with(hello.first_chunk().unwrap()).unwrap();
    initiator.feed(&secret.public());
    assert!(matches!(initiator.advance(), Ok(Event::Send(_))));
    let mut bytes = [&VC, bytes].concat();
    Ciphers::of_responder(&shared, TORRENT)
        .outgoing
        .apply(&mut bytes);
    initiator.feed(&bytes);
    initiator.advance()
}

#[test]
fn what_an_initiator_is_given_is_checked() {
    for bits in [0, 1, 3, 4, u32::MAX] {
        let given = [&bits.to_be_bytes()[..], &[0, 0]].concat();
        assert_eq!(select(&given).unwrap_err(), Violation::MseMethod { bits });
    }
    assert_eq!(
        select(&[0, 0, 0, 2, 0xff, 0xff]).unwrap_err(),
        Violation::MsePad { len: 65_535 }
    );
    let Ok(Event::Done(done)) = select(&[0, 0, 0, 2, 0, 1, 0, b'p', b'a', b'y']) else {
        panic!("a right answer");
    };
    assert_eq!(done.early, b"pay");
}

proptest! {
    #[test]
    fn no_bytes_panic_either_side(bytes: Vec<u8>, key: [u8; 32]) {
        let mut responder = responder(Methods::Both);
        responder.feed(&[&key[..], &[1; KEY_LEN - 32], &bytes].concat());
        while let Ok(Event::Send(_) | Event::Find(_)) = responder.advance() {}
        let mut initiator = initiator(Methods::Both);
        initiator.feed(&[&key[..], &[1; KEY_LEN - 32], &bytes].concat());
        while let Ok(Event::Send(_)) = initiator.advance() {}
    }

    #[test]
    fn any_secrets_meet(a: [u8; 20], b: [u8; 20], torrent: [u8; 20]) {
        prop_assume!(a != b);
        let (a, b) = (keys::Secret::new(&a), keys::Secret::new(&b));
        let one = a.shared_with(&b.public()).unwrap();
        let other = b.shared_with(&a.public()).unwrap();
        prop_assert_eq!(one.0, other.0);
        let hash = skey_hash(InfoHash(torrent));
        prop_assert_eq!(other.mask(&one.mask(&hash)), hash);
    }
}
