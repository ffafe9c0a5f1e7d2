//! Dials to a real socket behind which the test plays the peer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use gostorm_wire::{PeerId, Reserved};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::encryption::Encrypt;

mod encrypted;
mod host;
mod utp;

fn handshake(info_hash: u8, peer_id: u8) -> Handshake {
    Handshake {
        reserved: Reserved {
            fast: true,
            extended: true,
            dht: false,
            v2: false,
        },
        info_hash: InfoHash([info_hash; 20]),
        peer_id: PeerId([peer_id; 20]),
    }
}

fn dialer(outgoing: Encrypt) -> Dialer {
    let encryption = Encryption {
        outgoing,
        ..Encryption::default()
    };
    Dialer::new(
        Arc::new(Net::new()),
        encryption,
        DialTimeouts::default(),
        Arc::default(),
    )
}

/// Dials a peer that answers with these bytes and then, if so said, closes.
async fn dial_one_that_sends(bytes: &[u8], closes: bool) -> Result<Dialled, DialError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ours = handshake(1, 1);
    let answer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut theirs = [0; HANDSHAKE_LEN];
        stream.read_exact(&mut theirs).await.unwrap();
        assert_eq!(Handshake::decode(&theirs).unwrap(), ours);
        stream.write_all(bytes).await.unwrap();
        (!closes).then_some(stream)
    };
    let dialer = dialer(Encrypt::Off);
    let (dialled, _held_open) = tokio::join!(dialer.dial(address, &ours, None), answer);
    dialled
}

#[tokio::test]
async fn a_peer_of_the_torrent_is_greeted_and_nothing_more_is_read() {
    let theirs = handshake(1, 2);
    let sent = [&theirs.encode()[..], b"next"].concat();
    let mut dialled = dial_one_that_sends(&sent, true).await.unwrap();
    assert_eq!(dialled.theirs, theirs);
    let mut rest = [0; 5];
    assert_eq!(dialled.transport.read(&mut rest).await.unwrap(), 4);
    assert_eq!(&rest, b"next\0");
}

#[tokio::test]
async fn a_peer_of_another_torrent_is_refused() {
    let error = dial_one_that_sends(&handshake(3, 2).encode(), false)
        .await
        .unwrap_err();
    assert!(matches!(error, DialError::WrongInfoHash(InfoHash(hash)) if hash == [3; 20]));
}

#[tokio::test]
async fn our_own_address_is_found_out() {
    let error = dial_one_that_sends(&handshake(1, 1).encode(), false)
        .await
        .unwrap_err();
    assert!(matches!(error, DialError::SelfConnection));
}

#[tokio::test]
async fn another_protocol_is_refused() {
    let error = dial_one_that_sends(&[b'x'; HANDSHAKE_LEN], false)
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        DialError::Violation(Violation::NotBitTorrent)
    ));
}

#[tokio::test]
async fn a_peer_that_hangs_up_is_told_from_one_that_is_not_there() {
    let error = dial_one_that_sends(b"\x13BitTorrent", true).await;
    assert!(matches!(error.unwrap_err(), DialError::Closed(_)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let error = dialer(Encrypt::Prefer)
        .dial(nobody, &handshake(1, 1), None)
        .await;
    assert!(matches!(error.unwrap_err(), DialError::Connect(_)));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_given_up() {
    let error = dial_one_that_sends(b"\x13BitTorrent protocol", false).await;
    assert!(matches!(error.unwrap_err(), DialError::HandshakeTimeout));
}
