//! Networks of nodes in virtual time, with honest ones and liars.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr};

use gostorm_wire::InfoHash;
use proptest::prelude::*;

use super::*;

/// Everybody is so far from everybody.
const DELAY: Duration = Duration::from_millis(30);

/// What a lying node answers to a question: a datagram, made from the question's transaction and the time.
type Lie = fn(SocketAddr, &Krpc, u64) -> Vec<u8>;

#[derive(Default)]
struct Network {
    now: Time,
    nodes: BTreeMap<SocketAddr, Dht>,
    liars: BTreeMap<SocketAddr, Lie>,
    sent: VecDeque<(Time, SocketAddr, SocketAddr, Vec<u8>)>,
    found: Vec<(SocketAddr, u64, SocketAddr)>,
    /// Who was told that a lookup is over.
    over: Vec<(SocketAddr, u64)>,
    entry: Vec<SocketAddr>,
    datagrams: BTreeMap<SocketAddr, usize>,
}

/// Host `n` of the internet.
fn host(n: u32) -> SocketAddr {
    (Ipv4Addr::from_bits(0x5000_0000 + n), 6881).into()
}

fn seed(n: u32) -> [u8; 32] {
    let [a, b, c, d] = n.to_be_bytes();
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&[a, b, c, d]);
    seed
}

const TORRENT: InfoHash = InfoHash([0x55; 20]);

impl Network {
    /// `count` nodes that all know the first as their entry.
    fn of(count: u32) -> Self {
        let mut network = Self {
            entry: vec![host(0)],
            ..Self::default()
        };
        for n in 0..count {
            network.join(n);
        }
        network.run(Duration::from_secs(60));
        network
    }

    fn join(&mut self, n: u32) {
        let id = NodeId(sha1(&n.to_be_bytes()));
        let node = Dht::new(id, seed(n), [true, false]);
        self.nodes.insert(host(n), node);
        self.give(host(n), DhtInput::Tick);
    }

    fn give(&mut self, at: SocketAddr, input: DhtInput<'_>) {
        let Some(node) = self.nodes.get_mut(&at) else {
            return;
        };
        node.handle(self.now, input);
        node.check_invariants();
        let mut need = false;
        while let Some(output) = node.poll() {
            match output {
                DhtOutput::Send { to, bytes } => {
                    assert!(
                        bytes.len() <= gostorm_wire::krpc::DATAGRAM_MAX,
                        "{}",
                        bytes.len()
                    );
                    *self.datagrams.entry(at).or_default() += 1;
                    self.sent.push_back((self.now + DELAY, at, to, bytes));
                }
                DhtOutput::Found { key, addrs } => {
                    let found = addrs.into_iter().map(|addr| (at, key, addr));
                    self.found.extend(found);
                }
                DhtOutput::Over { key } => self.over.push((at, key)),
                DhtOutput::NeedEntry => need = true,
            }
        }
        if need {
            let entry = self.entry.iter().copied().filter(|addr| *addr != at);
            let entry = entry.collect();
            self.give(at, DhtInput::Contacts(entry));
        }
    }

    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            let arrival = self.sent.front().map_or(Time::NEVER, |sent| sent.0);
            let wake = self.nodes.values().map(Dht::wake_at).min().unwrap();
            self.now = arrival
                .min(wake.max(self.now + Duration::from_millis(1)))
                .min(until);
            while let Some((_, from, to, bytes)) = self.sent.pop_front_if(|sent| sent.0 <= self.now)
            {
                if let (Some(lie), Ok(question)) = (self.liars.get(&to), Krpc::decode(&bytes)) {
                    let answer = lie(to, &question, self.now.0);
                    self.sent.push_back((self.now + DELAY, to, from, answer));
                }
                let bytes = &bytes;
                self.give(to, DhtInput::Datagram { from, bytes });
            }
            let due = |node: &Dht| node.wake_at() <= self.now;
            let due: Vec<SocketAddr> = self
                .nodes
                .iter()
                .filter(|(_, node)| due(node))
                .map(|(addr, _)| *addr)
                .collect();
            for addr in due {
                self.give(addr, DhtInput::Tick);
            }
        }
    }

    fn look_up(&mut self, n: u32, announce: Option<u16>) {
        let (key, info_hash) = (u64::from(n), TORRENT);
        self.give(
            host(n),
            DhtInput::Lookup {
                key,
                info_hash,
                announce,
            },
        );
    }

    /// Datagrams that node `n` has sent.
    fn sent_by(&self, n: u32) -> usize {
        self.datagrams.get(&host(n)).copied().unwrap_or(0)
    }

    fn found_by(&self, n: u32) -> Vec<SocketAddr> {
        let found = self
            .found
            .iter()
            .filter(|(at, key, _)| *at == host(n) && *key == u64::from(n));
        let mut found: Vec<SocketAddr> = found.map(|(.., addr)| *addr).collect();
        found.sort();
        found
    }
}

fn at(n: u32, port: u16) -> SocketAddr {
    SocketAddr::new(host(n).ip(), port)
}

#[test]
fn who_announces_himself_is_found_by_whoever_looks_at_the_port_that_he_named() {
    let mut network = Network::of(100);
    network.look_up(3, Some(8_091));
    network.look_up(4, Some(8_092));
    network.run(Duration::from_secs(5));
    network.look_up(70, None);
    network.run(Duration::from_secs(5));
    assert_eq!(network.found_by(70), vec![at(3, 8_091), at(4, 8_092)]);
}

#[test]
fn a_lookup_that_was_answered_says_when_it_is_over_and_one_that_nobody_heard_does_not() {
    let mut network = Network::of(30);
    // With a socket for IPv6 as well, where nobody is known.
    let both = Dht::new(NodeId(sha1(b"both")), seed(300), [true, true]);
    network.nodes.insert(host(300), both);
    network.give(host(300), DhtInput::Tick);
    network.run(Duration::from_secs(5));
    network.look_up(300, None);
    assert_eq!(network.over, vec![]);
    network.run(Duration::from_secs(10));
    assert_eq!(network.over, vec![(host(300), 300)]);
    let mut alone = Network::of(1);
    alone.look_up(0, None);
    alone.run(Duration::from_secs(100));
    assert_eq!(alone.over, vec![]);
}

#[test]
fn nodes_that_nobody_uses_are_quiet() {
    let mut network = Network::of(20);
    network.run(Duration::from_secs(3_600));
    let before = network.sent_by(7);
    network.run(Duration::from_secs(900));
    let sent = network.sent_by(7) - before;
    assert!(sent < 200, "{sent} datagrams in a quarter of an hour");
}

#[test]
fn everybody_comes_to_know_enough_others_and_a_lookup_asks_few_of_them() {
    let mut network = Network::of(60);
    let sizes: Vec<usize> = network.nodes.values().map(|node| node.sizes()[0]).collect();
    assert!(sizes.iter().all(|size| *size >= FEW), "{sizes:?}");
    network.run(Duration::from_secs(35));
    let before = network.sent_by(7);
    network.look_up(7, None);
    network.run(Duration::from_secs(2));
    let sent = network.sent_by(7) - before;
    assert!((lookup::CLOSEST..120).contains(&sent), "{sent}");
    assert_eq!(network.found_by(7), vec![]);
}

#[test]
fn a_lookup_before_the_first_node_is_known_is_carried_out_when_one_is() {
    let mut network = Network::of(30);
    network.look_up(3, Some(8_091));
    network.run(Duration::from_secs(5));
    network.join(200);
    network.look_up(200, None);
    network.run(Duration::from_secs(5));
    assert_eq!(network.found_by(200), vec![at(3, 8_091)]);
}

#[test]
fn the_nodes_of_an_earlier_run_are_enough_to_start_from() {
    let mut network = Network::of(30);
    network.look_up(3, Some(8_091));
    network.run(Duration::from_secs(5));
    let saved = network.nodes[&host(9)].saved();
    assert!(saved.len() >= FEW, "{}", saved.len());
    network.entry.clear();
    network.join(300);
    network.give(host(300), DhtInput::Saved(saved));
    network.look_up(300, None);
    network.run(Duration::from_secs(10));
    assert_eq!(network.found_by(300), vec![at(3, 8_091)]);
    assert!(network.nodes[&host(300)].sizes()[0] >= 8);
}

#[test]
fn a_peer_that_no_longer_announces_itself_is_forgotten() {
    let mut network = Network::of(20);
    network.look_up(3, Some(8_091));
    network.run(Duration::from_secs(2_400));
    network.look_up(9, None);
    network.run(Duration::from_secs(5));
    assert_eq!(network.found_by(9), vec![]);
}

/// Names itself as it was called, and numbers that it makes up.
fn flood(me: SocketAddr, question: &Krpc, now: u64) -> Vec<u8> {
    let n = u32::try_from(now % 1_000_000).unwrap();
    let near = |k: u32| {
        let mut id = TORRENT.0;
        id[16..].copy_from_slice(&(n + k).to_be_bytes());
        NodeId(id)
    };
    let IpAddr::V4(ip) = me.ip() else {
        unreachable!()
    };
    // Its own name is what the one who told of it said: close to the torrent, by its address.
    let mut id = TORRENT.0;
    id[16..].copy_from_slice(&ip.octets());
    let nodes = (0..16)
        .map(|k| Node {
            id: near(k),
            addr: host(0x100_0000 + n + k),
        })
        .collect();
    let body = Body::Response {
        id: NodeId(id),
        nodes,
        peers: (0..100).map(|k| at(0x200_0000 + n, 1_000 + k)).collect(),
        token: Some(vec![0; 64]),
    };
    let transaction = question.transaction.clone();
    Krpc { transaction, body }.encode()
}

#[test]
fn nodes_that_name_thousands_cost_a_bounded_number_of_questions_and_peers() {
    let mut network = Network::of(40);
    // Liars that everybody knows, near the torrent.
    for n in 1_000..1_010 {
        network.liars.insert(host(n), flood);
        network.give(host(5), DhtInput::Contacts(vec![host(n)]));
    }
    network.run(Duration::from_secs(10));
    let before = network.sent_by(5);
    network.look_up(5, Some(1));
    network.run(Duration::from_secs(15));
    let sent = network.sent_by(5) - before;
    assert!(sent < 200, "{sent}");
    assert!(!network.found_by(5).is_empty() && network.found_by(5).len() <= 400);
    assert!(
        network.nodes[&host(5)].lookups.is_empty(),
        "it came to an end"
    );
}

/// Leads into our own network.
fn lead_home(_: SocketAddr, question: &Krpc, _: u64) -> Vec<u8> {
    let home = |n: u8| SocketAddr::from(([192, 168, 1, n], 80));
    let body = Body::Response {
        id: NodeId([0x56; 20]),
        nodes: (1..9)
            .map(|n| Node {
                id: NodeId([0x54, n].repeat(10).try_into().unwrap()),
                addr: home(n),
            })
            .collect(),
        peers: vec![home(1), "127.0.0.1:22".parse().unwrap(), host(77)],
        token: None,
    };
    let transaction = question.transaction.clone();
    Krpc { transaction, body }.encode()
}

#[test]
fn nobody_on_the_internet_leads_us_into_our_own_network() {
    let mut network = Network::of(10);
    network.liars.insert(host(1_000), lead_home);
    network.give(host(5), DhtInput::Contacts(vec![host(1_000)]));
    network.run(Duration::from_secs(10));
    network.look_up(5, None);
    network.run(Duration::from_secs(10));
    assert_eq!(network.found_by(5), vec![host(77)]);
    let saved = network.nodes[&host(5)].saved();
    assert!(
        saved
            .iter()
            .all(|node| node.addr != at(0, 80) && crate::is_global(node.addr.ip()))
    );
}

#[test]
fn an_answer_of_somebody_else_or_to_nothing_is_not_heard() {
    let mut node = Dht::new(NodeId([1; 20]), seed(1), [true, false]);
    node.handle(Time::ZERO, DhtInput::Contacts(vec![host(1)]));
    let asked = std::iter::from_fn(|| node.poll()).find_map(|output| match output {
        DhtOutput::Send { bytes, .. } => Some(bytes),
        DhtOutput::Found { .. } | DhtOutput::Over { .. } | DhtOutput::NeedEntry => None,
    });
    let question = Krpc::decode(&asked.unwrap()).unwrap();
    let answer = |transaction: Vec<u8>, id| {
        let (nodes, peers, token) = (Vec::new(), Vec::new(), None);
        let body = Body::Response {
            id,
            nodes,
            peers,
            token,
        };
        Krpc { transaction, body }.encode()
    };
    let id = NodeId([9; 20]);
    let right = answer(question.transaction.clone(), id);
    let tries = [
        (host(2), right.clone()),
        (host(1), answer(vec![0; 4], id)),
        (host(1), answer(vec![1], id)),
        (host(1), answer(question.transaction, node.id())),
        (host(1), right),
    ];
    for (from, bytes) in tries {
        let bytes = &bytes;
        node.handle(Time(1), DhtInput::Datagram { from, bytes });
        assert_eq!(
            node.sizes(),
            [0, 0],
            "the last came after its question was used up"
        );
    }
}

#[test]
fn a_host_that_asks_without_end_gets_few_answers_and_needs_a_token_to_announce() {
    let mut node = Dht::new(NodeId([1; 20]), seed(1), [true, false]);
    let ask = |node: &mut Dht, query: Query| {
        let body = Body::Query {
            id: NodeId([2; 20]),
            query,
            read_only: true,
        };
        let bytes = &Krpc {
            transaction: vec![1],
            body,
        }
        .encode();
        node.handle(
            Time(1),
            DhtInput::Datagram {
                from: host(3),
                bytes,
            },
        );
        let outputs: Vec<DhtOutput> = std::iter::from_fn(|| node.poll()).collect();
        outputs.into_iter().find_map(|output| match output {
            DhtOutput::Send { to, bytes } if to == host(3) => {
                Some(Krpc::decode(&bytes).unwrap().body)
            }
            DhtOutput::Send { .. }
            | DhtOutput::Found { .. }
            | DhtOutput::Over { .. }
            | DhtOutput::NeedEntry => None,
        })
    };
    let announce = |token| Query::AnnouncePeer {
        info_hash: TORRENT,
        port: Some(5),
        token,
    };
    let refused = ask(&mut node, announce(vec![0; 8]));
    assert_eq!(refused, Some(Body::Error { code: 203 }));
    let Some(Body::Response {
        token: Some(token), ..
    }) = ask(&mut node, Query::GetPeers { info_hash: TORRENT })
    else {
        unreachable!("no token");
    };
    assert!(matches!(
        ask(&mut node, announce(token)),
        Some(Body::Response { .. })
    ));
    let Some(Body::Response { peers, .. }) = ask(&mut node, Query::GetPeers { info_hash: TORRENT })
    else {
        unreachable!("no peers");
    };
    assert_eq!(peers, vec![at(3, 5)]);
    let answers = (0..1_000).filter(|_| ask(&mut node, Query::Ping).is_some());
    assert_eq!(answers.count(), 20 - 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]
    #[test]
    fn any_datagrams_keep_the_bounds(
        seed_of in any::<u8>(),
        steps in prop::collection::vec((any::<u16>(), 0..7_u8, any::<[u8; 20]>()), 0..400),
    ) {
        let mut node = Dht::new(NodeId([seed_of; 20]), seed(1), [true, true]);
        let mut asked: VecDeque<(SocketAddr, Krpc)> = VecDeque::new();
        let mut now = Time::ZERO;
        for (n, kind, place) in steps {
            now += Duration::from_millis(u64::from(n) / 16);
            let (id, from) = (NodeId(place), host(u32::from(n)));
            let info_hash = InfoHash(place);
            let query = |query| Krpc { transaction: vec![1], body: Body::Query { id, query, read_only: false } }.encode();
            let bytes = match (kind, asked.pop_front()) {
                (0, _) => query(Query::GetPeers { info_hash }),
                (1, _) => query(Query::AnnouncePeer { info_hash, port: Some(n), token: node.desk.token(from.ip()) }),
                (2, _) => { node.handle(now, DhtInput::Lookup { key: u64::from(n), info_hash, announce: Some(1) }); vec![] }
                (3, _) => { node.handle(now, DhtInput::Contacts(vec![from])); vec![] }
                (_, Some((to, question))) => {
                    let bytes = flood(to, &question, u64::from(n));
                    node.handle(now, DhtInput::Datagram { from: to, bytes: &bytes });
                    bytes
                }
                (_, None) => place.to_vec(),
            };
            node.handle(now, DhtInput::Datagram { from, bytes: &bytes });
            node.check_invariants();
            while let Some(output) = node.poll() {
                if let DhtOutput::Send { to, bytes } = output {
                    prop_assert!(bytes.len() <= gostorm_wire::krpc::DATAGRAM_MAX);
                    asked.extend(Krpc::decode(&bytes).ok().map(|question| (to, question)));
                    asked.truncate(1_000);
                }
            }
        }
    }
}
