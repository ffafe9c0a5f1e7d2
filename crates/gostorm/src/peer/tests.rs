//! Two real ends on loopback: our peer task, and a remote that the test plays byte by byte.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use gostorm_wire::{BLOCK_LEN, PieceIndex, encode_piece_header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::*;
use crate::cache::PieceBuf;
use crate::pool::{BLOCK_BYTES, Pool};

struct Ends {
    remote: TcpStream,
    handle: PeerHandle,
    events: mpsc::Receiver<PeerEvent>,
    pool: Pool,
}

async fn ends(pool: Pool, config: PeerConfig) -> Ends {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let remote = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (ours, _) = listener.accept().await.unwrap();
    let (sender, events) = mpsc::channel(64);
    let handle = spawn(7, ours, pool.clone(), sender, config);
    Ends {
        remote,
        handle,
        events,
        pool,
    }
}

async fn usual_ends() -> Ends {
    ends(Pool::new(1 << 20), PeerConfig::default()).await
}

impl Ends {
    async fn next(&mut self) -> PeerWhat {
        let event = self.events.recv().await.unwrap();
        assert_eq!(event.peer, 7);
        event.what
    }

    /// Lets this much virtual time pass, in which nothing may be reported.
    async fn quiet_for(&mut self, seconds: u64) {
        let next = timeout(Duration::from_secs(seconds), self.events.recv()).await;
        assert!(next.is_err(), "{next:?}");
    }

    async fn message(&mut self) -> Message {
        let what = self.next().await;
        let PeerWhat::Message(message) = what else {
            panic!("{what:?}");
        };
        message
    }

    async fn closed(&mut self) -> CloseReason {
        loop {
            if let PeerWhat::Closed(reason) = self.next().await {
                assert!(
                    self.events.recv().await.is_none(),
                    "an event after the last"
                );
                return reason;
            }
        }
    }
}

fn span(piece: u32, begin: u32, len: u32) -> BlockSpan {
    BlockSpan {
        piece: PieceIndex(piece),
        begin,
        len,
    }
}

fn block(span: BlockSpan, fill: u8) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode_piece_header(span, &mut out);
    let mut out = out.to_vec();
    out.resize(out.len() + span.len as usize, fill);
    out
}

fn encoded(messages: &[Message]) -> Vec<u8> {
    let mut out = BytesMut::new();
    messages.iter().for_each(|message| message.encode(&mut out));
    out.to_vec()
}

fn verified_piece(pool: &Pool, fill: u8) -> Arc<PieceBuf> {
    let piece = PieceBuf::new(BLOCK_LEN);
    let mut data = pool.try_take().unwrap();
    data.copy_from(&[fill; BLOCK_BYTES]);
    piece.fill(0, data);
    piece.mark_verified();
    Arc::new(piece)
}

#[tokio::test]
async fn blocks_and_messages_arrive_in_order_with_their_bytes() {
    let mut ends = usual_ends().await;
    let bits = Bytes::from(vec![0xa5; 30_000]);
    let mut sent = encoded(&[Message::Bitfield(bits.clone()), Message::KeepAlive]);
    sent.extend(block(span(1, 0, BLOCK_LEN), 1));
    sent.extend(encoded(&[Message::Unchoke]));
    sent.extend(block(span(1, BLOCK_LEN, 5), 2));
    sent.extend(encoded(&[Message::Have(PieceIndex(3))]));
    ends.remote.write_all(&sent).await.unwrap();
    assert_eq!(ends.message().await, Message::Bitfield(bits));
    for (expected, fill) in [(span(1, 0, BLOCK_LEN), 1), (span(1, BLOCK_LEN, 5), 2)] {
        let PeerWhat::Block { span, data } = ends.next().await else {
            panic!("no block");
        };
        assert_eq!(span, expected);
        assert_eq!(*data, vec![fill; expected.len as usize]);
        let expected = if fill == 1 {
            Message::Unchoke
        } else {
            Message::Have(PieceIndex(3))
        };
        assert_eq!(ends.message().await, expected);
    }
}

#[tokio::test]
async fn what_is_said_is_written_in_order_and_blocks_come_behind_it() {
    let mut ends = usual_ends().await;
    let piece = verified_piece(&ends.pool, 9);
    let request = Message::Request(span(0, 0, BLOCK_LEN));
    assert!(ends.handle.send(Message::Interested));
    for _ in 0..1000 {
        assert!(ends.handle.send(request.clone()));
    }
    assert!(ends.handle.send_block(span(4, 0, 100), &piece));
    assert!(ends.handle.send_block(span(4, 0, BLOCK_LEN), &piece));
    drop(piece);
    assert_eq!(ends.pool.live_bytes(), 0, "an upload kept its piece");
    assert!(ends.handle.send(Message::Choke));
    let mut expected = encoded(&[Message::Interested]);
    (0..1000).for_each(|_| expected.extend(encoded(std::slice::from_ref(&request))));
    expected.extend(encoded(&[Message::Choke]));
    expected.extend(block(span(4, 0, 100), 9));
    expected.extend(block(span(4, 0, BLOCK_LEN), 9));
    let mut got = vec![0; expected.len()];
    ends.remote.read_exact(&mut got).await.unwrap();
    assert!(got == expected);
    let mut reported = 0;
    while reported < u64::from(100 + BLOCK_LEN) {
        let PeerWhat::Uploaded(bytes) = ends.next().await else {
            panic!("another event");
        };
        reported += bytes;
    }
    assert_eq!(reported, u64::from(100 + BLOCK_LEN));
}

#[tokio::test]
async fn a_block_that_is_not_held_and_verified_is_not_uploaded() {
    let ends = usual_ends().await;
    let piece = verified_piece(&ends.pool, 9);
    for wrong in [
        span(0, 0, 0),
        span(0, 1, BLOCK_LEN),
        span(0, BLOCK_LEN - 1, 2),
        span(0, u32::MAX, u32::MAX),
    ] {
        assert!(!ends.handle.send_block(wrong, &piece), "{wrong}");
    }
    let unverified = Arc::new(PieceBuf::new(BLOCK_LEN));
    let mut data = ends.pool.try_take().unwrap();
    data.set_len(BLOCK_BYTES);
    unverified.fill(0, data);
    assert!(!ends.handle.send_block(span(0, 0, 1), &unverified));
}

#[tokio::test]
async fn queues_are_bounded() {
    let config = PeerConfig {
        send_queue_len: 8,
        upload_queue_len: 2,
        ..PeerConfig::default()
    };
    // On this one thread the peer's task does not run before the next await.
    let ends = ends(Pool::new(1 << 20), config).await;
    let piece = verified_piece(&ends.pool, 9);
    let uploads = (0..5).filter(|_| ends.handle.send_block(span(0, 0, 1), &piece));
    assert_eq!(uploads.count(), 2);
    let messages = (0..10).filter(|_| ends.handle.send(Message::Choke));
    assert_eq!(messages.count(), 8);
}

#[tokio::test]
async fn what_nobody_asks_for_closes_the_connection() {
    let oversize_message = [&0x7fff_ffff_u32.to_be_bytes()[..], &[5]].concat();
    for (sent, says) in [
        (block(span(0, 1, 10), 0), "nobody asks for"),
        (
            block(span(0, BLOCK_LEN / 2, BLOCK_LEN / 2), 0),
            "nobody asks for",
        ),
        (block(span(0, 0, 0), 0), "violation"),
        (block(span(0, 0, BLOCK_LEN + 1), 0), "violation"),
        (oversize_message, "violation"),
        (vec![0, 0, 0, 2, 4, 4], "violation"),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "violation"),
        (vec![0xff; 4096], "violation"),
    ] {
        let mut ends = usual_ends().await;
        ends.remote.write_all(&sent).await.unwrap();
        let reason = ends.closed().await;
        assert!(reason.is_violation());
        assert!(reason.to_string().contains(says), "{reason}");
        assert!(ends.handle.is_closed());
        assert!(!ends.handle.send(Message::Choke));
        assert_eq!(ends.pool.live_bytes(), 0);
    }
}

#[tokio::test]
async fn a_remote_that_closes_its_half_is_closed() {
    for sent in [
        encoded(&[Message::Choke]),
        block(span(0, 0, BLOCK_LEN), 1)[..5000].to_vec(),
    ] {
        let mut ends = usual_ends().await;
        ends.remote.write_all(&sent).await.unwrap();
        ends.remote.shutdown().await.unwrap();
        assert_eq!(ends.closed().await, CloseReason::Eof);
        assert_eq!(ends.pool.live_bytes(), 0);
        assert_eq!(ends.remote.read(&mut [0]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_dropped_handle_closes_the_socket_without_an_event() {
    let Ends {
        mut remote,
        handle,
        mut events,
        ..
    } = usual_ends().await;
    drop(handle);
    assert_eq!(remote.read(&mut [0]).await.unwrap(), 0);
    assert!(events.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_closed_and_one_that_speaks_is_not() {
    let mut ends = usual_ends().await;
    let started = Instant::now();
    for said in [Message::KeepAlive, Message::Choke, Message::Choke] {
        ends.quiet_for(110).await;
        ends.remote
            .write_all(&encoded(std::slice::from_ref(&said)))
            .await
            .unwrap();
        if said != Message::KeepAlive {
            assert_eq!(ends.message().await, said);
        }
    }
    assert_eq!(ends.closed().await, CloseReason::Idle);
    let lasted = started.elapsed().as_secs();
    assert!((330 + 149..330 + 152).contains(&lasted), "{lasted} s");
}

#[tokio::test(start_paused = true)]
async fn bytes_that_complete_nothing_do_not_keep_a_peer() {
    let mut ends = usual_ends().await;
    let dribble = block(span(0, 0, BLOCK_LEN), 1);
    // One byte in 20 s, for 140 of the 150 s that a peer has.
    for byte in &dribble[..7] {
        ends.remote.write_all(&[*byte]).await.unwrap();
        ends.quiet_for(20).await;
    }
    ends.remote.write_all(&dribble[7..30]).await.unwrap();
    let started = Instant::now();
    assert_eq!(ends.closed().await, CloseReason::Idle);
    assert!(started.elapsed() < Duration::from_secs(12));
}

#[tokio::test(start_paused = true)]
async fn silence_of_ours_is_broken_by_keep_alives() {
    let config = PeerConfig {
        idle_timeout: Duration::from_secs(100_000),
        ..PeerConfig::default()
    };
    let mut ends = ends(Pool::new(1 << 20), config).await;
    let started = Instant::now();
    let mut got = [1; 8];
    ends.remote.read_exact(&mut got).await.unwrap();
    assert_eq!(got, [0; 8]);
    assert!((199..202).contains(&started.elapsed().as_secs()));
    // A message counts as well: the next keep-alive comes 100 s after it.
    ends.quiet_for(60).await;
    assert!(ends.handle.send(Message::Choke));
    let mut got = [1; 9];
    ends.remote.read_exact(&mut got).await.unwrap();
    assert_eq!(got, [0, 0, 0, 1, 0, 0, 0, 0, 0]);
    assert!((359..362).contains(&started.elapsed().as_secs()));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_closed() {
    let config = PeerConfig {
        idle_timeout: Duration::from_secs(100_000),
        ..PeerConfig::default()
    };
    let mut ends = ends(Pool::new(1 << 20), config).await;
    let piece = verified_piece(&ends.pool, 9);
    // More than the kernel buffers.
    for _ in 0..4000 {
        let _ = ends.handle.send_block(span(0, 0, BLOCK_LEN), &piece);
        tokio::task::yield_now().await;
    }
    assert_eq!(ends.closed().await, CloseReason::WriteStalled);
    drop(piece);
    assert_eq!(ends.pool.live_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_room_in_the_pool_the_socket_waits_and_nobody_is_blamed() {
    let mut ends = ends(Pool::new(u64::from(BLOCK_LEN)), PeerConfig::default()).await;
    let sent = |number: u8| block(span(u32::from(number), 0, BLOCK_LEN), number);
    ends.remote.write_all(&sent(0)).await.unwrap();
    for number in 0..3u8 {
        let PeerWhat::Block { span, data } = ends.next().await else {
            panic!("no block");
        };
        assert_eq!(span.piece, PieceIndex(u32::from(number)));
        assert!(data.iter().all(|byte| *byte == number));
        // Of the next block only a part is there, and its buffer not for longer than the idle time-out.
        let (part, rest) = (
            sent(number + 1)[..5000].to_vec(),
            sent(number + 1)[5000..].to_vec(),
        );
        ends.remote.write_all(&part).await.unwrap();
        ends.quiet_for(1000).await;
        drop(data);
        ends.quiet_for(100).await;
        ends.remote.write_all(&rest).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_floods_us_with_messages_is_closed_for_it() {
    for message in [
        Message::KeepAlive,
        Message::Interested,
        Message::Have(PieceIndex(1)),
        Message::Request(span(0, 0, BLOCK_LEN)),
        Message::Unknown { id: 99 },
        Message::Extended {
            id: 77,
            payload: Bytes::from_static(b"what"),
        },
    ] {
        let mut ends = usual_ends().await;
        let flood = encoded(&vec![message.clone(); 4_096]);
        let remote = &mut ends.remote;
        let flooding = async {
            // Ends when our side has closed.
            while remote.write_all(&flood).await.is_ok() {}
        };
        let seen = async {
            let mut reason = None;
            while let Some(event) = ends.events.recv().await {
                if let PeerWhat::Closed(closed) = event.what {
                    reason = Some(closed);
                }
            }
            reason
        };
        let ((), reason) = tokio::join!(flooding, seen);
        assert_eq!(reason, Some(CloseReason::Flood), "{message:?}");
    }
}

#[tokio::test]
async fn a_task_that_panics_closes_its_peer_alone_and_keeps_no_buffer() {
    let pool = Pool::new(1 << 20);
    // A deadline beyond the end of time: the clock panics with the first write.
    let config = PeerConfig {
        write_timeout: Duration::MAX,
        ..PeerConfig::default()
    };
    let mut breaks = ends(pool.clone(), config).await;
    let mut other = ends(pool.clone(), PeerConfig::default()).await;
    assert!(breaks.handle.send(Message::Interested));
    assert_eq!(breaks.closed().await, CloseReason::Broken);
    assert!(
        !CloseReason::Broken.is_violation(),
        "it is no fault of the peer"
    );
    assert!(breaks.handle.is_closed());
    assert_eq!(breaks.remote.read(&mut [0; 64]).await.unwrap_or(0), 0);
    assert!(other.handle.send(Message::Interested));
    other
        .remote
        .write_all(&encoded(&[Message::Unchoke]))
        .await
        .unwrap();
    assert_eq!(other.message().await, Message::Unchoke);
    drop((breaks, other));
    assert_eq!(pool.live_bytes(), pool.free_bytes());
}
