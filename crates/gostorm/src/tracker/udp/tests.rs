//! A scripted tracker on loopback; time is virtual, so that lost datagrams cost none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::Ipv6Addr;

use gostorm_wire::{AnnounceError, AnnounceEvent, PeerId};
use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

use super::*;

const ID: u64 = 0x1122_3344_5566_7788;
const LOST: Vec<u8> = Vec::new();

fn request() -> AnnounceRequest {
    AnnounceRequest {
        info_hash: InfoHash([0xab; 20]),
        peer_id: PeerId([b'p'; 20]),
        port: 8091,
        uploaded: 0,
        downloaded: 0,
        left: 1,
        event: AnnounceEvent::Started,
        numwant: Some(50),
        key: 1,
        tracker_id: None,
        compact: true,
    }
}

/// A tracker that answers as its script says: what came, and how many came before it; nothing is sent for [`LOST`].
struct Tracker {
    addr: SocketAddr,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    _task: AbortOnDropHandle<()>,
}

impl Tracker {
    async fn at(
        at: SocketAddr,
        mut script: impl FnMut(&[u8], usize) -> Vec<u8> + Send + 'static,
    ) -> Self {
        let socket = UdpSocket::bind(at).await.unwrap();
        let addr = socket.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut buffer = vec![0; 2_048];
            loop {
                let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
                let before = heard.lock().len();
                heard.lock().push(buffer[..len].to_vec());
                let answer = script(&buffer[..len], before);
                if answer != LOST {
                    socket.send_to(&answer, from).await.unwrap();
                }
            }
        });
        Self {
            addr,
            seen,
            _task: AbortOnDropHandle::new(task),
        }
    }

    async fn start(script: impl FnMut(&[u8], usize) -> Vec<u8> + Send + 'static) -> Self {
        Self::at(([127, 0, 0, 1], 0).into(), script).await
    }

    fn url(&self) -> Url {
        Url::parse(&format!("udp://{}/announce", self.addr)).unwrap()
    }

    /// The kinds of question that came: `c`onnect, `a`nnounce, `s`crape.
    fn kinds(&self) -> String {
        let kind = |datagram: &Vec<u8>| match datagram[11] {
            0 => 'c',
            1 => 'a',
            2 => 's',
            _ => '?',
        };
        self.seen.lock().iter().map(kind).collect()
    }
}

/// What an honest tracker answers, with one peer.
fn honest(question: &[u8]) -> Vec<u8> {
    let rest = match question[11] {
        0 => ID.to_be_bytes().to_vec(),
        1 => [
            &[0, 0, 3, 0x84, 0, 0, 0, 3, 0, 0, 0, 12][..],
            &[1, 2, 3, 4, 0x1a, 0x0b],
        ]
        .concat(),
        _ => vec![0, 0, 0, 12, 0, 0, 1, 0, 0, 0, 0, 3],
    };
    [&[0, 0, 0, question[11]], &question[12..16], &rest].concat()
}

fn refusal(question: &[u8], words: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 3], &question[12..16], words].concat()
}

fn client() -> Arc<UdpTrackers> {
    Arc::new(UdpTrackers::new(Arc::default()))
}

async fn announce(
    client: &Arc<UdpTrackers>,
    tracker: &Tracker,
) -> Result<AnnounceResponse, TrackerError> {
    let announced = client.announce(&tracker.url(), &request()).await?;
    Ok(announced.answer)
}

#[tokio::test(start_paused = true)]
async fn an_announce_asks_for_a_connection_and_then_for_peers() {
    let tracker = Tracker::start(|question, _| honest(question)).await;
    let client = client();
    let answer = announce(&client, &tracker).await.unwrap();
    assert_eq!(answer.interval, Duration::from_secs(900));
    assert_eq!(answer.peers, ["1.2.3.4:6667".parse().unwrap()]);
    assert_eq!((answer.complete, answer.incomplete), (Some(12), Some(3)));
    assert_eq!(tracker.kinds(), "ca");
    let asked = tracker.seen.lock()[1].clone();
    assert_eq!(asked[..8], ID.to_be_bytes());
    assert!(asked.ends_with(b"\x02\x09/announce"));
    assert!(!client.v4.doorway.is_open(), "nobody asks any more");
}

#[tokio::test(start_paused = true)]
async fn a_connection_id_is_used_for_a_minute() {
    let tracker = Tracker::start(|question, _| honest(question)).await;
    let client = client();
    announce(&client, &tracker).await.unwrap();
    tokio::time::advance(Duration::from_secs(59)).await;
    announce(&client, &tracker).await.unwrap();
    assert_eq!(tracker.kinds(), "caa");
    tokio::time::advance(Duration::from_secs(2)).await;
    announce(&client, &tracker).await.unwrap();
    assert_eq!(tracker.kinds(), "caaca");
}

#[tokio::test(start_paused = true)]
async fn a_tracker_that_forgot_our_connection_is_asked_for_another() {
    let forgets = |question: &[u8], before| match before {
        2 => refusal(question, b"Connection ID mismatch."),
        5 | 6 => LOST,
        _ => honest(question),
    };
    let tracker = Tracker::start(forgets).await;
    let client = client();
    announce(&client, &tracker).await.unwrap();
    announce(&client, &tracker).await.unwrap();
    assert_eq!(tracker.kinds(), "caaca", "it refused the old id");
    announce(&client, &tracker).await.unwrap();
    assert_eq!(tracker.kinds(), "caacaaaca", "it was silent twice");
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_is_asked_again_soon_and_then_less_often() {
    let tracker = Tracker::start(|question, before| match before {
        0 | 1 | 3 => LOST,
        _ => honest(question),
    })
    .await;
    let start = Instant::now();
    announce(&client(), &tracker).await.unwrap();
    assert_eq!(tracker.kinds(), "cccaa");
    assert_eq!(start.elapsed().as_secs(), 6, "1.5 and 3, then 1.5 again");
}

#[tokio::test(start_paused = true)]
async fn a_silent_tracker_is_asked_a_few_times_and_then_given_up() {
    let tracker = Tracker::start(|_, _| LOST).await;
    let start = Instant::now();
    let error = announce(&client(), &tracker).await.unwrap_err();
    assert!(matches!(error, TrackerError::Timeout), "{error}");
    assert_eq!(start.elapsed(), ANNOUNCE_TIMEOUT);
    assert_eq!(tracker.kinds(), "cccc");
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_a_wrong_transaction_id_is_ignored() {
    let tracker = Tracker::start(|question, before| {
        let mut answer = honest(question);
        answer[4] ^= u8::from(before == 0);
        answer
    })
    .await;
    announce(&client(), &tracker).await.unwrap();
    assert_eq!(tracker.kinds(), "cca");
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_another_address_is_ignored() {
    let other = std::net::UdpSocket::bind("127.0.0.2:0").unwrap();
    let other = Arc::new(other);
    let client = client();
    let door = client.v4.doorway.enter(&client.net).unwrap();
    let port = door.port();
    let tracker = Tracker::start(move |question, before| {
        if before > 0 {
            return honest(question);
        }
        let forged = honest(question);
        other.send_to(&forged, ("127.0.0.1", port)).unwrap();
        LOST
    })
    .await;
    announce(&client, &tracker).await.unwrap();
    assert_eq!(tracker.kinds(), "cca");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_in_the_trackers_words() {
    for at in [0, 1] {
        let tracker = Tracker::start(move |question, before| {
            if before == at {
                refusal(question, b"go away")
            } else {
                honest(question)
            }
        })
        .await;
        let error = announce(&client(), &tracker).await.unwrap_err();
        let TrackerError::Answer(AnnounceError::Failure { reason, .. }) = error else {
            panic!("{error}");
        };
        assert_eq!(reason, "go away");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_answer_is_an_error_at_once() {
    let start = Instant::now();
    for (at, cut) in [(0, 10), (1, 15)] {
        let tracker = Tracker::start(move |question, before| {
            let mut answer = honest(question);
            answer.truncate(if before == at { cut } else { usize::MAX });
            answer
        })
        .await;
        let error = announce(&client(), &tracker).await.unwrap_err();
        assert!(matches!(error, TrackerError::Malformed(_)), "{error}");
    }
    let tracker = Tracker::start(|question, _| {
        let mut question = question.to_vec();
        question[11] = 2;
        honest(&question)
    })
    .await;
    let error = announce(&client(), &tracker).await.unwrap_err();
    assert!(matches!(error, TrackerError::WrongAnswer), "{error}");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn questions_at_the_same_time_get_their_own_answers() {
    // Peers are told apart by the torrent; the one that asks first is answered last.
    let mut waits = true;
    let tracker = Tracker::start(move |question, _| {
        let mut answer = honest(question);
        if question[11] == 1 {
            let torrent = question[16];
            if torrent == 7 && std::mem::take(&mut waits) {
                return LOST;
            }
            answer[23] = torrent;
        }
        answer
    })
    .await;
    let client = client();
    let both = tokio::join!(
        announce_of(&client, &tracker, 7),
        announce_of(&client, &tracker, 9)
    );
    let last = |answer: Result<AnnounceResponse, TrackerError>| match answer.unwrap().peers[0] {
        SocketAddr::V4(peer) => peer.ip().octets()[3],
        SocketAddr::V6(peer) => panic!("{peer}"),
    };
    assert_eq!((last(both.0), last(both.1)), (7, 9));
}

async fn announce_of(
    client: &Arc<UdpTrackers>,
    tracker: &Tracker,
    torrent: u8,
) -> Result<AnnounceResponse, TrackerError> {
    let request = AnnounceRequest {
        info_hash: InfoHash([torrent; 20]),
        ..request()
    };
    let announced = client.announce(&tracker.url(), &request).await?;
    Ok(announced.answer)
}

#[tokio::test(start_paused = true)]
async fn the_numbers_of_a_torrent_are_asked_without_announcing() {
    let tracker = Tracker::start(|question, _| honest(question)).await;
    let torrent = InfoHash([0xcd; 20]);
    let counts = client().scrape(&tracker.url(), torrent).await.unwrap();
    let expected = ScrapeCounts {
        seeders: Some(12),
        downloads: Some(256),
        leechers: Some(3),
    };
    assert_eq!(counts, expected);
    assert_eq!(tracker.kinds(), "cs");
    assert!(tracker.seen.lock()[1].ends_with(&torrent.0));
}

#[tokio::test(start_paused = true)]
async fn a_tracker_of_both_families_is_announced_to_over_both() {
    let v4 = Tracker::start(|question, _| honest(question)).await;
    let at = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let v6 = Tracker::at(at, |question, _| {
        let mut answer = honest(question);
        if question[11] == 1 {
            answer.truncate(20);
            answer.extend(Ipv6Addr::LOCALHOST.octets());
            answer.extend([0x1a, 0x0b]);
        }
        answer
    })
    .await;
    let client = client();
    let url = v4.url();
    let announced = client
        .announce_over(vec![v4.addr], vec![v6.addr], &url, &request())
        .await
        .unwrap();
    let mut peers = announced.answer.peers;
    peers.extend(announced.more.unwrap().await);
    peers.sort();
    let expected: Vec<SocketAddr> = vec![
        "1.2.3.4:6667".parse().unwrap(),
        "[::1]:6667".parse().unwrap(),
    ];
    assert_eq!(peers, expected);
    assert_eq!((v4.kinds(), v6.kinds()), ("ca".to_owned(), "ca".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_dead_family_does_not_hold_up_the_other() {
    let v4 = Tracker::start(|_, _| LOST).await;
    let at = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let v6 = Tracker::at(at, |question, _| honest(question)).await;
    let (client, start) = (client(), Instant::now());
    let url = v4.url();
    let announced = client
        .announce_over(vec![v4.addr], vec![v6.addr], &url, &request())
        .await
        .unwrap();
    assert_eq!(announced.answer.complete, Some(12));
    assert_eq!(start.elapsed(), Duration::ZERO);
    drop(announced);
    assert!(!client.v4.doorway.is_open());
}

#[tokio::test]
async fn urls_that_lead_to_no_host_are_refused() {
    for (url, expected) in [
        ("udp://127.0.0.1/announce", "the tracker's URL has no port"),
        (
            "udp://127.0.0.1:0/announce",
            "the tracker's URL has no port",
        ),
        ("udp://0.0.0.0:80/announce", "it has none that can be asked"),
        ("udp://255.255.255.255:80", "it has none that can be asked"),
        ("udp://[ff02::1]:80", "it has none that can be asked"),
    ] {
        let url = Url::parse(url).unwrap();
        let error = client().announce(&url, &request()).await.map(drop);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected), "{url}: {error}");
    }
}
