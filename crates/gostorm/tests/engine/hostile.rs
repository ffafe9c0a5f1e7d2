//! Peers that mean harm, on real sockets: each ends under the name of what it did, and the film plays on.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use gostorm::{Config, Stream};
use gostorm_sim::lab::{Content, LabPeer, Script};
use gostorm_wire::{
    BLOCK_LEN, BlockSpan, HANDSHAKE_LEN, Handshake, InfoHash, Message, PeerId, PieceIndex,
    Reserved, encode_piece_header,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::stand::{MIB, SOON, Stand, check, check_all, config, eventually, film, peer};

/// A film that plays from a good seeder.
struct Show {
    stand: Stand,
    content: std::sync::Arc<Content>,
    seeder: LabPeer,
    stream: Stream,
}

impl Show {
    async fn new(seed: u64, config: Config) -> Self {
        let content = film(seed, 12 * MIB);
        let seeder = peer(&content, Script::default());
        let stand = Stand::with(config);
        stand.knows(&content, &[]);
        let stream = stand.open(&content, &[&seeder]);
        check(&stream, &content, 0, 1_000).await;
        Self {
            stand,
            content,
            seeder,
            stream,
        }
    }

    fn offences(&self, name: &str) -> u64 {
        let counts = self.stand.engine.offences();
        counts.get(name).copied().unwrap_or(0)
    }

    /// The film is whole, from its one good peer, and nothing is held beyond the budget.
    async fn plays_on(&self, from: u64, to: u64) {
        check_all(&self.stream, &self.content, from, to).await;
        let (held, budget) = self.stand.engine.memory();
        assert!(held <= budget, "{held} of {budget}");
    }

    async fn attacker(&self, from: [u8; 4]) -> TcpStream {
        connect(from, self.stand.addr()).await
    }

    /// An attacker whose handshake is done.
    async fn guest(&self, from: [u8; 4], number: u8) -> TcpStream {
        let mut stream = self.attacker(from).await;
        let said = handshake(self.content.info_hash(), number).encode();
        stream.write_all(&said).await.unwrap();
        let mut heard = [0; HANDSHAKE_LEN];
        stream.read_exact(&mut heard).await.unwrap();
        stream
    }
}

async fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

fn handshake(info_hash: InfoHash, number: u8) -> Handshake {
    Handshake {
        reserved: Reserved {
            fast: true,
            extended: true,
            ..Reserved::default()
        },
        info_hash,
        peer_id: PeerId([number; 20]),
    }
}

fn encoded(messages: &[Message]) -> Vec<u8> {
    let mut out = BytesMut::new();
    messages.iter().for_each(|message| message.encode(&mut out));
    out.to_vec()
}

fn span(piece: u32, begin: u32, len: u32) -> BlockSpan {
    BlockSpan {
        piece: PieceIndex(piece),
        begin,
        len,
    }
}

fn block(span: BlockSpan) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode_piece_header(span, &mut out);
    let len = out.len() + span.len as usize;
    out.resize(len, 7);
    out.to_vec()
}

/// Reads until the engine has closed.
async fn closed(stream: &mut TcpStream) {
    let mut sink = [0; 4096];
    let end = async { while stream.read(&mut sink).await.is_ok_and(|count| count > 0) {} };
    let ended = tokio::time::timeout(SOON, end).await;
    assert!(ended.is_ok(), "the engine did not close");
}

#[tokio::test]
async fn every_breach_ends_the_connection_under_its_name() {
    let show = Show::new(300, config()).await;
    let extended = |id, payload: &'static [u8]| {
        let payload = Bytes::from_static(payload);
        encoded(&[Message::Extended { id, payload }])
    };
    let breaches: Vec<(&str, Vec<u8>)> = vec![
        ("MessageTooLong", vec![0xFF; 16]),
        ("MessageTooLong", vec![0x7F, 0xFF, 0xFF, 0xFF, 7, 0, 0]),
        ("WrongLength", vec![0, 0, 0, 3, 4, 0, 0]),
        ("BlockLength", encoded(&[Message::Request(span(0, 0, 0))])),
        (
            "BlockOverflow",
            encoded(&[Message::Request(span(0, u32::MAX, BLOCK_LEN))]),
        ),
        ("MisalignedBlock", block(span(0, 5, 100))),
        (
            "a block that is not of this torrent",
            block(span(10_000, 0, BLOCK_LEN)),
        ),
        (
            "blocks that nobody asked for",
            block(span(40, 0, BLOCK_LEN)).repeat(2_000),
        ),
        (
            "a bitfield of the wrong length",
            encoded(&[Message::Bitfield(Bytes::from_static(&[0xFF]))]),
        ),
        (
            "a have beyond the last piece",
            encoded(&[Message::Have(PieceIndex(1 << 30))]),
        ),
        (
            "a reject of no block",
            encoded(&[Message::Reject(span(1 << 30, 0, BLOCK_LEN))]),
        ),
        ("NotBencode", extended(0, b"d1:")),
        ("NotADictionary", extended(0, b"i7e")),
    ];
    let mut expected = std::collections::BTreeMap::<&str, u64>::new();
    for (number, (name, said)) in (1..).zip(&breaches) {
        let mut guest = show.guest([127, 0, 9, number], number).await;
        // The engine may close before all of it is written.
        let _ = guest.write_all(said).await;
        closed(&mut guest).await;
        *expected.entry(name).or_default() += 1;
        let count = expected[name];
        eventually(name, || show.offences(name) == count).await;
    }
    show.plays_on(0, show.content.len()).await;
    assert_eq!(show.seeder.counters().connections, 1, "the good one stayed");
    show.stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_flood_of_any_kind_ends_while_the_film_plays_on() {
    let show = Show::new(301, config()).await;
    let floods = [
        encoded(&[Message::KeepAlive]),
        encoded(&[Message::Have(PieceIndex(1))]),
        encoded(&[Message::Interested, Message::NotInterested]),
        encoded(&[Message::Unknown { id: 200 }]),
    ];
    for (number, flood) in (1..).zip(floods) {
        let mut guest = show.guest([127, 0, 9, 100 + number], number).await;
        let flood = flood.repeat(4_096);
        let flooding = async { while guest.write_all(&flood).await.is_ok() {} };
        let part = u64::from(number) * 2 * MIB;
        let playing = show.plays_on(part, part + MIB);
        tokio::join!(flooding, playing);
        let count = u64::from(number);
        eventually("it is named", || show.offences("Flood") == count).await;
    }
    assert_eq!(show.seeder.counters().connections, 1);
    show.stand.engine.shutdown().await;
}

#[tokio::test]
async fn messages_out_of_order_hurt_nobody() {
    let show = Show::new(302, config()).await;
    let pieces = show.content.pieces().div_ceil(8) as usize;
    let mut guest = show.guest([127, 0, 9, 200], 1).await;
    let everything = [
        Message::Request(span(0, 0, BLOCK_LEN)),
        Message::Cancel(span(3, 0, BLOCK_LEN)),
        Message::Have(PieceIndex(2)),
        Message::Bitfield(Bytes::from(vec![0; pieces])),
        Message::HaveAll,
        Message::Unchoke,
        Message::Choke,
        Message::HaveNone,
        Message::Reject(span(1, 0, BLOCK_LEN)),
        Message::AllowedFast(PieceIndex(1)),
        Message::Suggest(PieceIndex(9)),
        Message::Port(1),
        Message::Unchoke,
    ];
    guest
        .write_all(&encoded(&everything).repeat(50))
        .await
        .unwrap();
    show.plays_on(0, show.content.len()).await;
    show.stand.engine.shutdown().await;
}

#[tokio::test]
async fn slow_handshakes_leave_their_places_to_others() {
    let quick = Config {
        timeouts: gostorm::Timeouts {
            handshake: Duration::from_millis(300),
            ..gostorm::Timeouts::default()
        },
        ..config()
    };
    let show = Show::new(303, quick).await;
    // More than there are places, from as many hosts as it takes; each sends a byte now and then.
    let mut slow = Vec::new();
    for number in 0..80 {
        let mut stream = show.attacker([127, 0, 10, 1 + number / 8]).await;
        stream.write_all(&[19]).await.unwrap();
        slow.push(stream);
    }
    let good = peer(&show.content, Script::default());
    good.dial(show.stand.addr()).await.unwrap();
    good.until(SOON, |counters| counters.open == 1)
        .await
        .unwrap();
    for stream in &mut slow {
        // What it sends more does not give it more time.
        let _ = stream.write_all(b"B").await;
        closed(stream).await;
    }
    assert!(show.offences("HandshakeTimeout") >= 64);
    show.plays_on(0, 4 * MIB).await;
    show.stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_thousand_connections_at_once_do_no_harm() {
    let quick = Config {
        timeouts: gostorm::Timeouts {
            handshake: Duration::from_millis(300),
            ..gostorm::Timeouts::default()
        },
        ..config()
    };
    let show = Show::new(304, quick).await;
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = descriptors();
    let info_hash = show.content.info_hash();
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..1_000_u16 {
        let [high, low] = number.to_be_bytes();
        let to = show.stand.addr();
        crowd.spawn(async move {
            let mut stream = connect([127, 1, high + 1, low], to).await;
            let said = match number % 4 {
                0 => Vec::new(),
                1 => vec![0xA5; 200],
                2 => handshake(InfoHash([7; 20]), low).encode().to_vec(),
                _ => handshake(info_hash, low).encode().to_vec(),
            };
            // It may be closed already.
            let _ = stream.write_all(&said).await;
            stream
        });
    }
    show.plays_on(0, 6 * MIB).await;
    let mut held = Vec::new();
    while let Some(stream) = crowd.join_next().await {
        held.push(stream.unwrap());
    }
    show.plays_on(6 * MIB, show.content.len()).await;
    // 25 that are dialled and an eighth more, 64 handshakes, and the thousand ends on the other side.
    let most = before + 1_000 + 28 + 64 + 40;
    assert!(descriptors() <= most, "{} of {most}", descriptors());
    // The seeder, and those who dialled us: they have but a part of the places, and leave the rest to dials of ours.
    let peers = show.stand.engine.peer_count();
    assert!((2..=1 + 15).contains(&peers), "{peers} peers");
    assert_eq!(show.seeder.counters().open, 1, "the good one stayed");
    show.stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_peer_that_never_reads_costs_no_more_than_its_queue() {
    let show = Show::new(305, config()).await;
    let mut guest = show.guest([127, 0, 9, 210], 1).await;
    // Each is answered by a reject that it does not read.
    let asked = encoded(&[Message::Request(span(20, 0, BLOCK_LEN))]).repeat(1_000);
    let pushing = async { while guest.write_all(&asked).await.is_ok() {} };
    tokio::join!(pushing, show.plays_on(0, 6 * MIB));
    eventually("it is let go", || show.stand.engine.peer_count() == 1).await;
    show.plays_on(6 * MIB, show.content.len()).await;
    show.stand.engine.shutdown().await;
}
