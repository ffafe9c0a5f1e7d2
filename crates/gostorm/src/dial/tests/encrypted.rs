//! Encrypted connections between our two sides, and with those who do not take every greeting.

use gostorm_wire::mse::Methods;
use tokio::net::TcpStream;

use super::host::{Host, dialer_of, talk};
use super::*;

#[tokio::test]
async fn who_dials_and_who_is_dialled_meet_where_their_policies_do() {
    use Encrypt::{Off, Prefer, Require};
    for (outgoing, incoming, encrypted) in [
        (Prefer, Prefer, Some(false)),
        (Prefer, Require, Some(true)),
        (Prefer, Off, Some(false)),
        (Require, Prefer, Some(true)),
        (Require, Require, Some(true)),
        (Require, Off, None),
        (Off, Prefer, Some(false)),
        (Off, Require, None),
        (Off, Off, Some(false)),
    ] {
        let mut host = Host::new(incoming, Methods::Rc4);
        let dialer = dialer_of(outgoing, Methods::Rc4);
        let dialled = dialer.dial(host.address(), &handshake(1, 1), None).await;
        let got = dialled.as_ref().ok().map(|d| d.transport.is_encrypted());
        assert_eq!(got, encrypted, "{outgoing:?} {incoming:?}: {dialled:?}");
        if let Some(encrypted) = encrypted {
            let peer = host.incoming.recv().await.unwrap();
            assert_eq!(peer.stream.is_encrypted(), encrypted);
            assert_eq!(peer.theirs, handshake(1, 1));
            assert_eq!(dialled.unwrap().theirs, handshake(1, 2));
        }
    }
}

#[tokio::test]
async fn a_handshake_may_be_hidden_and_what_follows_not() {
    for methods in [Methods::Plaintext, Methods::Both] {
        let mut host = Host::new(Encrypt::Require, methods);
        let dialer = dialer_of(Encrypt::Require, methods);
        let dialled = dialer.dial(host.address(), &handshake(1, 1), None).await;
        assert!(!dialled.unwrap().transport.is_encrypted());
        assert!(!host.incoming.recv().await.unwrap().stream.is_encrypted());
    }
}

#[tokio::test]
async fn an_address_that_wanted_encryption_is_greeted_so_at_once_the_next_time() {
    let host = Host::new(Encrypt::Require, Methods::Both);
    let dialer = dialer_of(Encrypt::Prefer, Methods::Both);
    let encrypted = Greeting::Encrypted(Methods::Both);
    let first = |dialer: &Dialer| dialer.habits.greetings(&dialer.encryption, host.address())[0];
    assert_eq!(first(&dialer), Greeting::Plain);
    dialer
        .dial(host.address(), &handshake(1, 1), None)
        .await
        .unwrap();
    assert_eq!(first(&dialer), encrypted);
}

#[tokio::test]
async fn a_torrent_that_is_not_awake_is_told_nothing() {
    let host = Host::new(Encrypt::Prefer, Methods::Both);
    let dialer = dialer_of(Encrypt::Require, Methods::Both);
    let error = dialer.dial(host.address(), &handshake(3, 1), None).await;
    assert!(matches!(error.unwrap_err(), DialError::Closed(_)));
}

#[tokio::test(start_paused = true)]
async fn a_silent_encryption_handshake_ends_in_time_on_both_sides() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialer = dialer_of(Encrypt::Require, Methods::Both);
    let ours = handshake(1, 1);
    let error = dialer.dial(silent.local_addr().unwrap(), &ours, None).await;
    assert!(matches!(error.unwrap_err(), DialError::HandshakeTimeout));
    let host = Host::new(Encrypt::Prefer, Methods::Both);
    let mut remote = TcpStream::connect(host.address()).await.unwrap();
    // A key, and then nothing but what might be padding.
    remote.write_all(&[7; 96 + 300]).await.unwrap();
    let mut answer = Vec::new();
    let _ = remote.read_to_end(&mut answer).await;
    assert!((96..=96 + 512).contains(&answer.len()));
}

#[tokio::test]
async fn peers_talk_through_an_encrypted_connection() {
    let mut host = Host::new(Encrypt::Require, Methods::Rc4);
    let dialer = dialer_of(Encrypt::Require, Methods::Rc4);
    let dialled = dialer.dial(host.address(), &handshake(1, 1), None).await;
    let near = host.incoming.recv().await.unwrap().stream;
    talk(near, dialled.unwrap().transport).await;
}
