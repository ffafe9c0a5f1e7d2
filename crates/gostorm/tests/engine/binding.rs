//! Bound to an interface that comes and goes: what is bound is real (loopback), what is said of it the test's.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gostorm::Config;
use gostorm::net::{Gate, Interface, Interfaces, NetConfig};
use gostorm_sim::lab::{LabTracker, Script};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::stand::{MIB, SOON, Stand, answer, ask, check, config, eventually, film, peer};

#[derive(Debug, Default)]
pub(crate) struct Loopback {
    there: Mutex<Option<(u32, &'static str)>>,
    changed: Notify,
}

impl Loopback {
    pub(crate) fn set(&self, there: Option<(u32, &'static str)>) {
        *self.there.lock().unwrap() = there;
        self.changed.notify_one();
    }
}

impl Interfaces for Loopback {
    fn list(&self) -> io::Result<Vec<Interface>> {
        let there = *self.there.lock().unwrap();
        let lo = there.map(|(index, address)| Interface {
            name: "lo".to_owned(),
            index,
            up: true,
            addresses: vec![address.parse().unwrap()],
        });
        Ok(lo.into_iter().collect())
    }

    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.changed.notified())
    }
}

fn stand(loopback: &Arc<Loopback>) -> Stand {
    Stand::with(Config {
        net: NetConfig {
            bind: Some("lo".parse().unwrap()),
            interfaces: Arc::<Loopback>::clone(loopback),
            ..NetConfig::default()
        },
        listen: vec![([0, 0, 0, 0], 0).into()],
        sleep_after: SOON,
        ..config()
    })
}

#[tokio::test]
async fn a_film_goes_on_after_the_interface_went_and_came_back() {
    let content = film(80, 4 * MIB);
    let seeder = peer(&content, Script::default());
    let tracker = LabTracker::start(vec![seeder.addr()], Duration::ZERO)
        .await
        .unwrap();
    let loopback = Arc::new(Loopback::default());
    loopback.set(Some((1, "127.0.0.1")));
    let stand = stand(&loopback);
    stand.knows(&content, &[tracker.url()]);
    let stream = stand.open(&content, &[]);
    check(&stream, &content, 0, 100_000).await;
    let port = stand.engine.port();
    assert!(TcpStream::connect(stand.addr()).await.is_ok());

    loopback.set(None);
    seeder
        .until(SOON, |counters| counters.open == 0)
        .await
        .unwrap();
    eventually("nobody is connected", || stand.engine.peer_count() == 0).await;
    assert!(
        TcpStream::connect(stand.addr()).await.is_err(),
        "the listener is closed"
    );
    let waiting = ask(&stream, 3 * MIB, 50_000);
    let heard = tracker.heard().started;
    let dialled = seeder.counters().connections;
    let state = stand.engine.network();
    assert!(
        matches!(&*state.borrow(), Gate::Shut(why) if why.to_string() == "network down: interface lo is gone")
    );

    loopback.set(Some((2, "127.0.0.1")));
    let bytes = answer(waiting).await.unwrap();
    assert!(
        content.matches(3 * MIB, &bytes),
        "the read waited and was served"
    );
    tracker
        .until(SOON, |now| now.started == heard + 1)
        .await
        .unwrap();
    assert_eq!(
        seeder.counters().connections,
        dialled + 1,
        "no dial in between"
    );
    assert_eq!(stand.engine.port(), port);
    eventually("peers can reach us again", || {
        std::net::TcpStream::connect(stand.addr()).is_ok()
    })
    .await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_start_without_the_interface_waits_for_it() {
    let content = film(81, 2 * MIB);
    let seeder = peer(&content, Script::default());
    let loopback = Arc::new(Loopback::default());
    let stand = stand(&loopback);
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    let waiting = ask(&stream, 0, 50_000);
    eventually("it runs", || stand.engine.awake_count() == 1).await;
    loopback.set(Some((1, "127.0.0.1")));
    let bytes = answer(waiting).await.unwrap();
    assert!(content.matches(0, &bytes));
    assert_eq!(seeder.counters().connections, 1);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_magnet_is_resolved_once_there_is_a_network() {
    let content = film(82, 2 * MIB);
    let seeder = peer(&content, Script::default());
    let loopback = Arc::new(Loopback::default());
    let stand = stand(&loopback);
    let stream = stand.open(&content, &[&seeder]);
    let waiting = ask(&stream, 0, 50_000);
    eventually("it runs", || stand.engine.awake_count() == 1).await;
    assert_eq!(seeder.counters().connections, 0);
    loopback.set(Some((1, "127.0.0.1")));
    assert!(content.matches(0, &answer(waiting).await.unwrap()));
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_new_address_of_the_interface_moves_everything_to_it() {
    let content = film(83, 4 * MIB);
    let seeder = peer(&content, Script::default());
    let loopback = Arc::new(Loopback::default());
    loopback.set(Some((1, "127.0.0.1")));
    let stand = stand(&loopback);
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    check(&stream, &content, 0, 100_000).await;
    loopback.set(Some((1, "127.0.0.9")));
    seeder
        .until(SOON, |counters| counters.connections == 2)
        .await
        .unwrap();
    check(&stream, &content, 3 * MIB, 100_000).await;
    seeder
        .until(SOON, |counters| counters.open == 1)
        .await
        .unwrap();
    let at_new = std::net::SocketAddr::from(([127, 0, 0, 9], stand.engine.port()));
    eventually("we listen there", || {
        std::net::TcpStream::connect(at_new).is_ok()
    })
    .await;
    assert!(
        TcpStream::connect(stand.addr()).await.is_err(),
        "and only there"
    );
    stand.engine.shutdown().await;
}
