//! A NAT-PMP gateway on a loopback address of its own, that does as it is told.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use gostorm_wire::nat::{GATEWAY_PORT, Protocol, Refusal, natpmp};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// What it does next.
#[derive(Debug)]
pub(crate) struct Rules {
    /// The port that it gives.
    pub(crate) port: u16,
    /// The lease, in seconds.
    pub(crate) lease: u32,
    /// So many requests are lost first.
    pub(crate) loses: u32,
    pub(crate) refuses: Option<Refusal>,
    /// Before each answer comes one from another port, one to another question, and one that is cut short.
    pub(crate) lies: bool,
}

/// See the module. It ends when it is dropped.
pub(crate) struct Gateway {
    pub(crate) address: Ipv4Addr,
    pub(crate) rules: Arc<Mutex<Rules>>,
    heard: Arc<Mutex<Vec<natpmp::Request>>>,
    task: JoinHandle<()>,
}

/// A loopback address that no other test has.
pub(crate) fn own_address() -> Ipv4Addr {
    static COUNT: AtomicU8 = AtomicU8::new(64);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, COUNT.fetch_add(1, Ordering::Relaxed), high, low)
}

impl Gateway {
    pub(crate) async fn start(port: u16) -> Self {
        let address = own_address();
        let socket = UdpSocket::bind((address, GATEWAY_PORT)).await.unwrap();
        let impostor = UdpSocket::bind((address, 0)).await.unwrap();
        let rules = Arc::new(Mutex::new(Rules {
            port,
            lease: 60,
            loses: 0,
            refuses: None,
            lies: false,
        }));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (told, record) = (Arc::clone(&rules), Arc::clone(&heard));
        let start = Instant::now();
        let task = tokio::spawn(async move {
            let mut packet = [0; 64];
            loop {
                let (len, from) = socket.recv_from(&mut packet).await.unwrap();
                let request = natpmp::Request::decode(&packet[..len]).unwrap();
                record.lock().unwrap().push(request);
                let epoch = 1_000 + u32::try_from(start.elapsed().as_secs()).unwrap();
                let (answer, lies) = {
                    let mut rules = told.lock().unwrap();
                    if rules.loses > 0 {
                        rules.loses -= 1;
                        continue;
                    }
                    (rules.answer(request, epoch), rules.lies)
                };
                if lies {
                    lie(&socket, &impostor, from, request, &answer).await;
                }
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        Self {
            address,
            rules,
            heard,
            task,
        }
    }

    pub(crate) fn heard(&self) -> Vec<natpmp::Request> {
        self.heard.lock().unwrap().clone()
    }

    /// Whether both protocols' mappings were taken back.
    pub(crate) fn was_given_back(&self) -> bool {
        let heard = self.heard();
        [Protocol::Tcp, Protocol::Udp].into_iter().all(|wanted| {
            heard.iter().any(|request| {
                matches!(request, natpmp::Request::Map { protocol, lifetime: 0, .. } if *protocol == wanted)
            })
        })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Rules {
    fn answer(&self, request: natpmp::Request, epoch: u32) -> Vec<u8> {
        let (asked, answer) = match request {
            natpmp::Request::Address => (None, natpmp::Answer::Address([11, 0, 0, 1].into())),
            natpmp::Request::Map {
                protocol,
                internal,
                lifetime,
                ..
            } => (
                Some(protocol),
                natpmp::Answer::Mapped {
                    internal,
                    external: if lifetime == 0 { 0 } else { self.port },
                    lifetime: lifetime.min(self.lease),
                },
            ),
        };
        let answer = self.refuses.map_or(answer, natpmp::Answer::Refused);
        natpmp::Reply {
            asked,
            epoch,
            answer,
        }
        .encode()
    }
}

async fn lie(
    socket: &UdpSocket,
    impostor: &UdpSocket,
    to: SocketAddr,
    request: natpmp::Request,
    answer: &[u8],
) {
    let mut forged = answer.to_vec();
    if let natpmp::Request::Map { .. } = request {
        // The port that is granted.
        forged[10..12].copy_from_slice(&666_u16.to_be_bytes());
    }
    impostor.send_to(&forged, to).await.unwrap();
    let mut other = forged.clone();
    other[1] ^= 3;
    socket.send_to(&other, to).await.unwrap();
    socket
        .send_to(&forged[..answer.len() - 1], to)
        .await
        .unwrap();
    socket.send_to(&[], to).await.unwrap();
}
