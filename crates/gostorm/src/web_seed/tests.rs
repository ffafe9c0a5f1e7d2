//! The task of a web seed, and a scripted server on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use gostorm_sim::lab::{Conduct, Content, LabWebServer};
use gostorm_wire::{BLOCK_LEN, BlockSpan, Info, Message, PieceIndex};
use tokio::sync::mpsc;
use tokio::time::timeout;
use url::Url;

use super::{Site, WebSeedError, WebSeedHandle, spawn};
use crate::net::Net;
use crate::peer::{CloseReason, PeerEvent, PeerWhat};
use crate::pool::Pool;

const SOON: Duration = Duration::from_secs(20);
const PIECE: u32 = 256 << 10;

struct Ends {
    content: Arc<Content>,
    server: LabWebServer,
    site: Arc<Site>,
    pool: Pool,
    handle: WebSeedHandle,
    events: mpsc::Receiver<PeerEvent>,
}

impl Ends {
    async fn new(conduct: Conduct) -> Self {
        Self::with(conduct, "film.mkv", Pool::new(4 << 20)).await
    }

    async fn with(conduct: Conduct, path: &str, pool: Pool) -> Self {
        let content = Arc::new(Content::new(70, 3 << 20, PIECE).unwrap());
        let server = LabWebServer::start(Ipv4Addr::LOCALHOST, &content, conduct)
            .await
            .unwrap();
        let info = Arc::new(Info::parse(&content.info()).unwrap());
        let url = Url::parse(&server.url(path)).unwrap();
        let site = Arc::new(Site::new(Arc::new(Net::new()), info, url));
        let (sender, events) = mpsc::channel(128);
        let handle = spawn(7, Arc::clone(&site), pool.clone(), sender);
        Self {
            content,
            server,
            site,
            pool,
            handle,
            events,
        }
    }

    fn say(&mut self, messages: impl IntoIterator<Item = Message>) {
        messages
            .into_iter()
            .for_each(|message| self.handle.send(message));
        assert!(self.handle.flush());
    }

    fn ask(&mut self, blocks: std::ops::Range<u32>) {
        self.say(blocks.map(|number| Message::Request(block(number))));
    }

    async fn next(&mut self) -> PeerWhat {
        let event = timeout(SOON, self.events.recv()).await.unwrap().unwrap();
        assert_eq!(event.peer, 7);
        event.what
    }

    /// The numbers of the next blocks, whose bytes are right.
    async fn blocks(&mut self, count: usize) -> Vec<u32> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let PeerWhat::Block { span, data } = self.next().await else {
                panic!("a block");
            };
            let number = span.piece.0 * (PIECE / BLOCK_LEN) + span.begin / BLOCK_LEN;
            assert!(self.content.matches(u64::from(number * BLOCK_LEN), &data));
            numbers.push(number);
        }
        numbers
    }

    async fn closed(&mut self) -> WebSeedError {
        loop {
            match self.next().await {
                PeerWhat::Closed(CloseReason::WebSeed(error)) => return error,
                PeerWhat::Block { .. } => {}
                PeerWhat::Message(_) | PeerWhat::Uploaded(_) | PeerWhat::Closed(_) => panic!(),
            }
        }
    }

    async fn served(&self, what: impl FnMut(&gostorm_sim::lab::Served) -> bool) {
        self.server.until(SOON, what).await.unwrap();
    }
}

fn block(number: u32) -> BlockSpan {
    BlockSpan {
        piece: PieceIndex(number * BLOCK_LEN / PIECE),
        begin: number * BLOCK_LEN % PIECE,
        len: BLOCK_LEN,
    }
}

#[tokio::test]
async fn blocks_asked_for_together_come_by_one_request_and_the_connection_is_kept() {
    let mut ends = Ends::new(Conduct::Serve).await;
    ends.site.open(0).await.unwrap();
    for from in [0, 40, 100] {
        ends.ask(from..from + 20);
        assert_eq!(ends.blocks(20).await, (from..from + 20).collect::<Vec<_>>());
    }
    let served = ends.server.served();
    assert_eq!((served.requests, served.connections), (4, 1));
    assert_eq!(
        served.asked[1],
        ("/film.mkv".to_owned(), 0..20 * u64::from(BLOCK_LEN))
    );
}

#[tokio::test]
async fn several_ranges_are_fetched_side_by_side() {
    let mut ends = Ends::new(Conduct::Stuck).await;
    ends.say((0..6).map(|number| Message::Request(block(number * 10))));
    ends.served(|served| served.open == 4).await;
}

#[tokio::test]
async fn what_is_taken_back_before_it_is_begun_is_never_asked_of_the_server() {
    let mut ends = Ends::new(Conduct::Serve).await;
    ends.say([
        Message::Request(block(0)),
        Message::Request(block(9)),
        Message::Cancel(block(9)),
        Message::Request(block(1)),
    ]);
    assert_eq!(ends.blocks(2).await, [0, 1]);
    let len = u64::from(BLOCK_LEN);
    assert_eq!(
        ends.server.served().asked,
        [("/film.mkv".to_owned(), 0..2 * len)]
    );
}

#[tokio::test]
async fn a_request_of_which_nothing_is_wanted_any_more_is_ended() {
    let mut ends = Ends::new(Conduct::Stuck).await;
    ends.ask(0..8);
    ends.served(|served| served.requests == 1).await;
    ends.say((0..7).map(|number| Message::Cancel(block(number))));
    ends.server.set(Conduct::Serve);
    ends.ask(50..51);
    assert_eq!(ends.blocks(1).await, [50]);
    assert_eq!(ends.server.served().open, 2, "one block is still wanted");
    ends.say([Message::Cancel(block(7))]);
    ends.served(|served| served.open == 1).await;
}

#[tokio::test]
async fn a_connection_closed_in_the_midst_of_a_body_is_resumed_where_it_ended() {
    let mut ends = Ends::new(Conduct::Cut(5 * u64::from(BLOCK_LEN) + 100)).await;
    ends.ask(0..20);
    assert_eq!(ends.blocks(20).await, (0..20).collect::<Vec<_>>());
    let starts: Vec<u64> = ends
        .server
        .served()
        .asked
        .iter()
        .map(|(_, range)| range.start / u64::from(BLOCK_LEN))
        .collect();
    assert_eq!(starts, [0, 5, 10, 15]);
}

#[tokio::test]
async fn a_server_that_closes_at_once_again_and_again_is_left_alone() {
    let mut ends = Ends::new(Conduct::Cut(100)).await;
    ends.ask(0..20);
    let error = ends.closed().await;
    assert_eq!(error, WebSeedError::Truncated);
    assert!(!error.is_final());
}

#[tokio::test]
async fn each_kind_of_wrong_answer_has_its_name() {
    let status = |status, lines: &str| Conduct::Status(status, lines.to_owned());
    let busy = |status, after: Option<u64>| WebSeedError::Busy {
        status,
        after: after.map(Duration::from_secs),
    };
    for (conduct, expected, last) in [
        (Conduct::Whole, WebSeedError::NoRanges, true),
        (Conduct::Shifted, WebSeedError::WrongRange, true),
        (status(416, ""), WebSeedError::WrongRange, true),
        (status(404, ""), WebSeedError::Status(404), true),
        (status(410, ""), WebSeedError::Status(410), true),
        (status(503, "Retry-After: 7\r\n"), busy(503, Some(7)), false),
        (status(429, "Retry-After: soon\r\n"), busy(429, None), false),
        (
            Conduct::Length(4 << 20),
            WebSeedError::WrongLength {
                expected: 3 << 20,
                actual: 4 << 20,
            },
            true,
        ),
        (
            status(302, ""),
            WebSeedError::BadRedirect("to nowhere"),
            true,
        ),
        (
            status(302, "Location: ftp://127.0.0.1/\r\n"),
            WebSeedError::BadRedirect("to what is not a web address"),
            true,
        ),
        (
            status(302, "Location: /again\r\n"),
            WebSeedError::BadRedirect("too often"),
            true,
        ),
        (
            status(302, "Location: /shutdown?now\r\n"),
            WebSeedError::OutOfReach,
            true,
        ),
    ] {
        let mut ends = Ends::new(conduct).await;
        assert_eq!(ends.site.open(0).await, Err(expected.clone()));
        ends.ask(3..5);
        let error = ends.closed().await;
        assert_eq!(error, expected);
        assert_eq!(error.is_final(), last, "{error}");
    }
}

#[tokio::test]
async fn a_head_without_end_is_not_read() {
    let mut ends = Ends::new(Conduct::LongHead(8 << 20)).await;
    ends.ask(0..1);
    let error = ends.closed().await;
    assert!(matches!(error, WebSeedError::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn a_redirect_is_followed_and_remembered() {
    let mut ends = Ends::new(Conduct::Serve).await;
    let other = LabWebServer::start(Ipv4Addr::LOCALHOST, &ends.content, Conduct::Serve)
        .await
        .unwrap();
    let location = format!("Location: {}\r\n", other.url("mirror/film"));
    ends.server.set(Conduct::Status(302, location));
    ends.ask(0..2);
    assert_eq!(ends.blocks(2).await, [0, 1]);
    ends.ask(4..5);
    assert_eq!(ends.blocks(1).await, [4]);
    assert_eq!(ends.server.served().requests, 1);
    assert_eq!(other.served().asked[1].0, "/mirror/film");
    // The mirror forgets the address: the seed itself is asked again.
    other.set(Conduct::Status(403, String::new()));
    ends.server.set(Conduct::Serve);
    ends.ask(6..7);
    assert_eq!(ends.blocks(1).await, [6]);
}

#[tokio::test]
async fn a_seed_on_a_local_address_may_have_no_query() {
    let ends = Ends::with(Conduct::Serve, "film.mkv?do=it", Pool::new(1 << 20)).await;
    assert_eq!(ends.site.open(0).await, Err(WebSeedError::OutOfReach));
    assert_eq!(ends.server.served().connections, 0);
}

#[tokio::test]
async fn no_more_is_read_than_there_are_buffers() {
    let block_len = u64::from(BLOCK_LEN);
    let mut ends = Ends::with(Conduct::Serve, "film.mkv", Pool::new(3 * block_len)).await;
    ends.ask(0..64);
    let mut held = Vec::new();
    for _ in 0..3 {
        let PeerWhat::Block { data, .. } = ends.next().await else {
            panic!("a block");
        };
        held.push(data);
    }
    assert_eq!(ends.pool.live_bytes(), 3 * block_len);
    assert!(ends.events.try_recv().is_err());
    drop(held);
    assert_eq!(ends.blocks(61).await, (3..64).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_dropped_handle_ends_every_request_and_a_dropped_site_every_connection() {
    let mut ends = Ends::new(Conduct::Serve).await;
    ends.ask(0..4);
    ends.blocks(4).await;
    ends.server.set(Conduct::Silent);
    ends.ask(30..34);
    ends.served(|served| served.requests == 2).await;
    drop(ends.handle);
    drop(ends.site);
    ends.server
        .until(SOON, |served| served.open == 0)
        .await
        .unwrap();
}
