//! Connections over uTP, and over whichever stands first.

use gostorm_wire::mse::Methods;

use super::host::{Host, talk};
use super::*;
use crate::utp::Endpoint;

/// A dialer with an endpoint, which lives as long.
fn dialer_with_utp(outgoing: Encrypt) -> (Dialer, Arc<Endpoint>) {
    let net = Net::new();
    let endpoint = Arc::new(Endpoint::bind(&net, ([127, 0, 0, 1], 0).into()).unwrap());
    let endpoints = Arc::new(Endpoints::default());
    endpoints.add(&endpoint);
    let encryption = Encryption {
        outgoing,
        methods: Methods::Rc4,
        ..Encryption::default()
    };
    let dialer = Dialer::new(
        Arc::new(net),
        encryption,
        DialTimeouts::default(),
        endpoints,
    );
    (dialer, endpoint)
}

#[tokio::test]
async fn peers_talk_over_utp_plain_and_encrypted() {
    for outgoing in [Encrypt::Off, Encrypt::Require] {
        let endpoints = Endpoints::default();
        let mut host = Host::with(Encrypt::Prefer, Methods::Rc4, Some(&endpoints));
        let (dialer, _endpoint) = dialer_with_utp(outgoing);
        let ours = handshake(1, 1);
        let dialled = dialer.dial_by(Road::Utp, host.address(), &ours);
        let far = dialled.await.unwrap().transport;
        let peer = host.incoming.recv().await.unwrap();
        assert!(far.is_utp() && peer.stream.is_utp());
        assert_eq!(far.is_encrypted(), outgoing == Encrypt::Require);
        assert_eq!(peer.theirs, handshake(1, 1));
        talk(peer.stream, far).await;
    }
}

#[tokio::test]
async fn where_both_are_spoken_tcp_is_ahead() {
    let endpoints = Endpoints::default();
    let mut host = Host::with(Encrypt::Prefer, Methods::Both, Some(&endpoints));
    let (dialer, _endpoint) = dialer_with_utp(Encrypt::Prefer);
    let dialled = dialer.dial(host.address(), &handshake(1, 1), None).await;
    assert!(!dialled.unwrap().transport.is_utp());
    assert!(!host.incoming.recv().await.unwrap().stream.is_utp());
}

/// Answers one handshake over uTP.
async fn answer(endpoint: &Endpoint) -> Transport {
    let mut transport = Transport::from(endpoint.accept().await.unwrap());
    let mut theirs = [0; HANDSHAKE_LEN];
    transport.read_exact(&mut theirs).await.unwrap();
    transport
        .write_all(&mut handshake(1, 2).encode())
        .await
        .unwrap();
    transport
}

#[tokio::test]
async fn who_refuses_tcp_is_reached_over_utp() {
    let endpoint = Endpoint::bind(&Net::new(), ([127, 0, 0, 1], 0).into()).unwrap();
    let address = endpoint.local_addr();
    let (dialer, _endpoint) = dialer_with_utp(Encrypt::Off);
    let ours = handshake(1, 1);
    let (dialled, _open) = tokio::join!(dialer.dial(address, &ours, None), answer(&endpoint));
    assert!(dialled.unwrap().transport.is_utp());
}

#[tokio::test]
async fn who_takes_tcp_only_to_close_it_is_reached_over_utp() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let endpoint = Endpoint::bind(&Net::new(), address).unwrap();
    let (dialer, _endpoint) = dialer_with_utp(Encrypt::Prefer);
    let ours = handshake(1, 1);
    let close = async {
        loop {
            drop(tcp.accept().await);
        }
    };
    let dialled = async { tokio::join!(dialer.dial(address, &ours, None), answer(&endpoint)) };
    let (dialled, _open) = tokio::select! {
        dialled = dialled => dialled,
        () = close => unreachable!("it goes on for ever"),
    };
    assert!(dialled.unwrap().transport.is_utp());
}

#[tokio::test]
async fn an_endpoint_that_was_dropped_leaves_its_port_and_is_dialled_from_no_more() {
    let (dialer, endpoint) = dialer_with_utp(Encrypt::Off);
    let address = endpoint.local_addr();
    assert!(dialer.utp.toward(address).is_some());
    drop(endpoint);
    assert!(dialer.utp.toward(address).is_none());
    let free = async {
        while std::net::UdpSocket::bind(address).is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), free).await.unwrap();
}
