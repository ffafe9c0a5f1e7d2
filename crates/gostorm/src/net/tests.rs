//! The gate and its sockets, over interfaces that the test makes up; what is bound is real, on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::net::Ipv4Addr;
use std::pin::Pin;

use parking_lot::Mutex;
use url::Url;

use super::reach::Reach;
use super::*;

/// Interfaces as the test says.
#[derive(Debug, Default)]
struct Made {
    all: Mutex<Vec<Interface>>,
    changed: Notify,
}

impl Made {
    fn lo(index: u32, addresses: &[&str]) -> Vec<Interface> {
        vec![Interface {
            name: "lo".to_owned(),
            index,
            up: true,
            addresses: addresses.iter().map(|ip| ip.parse().unwrap()).collect(),
        }]
    }

    fn set(&self, all: Vec<Interface>) {
        *self.all.lock() = all;
        self.changed.notify_one();
    }
}

impl Interfaces for Made {
    fn list(&self) -> io::Result<Vec<Interface>> {
        Ok(self.all.lock().clone())
    }

    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.changed.notified())
    }
}

fn bound(bind: &str, interfaces: &Arc<Made>) -> Arc<Net> {
    let net = Arc::new(Net::with(NetConfig {
        bind: Some(bind.parse().unwrap()),
        interfaces: Arc::<Made>::clone(interfaces),
        ..NetConfig::default()
    }));
    let watched = Arc::clone(&net);
    tokio::spawn(async move { watched.keep_watch().await });
    net
}

fn made(all: Vec<Interface>) -> Arc<Made> {
    let made = Made::default();
    *made.all.lock() = all;
    Arc::new(made)
}

fn any(port: u16) -> SocketAddr {
    (Ipv4Addr::UNSPECIFIED, port).into()
}

async fn until(net: &Net, what: impl Fn(&Gate) -> bool) -> Gate {
    let mut gate = net.gate();
    let found = gate.wait_for(|gate| what(gate));
    let found = tokio::time::timeout(std::time::Duration::from_secs(30), found).await;
    found
        .expect("the gate follows the interfaces")
        .unwrap()
        .clone()
}

fn inner(error: &io::Error) -> Option<&Shut> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

#[tokio::test(start_paused = true)]
async fn while_the_interface_is_gone_no_socket_of_any_kind_is_made() {
    let interfaces = made(Vec::new());
    let net = bound("lo", &interfaces);
    let gone = Shut::NoInterface("lo".to_owned());
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = server.local_addr().unwrap();
    assert_eq!(inner(&net.connect(to).await.unwrap_err()), Some(&gone));
    assert_eq!(inner(&net.listen(any(0)).unwrap_err()), Some(&gone));
    assert_eq!(inner(&net.udp(any(0)).unwrap_err()), Some(&gone));
    let looked_up = net.resolve(Reach::Anywhere, "localhost", 1).await;
    assert_eq!(
        inner(&looked_up.unwrap_err()),
        Some(&gone),
        "nor is a name looked up"
    );
    let url = Url::parse("http://127.0.0.1/announce").unwrap();
    let refusal = net.http(Reach::Anywhere, &url).unwrap_err();
    assert!(matches!(refusal, HttpRefusal::Io(error) if inner(&error) == Some(&gone)));
    let work = net.within(async { panic!("no work is begun") });
    assert_eq!(inner(&work.await.unwrap_err()), Some(&gone));
}

#[tokio::test(start_paused = true)]
async fn the_gate_opens_when_the_interface_comes_and_ends_all_work_when_it_goes() {
    let interfaces = made(Vec::new());
    let net = bound("lo", &interfaces);
    interfaces.set(Made::lo(1, &["127.0.0.1"]));
    let uplink = net.opened().await;
    let listener = net.listen(any(0)).unwrap();
    assert_eq!(
        listener.local_addr().unwrap().ip(),
        Ipv4Addr::LOCALHOST,
        "not at every address"
    );
    let stream = net.connect(listener.local_addr().unwrap()).await.unwrap();
    let device = socket2::SockRef::from(&stream).device().unwrap();
    assert_eq!(device, Some(b"lo".to_vec()));
    let work = tokio::spawn({
        let net = Arc::clone(&net);
        async move { net.within(std::future::pending::<()>()).await }
    });
    tokio::task::yield_now().await;
    interfaces.set(Vec::new());
    let ended = work.await.unwrap().unwrap_err();
    assert_eq!(ended.kind(), io::ErrorKind::NetworkDown);
    assert!(uplink.has_ended());
    assert!(matches!(
        &*net.gate().borrow(),
        Gate::Shut(Shut::NoInterface(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn every_change_of_what_is_bound_to_is_a_new_generation_and_nothing_else_is() {
    let interfaces = made(Made::lo(1, &["127.0.0.1"]));
    let net = bound("lo", &interfaces);
    let first = net.opened().await;
    let mut last = first.generation();
    interfaces.set(Made::lo(1, &["127.0.0.9", "127.0.0.1"]));
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    tokio::task::yield_now().await;
    assert!(!first.has_ended(), "a further address changes nothing");
    for changed in [
        // The address, the device behind the same name, its families.
        Made::lo(1, &["127.0.0.9"]),
        Made::lo(2, &["127.0.0.9"]),
        Made::lo(2, &["127.0.0.9", "::1"]),
        Made::lo(2, &["::1"]),
    ] {
        let before = net.opened().await;
        interfaces.set(changed);
        let gate = until(&net, |gate| gate.generation().is_some_and(|new| new > last)).await;
        last = gate.generation().unwrap();
        before.ended().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_family_that_the_interface_lacks_is_refused() {
    let net = bound("lo", &made(Made::lo(1, &["127.0.0.1"])));
    let v6: SocketAddr = "[::1]:1".parse().unwrap();
    for error in [
        net.connect(v6).await.unwrap_err(),
        net.listen(v6).unwrap_err(),
        net.udp(v6).map(drop).unwrap_err(),
    ] {
        assert_eq!(error.kind(), io::ErrorKind::NetworkUnreachable, "{error}");
    }
    let url = Url::parse("http://[::1]/announce").unwrap();
    assert!(net.http(Reach::Anywhere, &url).is_err());
}

#[tokio::test(start_paused = true)]
async fn an_address_binds_to_its_device_and_to_nothing_else_of_it() {
    let interfaces = made(Made::lo(1, &["127.0.0.1", "127.0.0.7", "::1"]));
    let net = bound("127.0.0.7", &interfaces);
    let uplink = net.opened().await;
    assert_eq!(uplink.device().map(|device| &*device.name), Some("lo"));
    assert_eq!(
        (uplink.v4(), uplink.v6()),
        (Some([127, 0, 0, 7].into()), None)
    );
    let socket = net.udp(any(0)).unwrap();
    assert_eq!(socket.local_addr().unwrap().ip(), uplink.v4().unwrap());
    interfaces.set(Made::lo(1, &["127.0.0.1", "::1"]));
    let gate = until(&net, |gate| gate.generation().is_none()).await;
    assert!(matches!(gate, Gate::Shut(Shut::NoSuchAddress(_))));
}

#[tokio::test(start_paused = true)]
async fn an_interface_that_cannot_be_bound_to_leaves_the_gate_shut() {
    let mut all = Made::lo(7, &["127.0.0.1"]);
    all[0].name = "gs-not-there".to_owned();
    let net = bound("gs-not-there", &made(all));
    assert!(matches!(
        &*net.gate().borrow(),
        Gate::Shut(Shut::Refused(..))
    ));
}

#[tokio::test]
async fn http_requests_leave_by_the_interface_and_stop_with_it() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let interfaces = made(Made::lo(1, &["127.0.0.7"]));
    let net = bound("lo", &interfaces);
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/announce", server.local_addr().unwrap());
    let url = Url::parse(&url).unwrap();
    let request = net
        .http(Reach::Anywhere, &url)
        .unwrap()
        .get(url.clone())
        .send();
    let answer = tokio::spawn(request);
    let (mut stream, from) = server.accept().await.unwrap();
    assert_eq!(from.ip(), Ipv4Addr::new(127, 0, 0, 7));
    let mut head = [0; 16];
    stream.read_exact(&mut head).await.unwrap();
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .await
        .unwrap();
    assert!(answer.await.unwrap().unwrap().status().is_success());
    interfaces.set(Made::lo(1, &["127.0.0.8"]));
    until(&net, |gate| {
        gate.generation().is_some_and(|generation| generation > 2)
    })
    .await;
    let new = net.http(Reach::Anywhere, &url).unwrap();
    let request = tokio::spawn(new.get(url.clone()).send());
    let accepted = server.accept().await;
    request.abort();
    assert_eq!(
        accepted.unwrap().1.ip(),
        Ipv4Addr::new(127, 0, 0, 8),
        "a client of the new generation"
    );
}

#[tokio::test]
async fn without_a_setting_nothing_is_bound() {
    let net = Net::new();
    let uplink = net.uplink().unwrap();
    assert!(uplink.device().is_none());
    let listener = net.listen(any(0)).unwrap();
    assert!(listener.local_addr().unwrap().ip().is_unspecified());
}

#[test]
fn the_mitigation_can_be_switched_off() {
    let url = Url::parse("http://127.0.0.1/shutdown").unwrap();
    for (ssrf_mitigation, refused) in [(true, true), (false, false)] {
        let net = Net::with(NetConfig {
            ssrf_mitigation,
            ..NetConfig::default()
        });
        let refusal = net.http(Reach::of_tracker(&url), &url).err();
        assert_eq!(matches!(refusal, Some(HttpRefusal::OutOfReach)), refused);
    }
}
