//! A blocklist of the user keeps peers away, whoever names them and whoever dials.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gostorm::{BlocklistConfig, BlocklistSource, Config, Source};
use gostorm_sim::lab::{LabPeer, LabTracker, Script};
use tempfile::TempDir;

use crate::stand::{MIB, SOON, Stand, check, config, eventually, film, peer};

struct Blocked {
    _folder: TempDir,
    list: PathBuf,
    stand: Stand,
}

impl Blocked {
    /// An engine whose list names these peers.
    fn new(peers: &[&LabPeer]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list");
        write(&list, peers);
        let stand = Stand::with(Config {
            blocklist: Some(BlocklistConfig {
                source: BlocklistSource::File {
                    path: list.clone(),
                    look: Duration::from_millis(5),
                },
                required: false,
            }),
            ..config()
        });
        Self {
            _folder: folder,
            list,
            stand,
        }
    }
}

fn write(list: &Path, peers: &[&LabPeer]) {
    let lines = peers
        .iter()
        .map(|peer| format!("Somebody:{0}-{0}\n", peer.addr().ip()));
    std::fs::write(
        list,
        format!("# a list\n192.0.2.1\n{}", lines.collect::<String>()),
    )
    .unwrap();
}

#[tokio::test]
async fn a_blocked_peer_is_not_dialled_whoever_names_it() {
    let content = film(90, 2 * MIB);
    let (good, hinted, tracked) = (
        peer(&content, Script::default()),
        peer(&content, Script::default()),
        peer(&content, Script::default()),
    );
    let tracker = LabTracker::start(vec![tracked.addr(), good.addr()], Duration::ZERO)
        .await
        .unwrap();
    let blocked = Blocked::new(&[&hinted, &tracked]);
    let stand = &blocked.stand;
    stand.knows(&content, &[tracker.url()]);
    let stream = stand.open(&content, &[&hinted]);
    check(&stream, &content, 0, 100_000).await;
    let kept_away = |source| stand.engine.filter().candidates.get(&source) == Some(&1);
    eventually("both are kept away", || {
        kept_away(Source::Hint) && kept_away(Source::Tracker)
    })
    .await;
    assert_eq!(hinted.counters().accepted + tracked.counters().accepted, 0);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_blocked_peer_that_dials_us_gets_no_byte() {
    let content = film(91, 2 * MIB);
    let (good, bad) = (
        peer(&content, Script::default()),
        peer(&content, Script::default()),
    );
    let blocked = Blocked::new(&[&bad]);
    let stand = &blocked.stand;
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&good]);
    check(&stream, &content, 0, 1_000).await;
    bad.dial(stand.addr()).await.unwrap();
    eventually("it is refused", || stand.engine.filter().incoming == 1).await;
    assert_eq!(bad.counters().connections, 0, "no handshake came back");
    assert_eq!(stand.engine.peer_count(), 1);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_new_list_lets_go_of_connected_peers_and_the_film_goes_on() {
    let content = film(92, 4 * MIB);
    let (good, bad) = (
        peer(&content, Script::default()),
        peer(&content, Script::default()),
    );
    let blocked = Blocked::new(&[]);
    let stand = &blocked.stand;
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&good, &bad]);
    check(&stream, &content, 0, 1_000).await;
    bad.until(SOON, |counters| counters.open == 1)
        .await
        .unwrap();
    good.until(SOON, |counters| counters.open == 1)
        .await
        .unwrap();
    write(&blocked.list, &[&bad]);
    bad.until(SOON, |counters| counters.open == 0)
        .await
        .unwrap();
    check(&stream, &content, 3 * MIB, 100_000).await;
    let state = stand.engine.filter();
    assert_eq!((state.connected, state.ranges), (1, Some(2)));
    assert_eq!(good.counters().open, 1);
    stand.engine.shutdown().await;
}
