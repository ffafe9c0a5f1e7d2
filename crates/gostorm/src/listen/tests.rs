//! A real listener on loopback, and remotes of every manner.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use gostorm_wire::mse::skey_hash;
use gostorm_wire::{PeerId, Reserved};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::*;

struct OneTorrent(mpsc::Sender<Incoming>);

impl Accept for OneTorrent {
    fn refuses(&self, ip: IpAddr) -> bool {
        ip == IpAddr::from([127, 0, 0, 66])
    }

    fn accepts(&self, info_hash: InfoHash) -> Option<Welcome> {
        (info_hash == InfoHash([1; 20])).then(|| Welcome {
            twin: None,
            ours: handshake(1, 1),
            to: self.0.clone(),
        })
    }

    fn meant_by(&self, hash: &[u8; 20]) -> Option<InfoHash> {
        let ours = InfoHash([1; 20]);
        (*hash == skey_hash(ours)).then_some(ours)
    }
}

fn handshake(info_hash: u8, peer_id: u8) -> Handshake {
    Handshake {
        reserved: Reserved::default(),
        info_hash: InfoHash([info_hash; 20]),
        peer_id: PeerId([peer_id; 20]),
    }
}

fn listener(room: usize) -> (Listener, mpsc::Receiver<Incoming>) {
    let (to, incoming) = mpsc::channel(room);
    let address = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::bind(
        &Net::new(),
        &[address],
        Arc::new(OneTorrent(to)),
        Encryption::default(),
        None,
    )
    .unwrap();
    (listener, incoming)
}

async fn connect(listener: &Listener) -> TcpStream {
    TcpStream::connect(listener.addresses()[0]).await.unwrap()
}

/// What the listener sends until it closes. A reset is an end as well: what we sent was not all read.
async fn until_closed(mut stream: TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    let _ = stream.read_to_end(&mut got).await;
    got
}

#[tokio::test]
async fn a_peer_of_an_awake_torrent_is_handed_over() {
    let (listener, mut incoming) = listener(1);
    let mut remote = connect(&listener).await;
    let said = handshake(1, 2).encode();
    // Some clients send their id only after our answer.
    remote.write_all(&said[..48]).await.unwrap();
    let mut answer = [0; HANDSHAKE_LEN];
    remote.read_exact(&mut answer).await.unwrap();
    assert_eq!(Handshake::decode(&answer).unwrap(), handshake(1, 1));
    remote.write_all(&said[48..]).await.unwrap();
    remote.write_all(b"next").await.unwrap();
    let mut peer = incoming.recv().await.unwrap();
    assert_eq!(peer.theirs, handshake(1, 2));
    assert_eq!(peer.address, remote.local_addr().unwrap());
    let mut next = [0; 4];
    peer.stream.read_exact(&mut next).await.unwrap();
    assert_eq!(&next, b"next");
}

#[tokio::test]
async fn who_does_not_name_an_awake_torrent_gets_no_byte() {
    let (listener, mut incoming) = listener(1);
    for said in [
        handshake(2, 2).encode().to_vec(),
        vec![0; HANDSHAKE_LEN],
        b"GET / HTTP/1.1\r\nHost: somebody\r\nUser-Agent: a browser\r\n\r\n".to_vec(),
    ] {
        let mut remote = connect(&listener).await;
        remote.write_all(&said).await.unwrap();
        // It might still become an encryption handshake.
        remote.shutdown().await.unwrap();
        assert!(until_closed(remote).await.is_empty());
    }
    drop(listener);
    assert!(incoming.recv().await.is_none());
}

#[tokio::test]
async fn a_connection_to_ourselves_is_closed() {
    let (listener, mut incoming) = listener(1);
    let mut remote = connect(&listener).await;
    remote.write_all(&handshake(1, 1).encode()).await.unwrap();
    until_closed(remote).await;
    drop(listener);
    assert!(incoming.recv().await.is_none());
}

#[tokio::test]
async fn a_peer_for_whom_there_is_no_room_is_closed() {
    let (listener, mut incoming) = listener(1);
    let mut first = connect(&listener).await;
    first.write_all(&handshake(1, 2).encode()).await.unwrap();
    let mut answer = [0; HANDSHAKE_LEN];
    first.read_exact(&mut answer).await.unwrap();
    let mut second = connect(&listener).await;
    second.write_all(&handshake(1, 3).encode()).await.unwrap();
    let mut third = connect(&listener).await;
    third.write_all(&handshake(1, 4).encode()).await.unwrap();
    let closed = tokio::select! {
        _ = until_closed(first) => 2,
        _ = until_closed(second) => 3,
        _ = until_closed(third) => 4,
    };
    assert_ne!(incoming.recv().await.unwrap().theirs.peer_id.0[0], closed);
}

#[tokio::test(start_paused = true)]
async fn silent_connections_of_one_address_are_few_and_end_in_time() {
    let (listener, mut incoming) = listener(1);
    let started = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..HALF_OPEN_PER_IP_MAX {
        let mut remote = connect(&listener).await;
        remote.write_all(b"\x13").await.unwrap();
        silent.push(remote);
    }
    assert!(until_closed(connect(&listener).await).await.is_empty());
    assert_eq!(
        started.elapsed(),
        Duration::ZERO,
        "the one too many had to wait"
    );
    for remote in silent {
        until_closed(remote).await;
    }
    assert!(started.elapsed() < 2 * HANDSHAKE_TIMEOUT);
    let mut remote = connect(&listener).await;
    remote.write_all(&handshake(1, 2).encode()).await.unwrap();
    assert_eq!(incoming.recv().await.unwrap().theirs, handshake(1, 2));
}

#[tokio::test]
async fn a_dropped_listener_leaves_its_port() {
    let (listener, mut incoming) = listener(1);
    let address = listener.addresses()[0];
    let under_way = connect(&listener).await;
    drop(listener);
    // The channel's end shows that the tasks have gone, and their sockets with them.
    assert!(incoming.recv().await.is_none());
    assert!(until_closed(under_way).await.is_empty());
    let again = std::net::TcpListener::bind(address);
    assert!(again.is_ok(), "{again:?}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let (listener, _incoming) = listener(1);
    let taken = listener.addresses()[0];
    let (to, _) = mpsc::channel(1);
    let error = Listener::bind(
        &Net::new(),
        &[taken],
        Arc::new(OneTorrent(to)),
        Encryption::default(),
        None,
    )
    .unwrap_err();
    assert_eq!(error.address, taken);
    assert!(error.to_string().contains(&taken.to_string()));
}
