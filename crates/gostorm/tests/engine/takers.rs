//! Peers that take, played byte by byte: what is asked for right is served, what is asked for wrong ends
//! the connection, and too much of it hurts nobody else.

use bytes::{Buf, BytesMut};
use gostorm_sim::lab::{Content, Script};
use gostorm_wire::{
    BLOCK_LEN, BlockSpan, FrameLimits, HANDSHAKE_LEN, Handshake, Message, PeerId, PieceIndex,
    Reserved, Step, next_frame,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::stand::{MIB, PIECE, SOON, Stand, check, check_all, eventually, film, peer};

/// What a taker reads.
#[derive(Debug)]
enum Heard {
    Message(Message),
    Block(BlockSpan, Vec<u8>),
    Closed,
}

/// A peer that dialled the engine.
struct Taker {
    stream: TcpStream,
    inbox: BytesMut,
}

impl Taker {
    /// Dials, shakes hands and says that it is interested.
    async fn dial(stand: &Stand, content: &Content, fast: bool) -> Self {
        let mut stream = TcpStream::connect(stand.addr()).await.unwrap();
        let ours = Handshake {
            reserved: Reserved {
                fast,
                ..Reserved::default()
            },
            info_hash: content.info_hash(),
            peer_id: PeerId([9; 20]),
        };
        stream.write_all(&ours.encode()).await.unwrap();
        let mut theirs = [0; HANDSHAKE_LEN];
        stream.read_exact(&mut theirs).await.unwrap();
        let inbox = BytesMut::new();
        let mut taker = Self { stream, inbox };
        taker.say(&[Message::Interested]).await;
        taker
    }

    /// One that is unchoked.
    async fn unchoked(stand: &Stand, content: &Content, fast: bool) -> Self {
        let mut taker = Self::dial(stand, content, fast).await;
        while !matches!(taker.hear().await, Heard::Message(Message::Unchoke)) {}
        taker
    }

    async fn say(&mut self, messages: &[Message]) {
        let mut out = BytesMut::new();
        messages.iter().for_each(|message| message.encode(&mut out));
        // The engine may have closed: what is heard next says so.
        let _ = self.stream.write_all(&out).await;
    }

    async fn fill(&mut self) -> bool {
        let read = timeout(SOON, self.stream.read_buf(&mut self.inbox)).await;
        // A reset is an end as well.
        read.unwrap().is_ok_and(|count| count > 0)
    }

    /// The next message but `have`s and keep-alives, the next block, or the end.
    async fn hear(&mut self) -> Heard {
        loop {
            match next_frame(&self.inbox, &FrameLimits::default()).unwrap() {
                Step::Incomplete { .. } => {
                    if !self.fill().await {
                        return Heard::Closed;
                    }
                }
                Step::Message { message, consumed } => {
                    self.inbox.advance(consumed);
                    if !matches!(message, Message::Have(_) | Message::KeepAlive) {
                        return Heard::Message(message);
                    }
                }
                Step::Block { span, consumed } => {
                    self.inbox.advance(consumed);
                    while self.inbox.len() < span.len as usize {
                        if !self.fill().await {
                            return Heard::Closed;
                        }
                    }
                    return Heard::Block(span, self.inbox.split_to(span.len as usize).to_vec());
                }
            }
        }
    }

    async fn closed(&mut self) {
        while !matches!(self.hear().await, Heard::Closed) {}
    }
}

fn span(piece: u32, begin: u32, len: u32) -> BlockSpan {
    BlockSpan {
        piece: PieceIndex(piece),
        begin,
        len,
    }
}

#[tokio::test]
async fn a_peer_that_takes_gets_the_right_bytes() {
    let content = film(120, 4 * MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    check(&stream, &content, 0, 2 * PIECE).await;
    for fast in [true, false] {
        let mut taker = Taker::unchoked(&stand, &content, fast).await;
        let wanted: Vec<_> = (0..PIECE / BLOCK_LEN)
            .map(|block| span(1, block * BLOCK_LEN, BLOCK_LEN))
            .collect();
        let asked: Vec<_> = wanted.iter().copied().map(Message::Request).collect();
        taker.say(&asked).await;
        for expected in wanted {
            let heard = taker.hear().await;
            let Heard::Block(span, bytes) = heard else {
                panic!("{heard:?}");
            };
            assert_eq!(span, expected);
            let offset = u64::from(PIECE) + u64::from(span.begin);
            assert!(content.matches(offset, &bytes), "{span}");
        }
    }
    let info_hash = content.info_hash();
    let state = stand.engine.peek(info_hash).await.unwrap();
    assert!(state.stats.uploaded_bytes > 0);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn requests_that_no_block_answers_end_the_connection_and_nothing_else() {
    let content = film(121, 4 * MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    check(&stream, &content, 0, PIECE).await;
    let pieces = u32::try_from(4 * MIB).unwrap() / PIECE;
    for wrong in [
        span(pieces, 0, BLOCK_LEN),
        span(u32::MAX, 0, BLOCK_LEN),
        span(0, PIECE, BLOCK_LEN),
        span(0, 0, BLOCK_LEN + 1),
        span(0, 0, 128 << 10),
        span(0, 0, 0),
        span(0, u32::MAX, u32::MAX),
    ] {
        let mut taker = Taker::unchoked(&stand, &content, true).await;
        taker.say(&[Message::Request(wrong)]).await;
        taker.closed().await;
    }
    eventually("only the seeder is left", || stand.engine.peer_count() == 1).await;
    check_all(&stream, &content, 0, content.len()).await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_peer_that_asks_for_everything_and_reads_nothing_does_not_stop_the_film() {
    let content = film(122, 8 * MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::with(gostorm::Config {
        upload_limit: None,
        ..crate::stand::config()
    });
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    check(&stream, &content, 0, PIECE).await;
    let mut greedy = Taker::unchoked(&stand, &content, true).await;
    let mut asked = Vec::new();
    for round in 0..8 {
        for block in 0..PIECE / BLOCK_LEN {
            asked.push(Message::Request(span(
                round % 2,
                block * BLOCK_LEN,
                BLOCK_LEN,
            )));
        }
    }
    for _ in 0..4 {
        greedy.say(&asked).await;
    }
    // Another is served meanwhile, and the film goes on.
    let mut other = Taker::unchoked(&stand, &content, true).await;
    other.say(&[Message::Request(span(0, 0, BLOCK_LEN))]).await;
    let heard = other.hear().await;
    assert!(matches!(heard, Heard::Block(..)), "{heard:?}");
    check_all(&stream, &content, 0, content.len()).await;
    let (held, budget) = stand.engine.memory();
    assert!(held <= budget);
    let state = stand.engine.peek(content.info_hash()).await.unwrap();
    assert!(state.stats.queued_requests <= 500, "{:?}", state.stats);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_torrent_that_sleeps_says_what_it_sent() {
    let content = film(123, 2 * MIB);
    let seeder = peer(&content, Script::default());
    let tracker =
        gostorm_sim::lab::LabTracker::start(vec![seeder.addr()], std::time::Duration::ZERO)
            .await
            .unwrap();
    let stand = Stand::new();
    stand.knows(&content, &[tracker.url()]);
    let stream = stand.open(&content, &[]);
    check(&stream, &content, 0, PIECE).await;
    let mut taker = Taker::unchoked(&stand, &content, true).await;
    taker.say(&[Message::Request(span(0, 0, BLOCK_LEN))]).await;
    let heard = taker.hear().await;
    assert!(matches!(heard, Heard::Block(..)), "{heard:?}");
    let counted = async {
        let state = || stand.engine.peek(content.info_hash());
        while state().await.unwrap().stats.uploaded_bytes == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, counted).await.unwrap();
    drop(stream);
    stand.asleep().await;
    taker.closed().await;
    tracker
        .until(SOON, |heard| heard.stopped == 1)
        .await
        .unwrap();
    assert_eq!(tracker.heard().uploaded, u64::from(BLOCK_LEN));
    stand.engine.shutdown().await;
}
