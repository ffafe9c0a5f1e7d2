//! A listener with one torrent, and two peers that talk.

use bytes::BytesMut;
use gostorm_wire::mse::{Methods, skey_hash};
use gostorm_wire::{BLOCK_LEN, BlockSpan, Message, PieceIndex, encode_piece_header};
use tokio::sync::mpsc;

use super::*;
use crate::listen::{Accept, Incoming, Listener, Welcome};
use crate::peer::{self, PeerConfig, PeerEvent, PeerWhat};
use crate::pool::Pool;

pub(super) struct OneTorrent(mpsc::Sender<Incoming>);

impl Accept for OneTorrent {
    fn accepts(&self, info_hash: InfoHash) -> Option<Welcome> {
        self.meant_by(&skey_hash(info_hash)).map(|_| Welcome {
            twin: None,
            ours: handshake(1, 2),
            to: self.0.clone(),
        })
    }

    fn meant_by(&self, hash: &[u8; 20]) -> Option<InfoHash> {
        let ours = InfoHash([1; 20]);
        (*hash == skey_hash(ours)).then_some(ours)
    }
}

pub(super) struct Host {
    listener: Listener,
    pub(super) incoming: mpsc::Receiver<Incoming>,
}

impl Host {
    pub(super) fn new(incoming: Encrypt, methods: Methods) -> Self {
        Self::with(incoming, methods, None)
    }

    pub(super) fn with(incoming: Encrypt, methods: Methods, utp: Option<&Endpoints>) -> Self {
        let (to, queue) = mpsc::channel(4);
        let encryption = Encryption {
            incoming,
            methods,
            ..Encryption::default()
        };
        let at = ["127.0.0.1:0".parse().unwrap()];
        let accept = Arc::new(OneTorrent(to));
        let listener = Listener::bind(&Net::new(), &at, accept, encryption, utp).unwrap();
        Self {
            listener,
            incoming: queue,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.listener.addresses()[0]
    }
}

pub(super) fn dialer_of(outgoing: Encrypt, methods: Methods) -> Dialer {
    let encryption = Encryption {
        outgoing,
        methods,
        ..Encryption::default()
    };
    Dialer::new(
        Arc::new(Net::new()),
        encryption,
        DialTimeouts::default(),
        Arc::default(),
    )
}

/// Blocks and messages from `far` come to a peer's task on `near`, and what it says back.
pub(super) async fn talk(near: Transport, mut far: Transport) {
    let pool = Pool::new(1 << 20);
    let (events, mut inbox) = mpsc::channel::<PeerEvent>(64);
    let handle = peer::spawn(1, near, pool, events, PeerConfig::default());
    let mut sent = BytesMut::new();
    let span = |begin| BlockSpan {
        piece: PieceIndex(3),
        begin: begin * BLOCK_LEN,
        len: BLOCK_LEN,
    };
    for number in 0..5 {
        encode_piece_header(span(number), &mut sent);
        sent.resize(sent.len() + BLOCK_LEN as usize, 9);
        Message::Have(PieceIndex(number)).encode(&mut sent);
    }
    let received = async {
        for number in 0..5 {
            let PeerWhat::Block { span: got, data } = inbox.recv().await.unwrap().what else {
                panic!("no block");
            };
            assert_eq!(got, span(number));
            assert!(data.iter().all(|byte| *byte == 9));
            let PeerWhat::Message(message) = inbox.recv().await.unwrap().what else {
                panic!("no message");
            };
            assert_eq!(message, Message::Have(PieceIndex(number)));
        }
    };
    let (written, ()) = tokio::join!(far.write_all(&mut sent), received);
    written.unwrap();
    let mut expected = BytesMut::new();
    for message in [Message::Interested, Message::Have(PieceIndex(8))] {
        message.encode(&mut expected);
        assert!(handle.send(message));
    }
    let mut got = vec![0; expected.len()];
    far.read_exact(&mut got).await.unwrap();
    assert_eq!(got, expected);
    drop(handle);
    assert_eq!(far.read(&mut [0]).await.unwrap(), 0, "it is closed");
}
