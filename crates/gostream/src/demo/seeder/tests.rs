//! The seeder on real sockets, asked by a peer that reads and writes by itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use gostorm_wire::{InfoHash, PieceIndex, Reserved};

use super::*;

/// Long enough for a busy machine; nothing waits for it when all is well.
const LIMIT: Duration = Duration::from_secs(30);

struct Rig {
    seeder: Seeder,
    share: Arc<Share>,
    _directory: tempfile::TempDir,
}

fn rig() -> Rig {
    let directory = tempfile::tempdir().unwrap();
    let share = Arc::new(Share::make(directory.path(), 1).unwrap());
    Rig {
        seeder: Seeder::start(Arc::clone(&share)).unwrap(),
        share,
        _directory: directory,
    }
}

impl Rig {
    fn peer(&self, info_hash: InfoHash) -> TcpStream {
        let mut stream = TcpStream::connect(self.seeder.address()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let hello = Handshake {
            reserved: Reserved {
                fast: true,
                ..Reserved::default()
            },
            info_hash,
            peer_id: PeerId([1; 20]),
        };
        stream.write_all(&hello.encode()).unwrap();
        stream
    }

    /// A peer that was greeted and is unchoked.
    fn unchoked(&self) -> TcpStream {
        let mut stream = self.peer(self.share.metainfo.info_hash);
        say(&mut stream, &[Message::Interested]);
        // Handshake, have all, unchoke.
        let mut greeting = [0; HANDSHAKE_LEN + 5 + 5];
        stream.read_exact(&mut greeting).unwrap();
        assert_eq!(greeting[HANDSHAKE_LEN..], [0, 0, 0, 1, 14, 0, 0, 0, 1, 1]);
        stream
    }
}

fn say(stream: &mut TcpStream, messages: &[Message]) {
    let mut out = BytesMut::new();
    for message in messages {
        message.encode(&mut out);
    }
    stream.write_all(&out).unwrap();
}

/// The peer was sent away: no byte comes any more.
fn assert_closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => assert_eq!(rest, b""),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
}

#[test]
fn every_block_of_the_film_comes_as_it_was_asked_for() {
    const LEN: usize = 16384;
    let rig = rig();
    let mut stream = rig.unchoked();
    let piece_count = rig.share.metainfo.info.piece_count();
    let spans: Vec<BlockSpan> = (0..piece_count)
        .filter(|piece| rig.share.metainfo.info.piece_len(PieceIndex(*piece)) == Some(256 * 1024))
        .flat_map(|piece| (0..16).map(move |block| (piece, block * 16384)))
        .map(|(piece, begin)| BlockSpan {
            piece: PieceIndex(piece),
            begin,
            len: 16384,
        })
        .collect();
    // All at once: more than one turn of the seeder answers.
    let requests: Vec<Message> = spans.iter().copied().map(Message::Request).collect();
    say(&mut stream, &requests);
    for span in &spans {
        let mut header = BytesMut::new();
        encode_piece_header(*span, &mut header);
        let mut came = vec![0; header.len() + LEN];
        stream.read_exact(&mut came).unwrap();
        assert_eq!(came[..header.len()], header);
        let mut expected = vec![0; LEN];
        let offset = u64::from(span.piece.0) * 256 * 1024 + u64::from(span.begin);
        rig.share.file.read_exact_at(&mut expected, offset).unwrap();
        assert!(came[header.len()..] == expected, "{span}");
    }
    drop(stream);
    let sent = u64::try_from(spans.len() * LEN).unwrap();
    assert_eq!(rig.seeder.sent(), sent);
}

#[test]
fn a_block_beyond_the_film_is_rejected_and_the_next_one_given() {
    let rig = rig();
    let mut stream = rig.unchoked();
    let bad = BlockSpan {
        piece: PieceIndex(rig.share.metainfo.info.piece_count()),
        begin: 0,
        len: 16384,
    };
    let good = BlockSpan {
        piece: PieceIndex(0),
        ..bad
    };
    say(
        &mut stream,
        &[Message::Request(bad), Message::Request(good)],
    );
    let mut expected = BytesMut::new();
    Message::Reject(bad).encode(&mut expected);
    encode_piece_header(good, &mut expected);
    let mut came = vec![0; expected.len()];
    stream.read_exact(&mut came).unwrap();
    assert_eq!(came, expected);
}

#[test]
fn those_who_break_the_rules_are_sent_away_and_others_served() {
    let rig = rig();
    assert_closed(rig.peer(InfoHash([0; 20])));
    let mut other_protocol = TcpStream::connect(rig.seeder.address()).unwrap();
    other_protocol.set_read_timeout(Some(LIMIT)).unwrap();
    other_protocol.write_all(&[b'x'; HANDSHAKE_LEN]).unwrap();
    assert_closed(other_protocol);
    let mut too_long = rig.unchoked();
    too_long.write_all(&[0xff, 0xff, 0xff, 0xff, 6]).unwrap();
    assert_closed(too_long);
    let mut unasked = rig.unchoked();
    let mut block = BytesMut::new();
    let span = BlockSpan {
        piece: PieceIndex(0),
        begin: 0,
        len: 1,
    };
    encode_piece_header(span, &mut block);
    unasked.write_all(&block).unwrap();
    assert_closed(unasked);
    drop(rig.unchoked());
}

#[test]
fn the_end_of_the_seeder_ends_its_connections() {
    let rig = rig();
    let stream = rig.unchoked();
    let address = rig.seeder.address();
    drop(rig.seeder);
    assert_closed(stream);
    assert!(TcpStream::connect(address).is_err());
}
