//! The lab's peers and tracker, spoken to by hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use gostorm_wire::{
    AnnounceError, AnnounceResponse, BLOCK_LEN, BlockSpan, FrameLimits, HANDSHAKE_LEN, Handshake,
    Message, PeerId, PieceIndex, Reserved, Step, next_frame,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

const SOON: Duration = Duration::from_secs(20);

fn film() -> Arc<Content> {
    Arc::new(Content::new(9, 600_000, 64 << 10).unwrap())
}

fn span(piece: u32, block: u32) -> BlockSpan {
    BlockSpan {
        piece: PieceIndex(piece),
        begin: block * BLOCK_LEN,
        len: BLOCK_LEN,
    }
}

/// What a client may hear.
#[derive(Debug, PartialEq)]
enum Sound {
    Message(Message),
    Block(BlockSpan, Vec<u8>),
    Closed,
}

/// A client that has shaken hands.
struct Client {
    stream: TcpStream,
    inbox: BytesMut,
}

impl Client {
    async fn connect(peer: &LabPeer, content: &Content) -> Self {
        let mut stream = TcpStream::connect(peer.addr()).await.unwrap();
        let ours = Handshake {
            reserved: Reserved {
                fast: true,
                extended: false,
                dht: false,
                v2: false,
            },
            info_hash: content.info_hash(),
            peer_id: PeerId::new([1; 12]),
        };
        stream.write_all(&ours.encode()).await.unwrap();
        let mut theirs = [0; HANDSHAKE_LEN];
        stream.read_exact(&mut theirs).await.unwrap();
        assert!(Handshake::decode(&theirs).unwrap().reserved.fast);
        Self {
            stream,
            inbox: BytesMut::new(),
        }
    }

    async fn say(&mut self, message: Message) {
        let mut out = BytesMut::new();
        message.encode(&mut out);
        self.stream.write_all(&out).await.unwrap();
    }

    async fn hear(&mut self) -> Sound {
        loop {
            match next_frame(&self.inbox, &FrameLimits::default()).unwrap() {
                Step::Message { message, consumed } => {
                    self.inbox.advance(consumed);
                    return Sound::Message(message);
                }
                Step::Block { span, consumed }
                    if self.inbox.len() >= consumed + span.len as usize =>
                {
                    self.inbox.advance(consumed);
                    let block = self.inbox.split_to(span.len as usize).to_vec();
                    return Sound::Block(span, block);
                }
                Step::Incomplete { .. } | Step::Block { .. } => {}
            }
            if self.stream.read_buf(&mut self.inbox).await.unwrap_or(0) == 0 {
                return Sound::Closed;
            }
        }
    }

    /// Past what is said at the start, and unchoked.
    async fn unchoked(peer: &LabPeer, content: &Content) -> Self {
        let mut client = Self::connect(peer, content).await;
        client.say(Message::Interested).await;
        while client.hear().await != Sound::Message(Message::Unchoke) {}
        client
    }
}

#[tokio::test]
async fn a_request_is_answered_a_round_trip_later_by_the_films_bytes() {
    let content = film();
    let rtt = Duration::from_millis(30);
    let peer = LabPeer::start(
        &content,
        Script {
            rtt,
            ..Script::default()
        },
    )
    .unwrap();
    let mut client = Client::unchoked(&peer, &content).await;
    let asked = Instant::now();
    client.say(Message::Request(span(1, 2))).await;
    let expected = content.bytes((64 << 10) + 2 * u64::from(BLOCK_LEN), BLOCK_LEN as usize);
    assert_eq!(client.hear().await, Sound::Block(span(1, 2), expected));
    assert!(asked.elapsed() >= rtt);
    let counters = peer.counters();
    assert_eq!((counters.requests, counters.blocks), (1, 1));
    assert_eq!((counters.connections, counters.open), (1, 1));
    drop(client);
    peer.until(SOON, |counters| counters.open == 0)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_a_peer_does_not_have_is_refused() {
    let content = film();
    let peer = LabPeer::start(
        &content,
        Script {
            have: Have::EverySecond,
            ..Script::default()
        },
    )
    .unwrap();
    let mut client = Client::unchoked(&peer, &content).await;
    // The last piece is short: its second block is not there.
    for missing in [span(1, 0), span(8, 5), span(900, 0)] {
        client.say(Message::Request(missing)).await;
        assert_eq!(
            client.hear().await,
            Sound::Message(Message::Reject(missing))
        );
    }
    client.say(Message::Request(span(2, 0))).await;
    assert!(matches!(client.hear().await, Sound::Block(..)));
}

#[tokio::test]
async fn a_block_that_waits_can_be_cancelled_and_asked_again() {
    let content = film();
    let peer = LabPeer::start(&content, Script::line(0, 8 * 65_536, 0)).unwrap();
    let mut client = Client::unchoked(&peer, &content).await;
    // The burst is four blocks; the fifth waits for the bucket.
    for block in 0..4 {
        client.say(Message::Request(span(0, block))).await;
    }
    client.say(Message::Request(span(3, 1))).await;
    client.say(Message::Cancel(span(3, 1))).await;
    let mut blocks = 0;
    let mut sound = client.hear().await;
    while matches!(sound, Sound::Block(..)) {
        blocks += 1;
        sound = client.hear().await;
    }
    assert_eq!(sound, Sound::Message(Message::Reject(span(3, 1))));
    client.say(Message::Request(span(3, 1))).await;
    while blocks < 5 {
        assert!(matches!(client.hear().await, Sound::Block(..)));
        blocks += 1;
    }
    let counters = peer.counters();
    assert_eq!((counters.cancels, counters.cancelled_blocks), (1, 1));
    assert_eq!(counters.duplicate_requests, 0);
    client.say(Message::Request(span(3, 1))).await;
    let counters = peer
        .until(SOON, |counters| counters.requests == 7)
        .await
        .unwrap();
    assert_eq!(counters.duplicate_requests, 1);
}

#[tokio::test]
async fn a_peer_closes_stalls_and_spoils_when_its_script_says_so() {
    let content = film();
    let script = Script {
        close_after: Some(3 * u64::from(BLOCK_LEN)),
        stall_after: Some(5 * u64::from(BLOCK_LEN)),
        corrupt_every: Some(2),
        ..Script::default()
    };
    let peer = LabPeer::start(&content, script).unwrap();
    let mut client = Client::unchoked(&peer, &content).await;
    for block in 0..4 {
        client.say(Message::Request(span(0, block))).await;
    }
    for block in 0..3 {
        let Sound::Block(heard, bytes) = client.hear().await else {
            panic!("no block");
        };
        assert_eq!(heard, span(0, block));
        let right = content.matches(u64::from(block * BLOCK_LEN), &bytes);
        assert_eq!(right, block != 1);
    }
    assert_eq!(client.hear().await, Sound::Closed);
    let mut client = Client::unchoked(&peer, &content).await;
    for block in 0..3 {
        client.say(Message::Request(span(1, block))).await;
    }
    for _ in 0..2 {
        assert!(matches!(client.hear().await, Sound::Block(..)));
    }
    // It still answers what it refuses, after the block that never comes.
    client.say(Message::Request(span(900, 0))).await;
    let refused = Sound::Message(Message::Reject(span(900, 0)));
    assert_eq!(client.hear().await, refused);
    assert_eq!(peer.counters().blocks, 5);
}

#[tokio::test]
async fn a_peer_that_died_answers_nobody() {
    let content = film();
    let script = Script {
        die_after: Some(2 * u64::from(BLOCK_LEN)),
        ..Script::default()
    };
    let peer = LabPeer::start(&content, script).unwrap();
    let mut client = Client::unchoked(&peer, &content).await;
    for block in 0..4 {
        client.say(Message::Request(span(0, block))).await;
    }
    for _ in 0..2 {
        assert!(matches!(client.hear().await, Sound::Block(..)));
    }
    assert_eq!(client.hear().await, Sound::Closed);
    let mut stream = TcpStream::connect(peer.addr()).await.unwrap();
    let mut nothing = [0; 1];
    assert_eq!(stream.read(&mut nothing).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_ledger_tells_what_several_peers_sent_twice_or_wrong() {
    let content = film();
    let ledger = Arc::new(Ledger::default());
    let start = |corrupt_every| {
        let script = Script {
            corrupt_every,
            ..Script::default()
        };
        let ledger = Some(Arc::clone(&ledger));
        LabPeer::start_counted(LabPeer::fresh_addr(), &content, script, ledger).unwrap()
    };
    let (honest, spoiling) = (start(None), start(Some(1)));
    for (peer, blocks) in [(&spoiling, 1), (&honest, 2), (&honest, 1)] {
        let mut client = Client::unchoked(peer, &content).await;
        for block in 0..blocks {
            client.say(Message::Request(span(0, block))).await;
            assert!(matches!(client.hear().await, Sound::Block(..)));
        }
    }
    let block = u64::from(BLOCK_LEN);
    let expected = Totals {
        bytes: 4 * block,
        distinct: 2 * block,
    };
    assert_eq!(ledger.totals(), expected);
}

#[tokio::test]
async fn choking_voids_what_was_asked() {
    let content = film();
    let script = Script {
        stall_after: Some(0),
        chokes: Some(Chokes {
            open: Duration::from_millis(100),
            closed: Duration::from_secs(600),
        }),
        ..Script::default()
    };
    let peer = LabPeer::start(&content, script).unwrap();
    let mut client = Client::unchoked(&peer, &content).await;
    client.say(Message::Request(span(0, 0))).await;
    assert_eq!(client.hear().await, Sound::Message(Message::Choke));
    let refused = Sound::Message(Message::Reject(span(0, 0)));
    assert_eq!(client.hear().await, refused);
}

#[tokio::test]
async fn dropping_a_peer_closes_its_sockets() {
    let content = film();
    let peer = LabPeer::start(&content, Script::default()).unwrap();
    let addr = peer.addr();
    let mut client = Client::unchoked(&peer, &content).await;
    drop(peer);
    assert_eq!(client.hear().await, Sound::Closed);
    assert!(TcpStream::connect(addr).await.is_err());
}

/// An announce by hand; the body of the answer.
async fn announce(tracker: &LabTracker, query: &str) -> Vec<u8> {
    let url = tracker.url();
    let host = url
        .trim_start_matches("http://")
        .trim_end_matches("/announce");
    let mut stream = TcpStream::connect(host).await.unwrap();
    let request = format!("GET /announce?{query} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let head = answer
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .unwrap();
    answer.split_off(head + 4)
}

#[tokio::test]
async fn a_tracker_names_its_peers_and_counts_who_reports() {
    let peers = vec![([127, 0, 1, 9], 4_711).into()];
    let tracker = LabTracker::start(peers.clone(), Duration::ZERO)
        .await
        .unwrap();
    let body = announce(&tracker, "event=started&port=81&left=5").await;
    assert_eq!(AnnounceResponse::parse(&body).unwrap().peers, peers);
    announce(&tracker, "event=stopped&port=81&left=0").await;
    let heard = tracker.heard();
    assert_eq!((heard.started, heard.stopped, heard.announces), (1, 1, 2));
    assert_eq!((heard.left_nothing, heard.port), (1, 81));
    tracker.set_mode(TrackerMode::Refuse("full".to_owned()));
    let refused = AnnounceResponse::parse(&announce(&tracker, "").await);
    assert!(matches!(refused, Err(AnnounceError::Failure { reason, .. }) if reason == "full"));
}
