//! The policy `Responsive` on real sockets: bytes before the hash, and what becomes of wrong ones.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use gostorm::{Config, KnownPeer, Policy, Stream};
use gostorm_sim::lab::{Content, LabPeer, Script};

use crate::stand::{
    MIB, SOON, Stand, answer, ask, check, check_all, config, eventually, film, peer, read, request,
};

fn responsive() -> Config {
    Config {
        policy: Policy::Responsive,
        ..config()
    }
}

/// What the listener of a stream was told.
type Doubts = Arc<Mutex<Vec<Range<u64>>>>;

/// Opens for someone who can be told of doubts.
fn open(stand: &Stand, content: &Content, peers: &[&LabPeer]) -> (Stream, Doubts) {
    let doubts = Doubts::default();
    let told = Arc::clone(&doubts);
    let on_doubt = Arc::new(move |range| told.lock().unwrap().push(range));
    let stream = stand
        .engine
        .open_doubtful(request(content, peers), Arc::new(|_| Some(0)), on_doubt)
        .unwrap();
    (stream, doubts)
}

/// A session with an honest peer, after which another listens at its address.
async fn earned(stand: &Stand, content: &Arc<Content>, next: Script) -> LabPeer {
    let honest = peer(content, Script::default());
    let stream = stand.open(content, &[&honest]);
    check_all(&stream, content, 0, MIB).await;
    drop(stream);
    stand.asleep().await;
    eventually("it is remembered as trusted", || {
        let known = stand.store.get(content.info_hash()).known_good;
        known.len() == 1 && known.iter().all(|known| known.trusted)
    })
    .await;
    let addr = honest.addr();
    drop(honest);
    let mut started = LabPeer::start_at(addr, content, next);
    eventually("its port is free", || {
        if started.is_err() {
            started = LabPeer::start_at(addr, content, next);
        }
        started.is_ok()
    })
    .await;
    started.unwrap()
}

/// What a peer does that spoils every block.
fn lies() -> Script {
    Script {
        corrupt_every: Some(1),
        ..Script::default()
    }
}

#[tokio::test]
async fn a_read_from_a_known_peer_does_not_wait_for_the_piece() {
    let content = film(210, 4 * MIB);
    let stand = Stand::with(responsive());
    stand.knows(&content, &[]);
    // It never gets to the end of a piece.
    let stalls = Script {
        stall_after: Some(80_000),
        ..Script::default()
    };
    let known = earned(&stand, &content, stalls).await;
    let (stream, doubts) = open(&stand, &content, &[&known]);
    check(&stream, &content, MIB + 16_384, 32_768).await;
    assert_eq!(*doubts.lock().unwrap(), []);
    drop(stream);
    // Nobody verifies it any more, and the listener hears so though its stream is closed.
    let told = MIB + 16_384..MIB + 16_384 + 32_768;
    eventually("it is taken back", || {
        *doubts.lock().unwrap() == [told.clone()]
    })
    .await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn wrong_bytes_of_a_peer_that_was_trusted_are_taken_back_and_it_is_banned() {
    let content = film(211, 4 * MIB);
    let stand = Stand::with(responsive());
    stand.knows(&content, &[]);
    let liar = earned(&stand, &content, lies()).await;
    let (stream, doubts) = open(&stand, &content, &[&liar]);
    let bytes = read(&stream, 2 * MIB, 65_536).await.unwrap();
    assert!(!content.matches(2 * MIB, &bytes), "the price of the policy");
    let told = 2 * MIB..2 * MIB + 65_536;
    eventually("it is taken back", || {
        *doubts.lock().unwrap() == [told.clone()]
    })
    .await;
    eventually("the liar is banned", || {
        stand.store.bans() == [liar.addr().ip()]
    })
    .await;
    // The next one waits for verified bytes.
    let good = peer(&content, Script::default());
    let again = ask(&stream, 2 * MIB, 65_536);
    good.dial(stand.addr()).await.unwrap();
    let bytes = answer(again).await.unwrap();
    assert!(content.matches(2 * MIB, &bytes));
    check_all(&stream, &content, 2 * MIB, content.len()).await;
    assert_eq!(doubts.lock().unwrap().len(), 1);
    drop(stream);
    stand.asleep().await;
    let known = stand.store.get(content.info_hash()).known_good;
    assert!(
        known.iter().all(|known| known.addr != liar.addr()),
        "{known:?}"
    );
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn neither_policy_nor_stream_alone_gets_unverified_bytes() {
    for (seed, config) in [(212, config()), (213, responsive())] {
        let verified = config.policy == Policy::Verified;
        let content = film(seed, 4 * MIB);
        let stand = Stand::with(config);
        stand.knows(&content, &[]);
        let liar = earned(&stand, &content, lies()).await;
        let stream = if verified {
            open(&stand, &content, &[&liar]).0
        } else {
            stand.open(&content, &[&liar])
        };
        let waiting = ask(&stream, 2 * MIB, 65_536);
        liar.until(SOON, |counters| counters.corrupted >= 16)
            .await
            .unwrap();
        let good = peer(&content, Script::default());
        good.dial(stand.addr()).await.unwrap();
        let bytes = answer(waiting).await.unwrap();
        assert!(content.matches(2 * MIB, &bytes));
        stand.engine.shutdown().await;
    }
}

#[tokio::test]
async fn a_peer_that_is_stored_as_not_trusted_is_not() {
    let content = film(214, 4 * MIB);
    let stand = Stand::with(responsive());
    stand.knows(&content, &[]);
    let liar = earned(&stand, &content, lies()).await;
    let mut stored = stand.store.get(content.info_hash());
    let distrust = |known: &mut KnownPeer| known.trusted = false;
    stored.known_good.iter_mut().for_each(distrust);
    stand.store.put(content.info_hash(), stored);
    let (stream, _) = open(&stand, &content, &[&liar]);
    let waiting = ask(&stream, 2 * MIB, 65_536);
    let good = peer(&content, Script::default());
    liar.until(SOON, |counters| counters.corrupted >= 16)
        .await
        .unwrap();
    good.dial(stand.addr()).await.unwrap();
    assert!(content.matches(2 * MIB, &answer(waiting).await.unwrap()));
    stand.engine.shutdown().await;
}
