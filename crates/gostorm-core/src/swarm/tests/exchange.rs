//! Peer exchange: who is told of whom, who is believed, and that a private torrent keeps out of it.

use gostorm_wire::{Pex, PexFlags};

use super::*;
use crate::connect::Source;
use crate::event::DisconnectReason;

fn of(ip: &str) -> SocketAddr {
    format!("{ip}:6881").parse().unwrap()
}

fn naming(added: &[SocketAddr]) -> Pex {
    Pex {
        added: added
            .iter()
            .map(|addr| (*addr, PexFlags::default()))
            .collect(),
        dropped: Vec::new(),
    }
}

/// The exchanges among outputs: to whom, and what.
fn exchanges(outputs: &[Output]) -> Vec<(u64, Pex)> {
    let exchange = |output: &Output| {
        let Output::Send { peer, message } = output else {
            return None;
        };
        let Message::Extended { id: 9, payload } = message else {
            return None;
        };
        Some((peer.0, Pex::decode(payload).unwrap()))
    };
    outputs.iter().filter_map(exchange).collect()
}

fn addrs(message: &Pex) -> Vec<String> {
    let mut addrs: Vec<String> = message
        .added
        .iter()
        .map(|(addr, _)| addr.to_string())
        .collect();
    addrs.sort();
    addrs
}

impl Bench {
    /// A peer at an address; it has everything.
    fn meet(&mut self, key: u64, addr: SocketAddr, incoming: bool) -> Vec<Output> {
        let mut outputs = self.give(Input::Connected {
            peer: PeerKey(key),
            addr,
            incoming,
            fast: true,
            v2: false,
            rtt_us: Some(20_000),
        });
        outputs.extend(self.say(key, Message::HaveAll));
        outputs
    }

    fn takes_pex(&mut self, key: u64) {
        let peer = PeerKey(key);
        self.give(Input::TakesPex { peer, id: 9 });
    }

    fn name(&mut self, key: u64, added: &[SocketAddr]) -> Vec<Output> {
        let (peer, message) = (PeerKey(key), naming(added));
        self.give(Input::Pex { peer, message })
    }

    fn source(&self, addr: &str) -> Option<Source> {
        self.swarm.connect.source(of(addr))
    }
}

#[test]
fn a_peer_is_told_of_those_that_can_be_dialled_and_later_of_changes() {
    let mut bench = Bench::new(20);
    bench.meet(1, of("8.0.0.1"), false);
    bench.meet(2, of("8.0.0.2"), false);
    bench.meet(3, "8.0.0.3:40001".parse().unwrap(), true);
    bench.meet(4, "8.0.0.4:40002".parse().unwrap(), true);
    let peer = PeerKey(4);
    bench.give(Input::ListensAt { peer, port: 7000 });
    bench.takes_pex(1);
    let first = exchanges(&bench.wait_until(Time(3_000_000)));
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(first[0].0, 1);
    assert_eq!(
        addrs(&first[0].1),
        ["8.0.0.2:6881", "8.0.0.4:7000"],
        "not itself, not whose port is unknown"
    );
    let flags: Vec<bool> = first[0]
        .1
        .added
        .iter()
        .map(|(_, flags)| flags.reachable)
        .collect();
    assert_eq!(flags, [true, false]);
    assert!(first[0].1.added[0].1.upload_only);

    bench.give(Input::Closed { peer: PeerKey(2) });
    bench.meet(5, of("8.0.0.5"), false);
    assert_eq!(
        exchanges(&bench.wait_until(Time(61_000_000))),
        vec![],
        "not within a minute"
    );
    let second = exchanges(&bench.wait_until(Time(64_000_000)));
    assert_eq!(addrs(&second[0].1), ["8.0.0.5:6881"]);
    assert_eq!(second[0].1.dropped, vec![of("8.0.0.2")]);
}

#[test]
fn nobody_is_told_of_an_address_that_is_nearer_to_us_than_himself() {
    let mut bench = Bench::new(20);
    bench.meet(1, of("8.0.0.1"), false);
    bench.meet(2, of("192.168.1.2"), false);
    bench.meet(3, of("127.0.0.3"), false);
    (1..=3).for_each(|key| bench.takes_pex(key));
    let told = exchanges(&bench.wait_until(Time(3_000_000)));
    let told: Vec<_> = told
        .iter()
        .map(|(peer, message)| (*peer, addrs(message)))
        .collect();
    let list = |addrs: &[&str]| addrs.iter().map(|addr| (*addr).to_owned()).collect();
    assert_eq!(
        told,
        vec![
            (2, list(&["8.0.0.1:6881"])),
            (3, list(&["192.168.1.2:6881", "8.0.0.1:6881"])),
        ]
    );
}

#[test]
fn a_named_address_is_dialled_and_one_of_our_own_network_is_not() {
    let mut bench = Bench::new(20);
    bench.meet(1, of("8.0.0.1"), false);
    bench.name(
        1,
        &[
            of("9.0.0.9"),
            of("192.168.1.1"),
            of("127.0.0.1"),
            "[::1]:80".parse().unwrap(),
        ],
    );
    let dials: Vec<Output> = bench.turn();
    let dials: Vec<_> = dials
        .iter()
        .filter_map(|output| {
            let Output::Dial { addr } = output else {
                return None;
            };
            Some(*addr)
        })
        .collect();
    assert_eq!(dials, vec![of("9.0.0.9")]);
    assert_eq!(bench.source("9.0.0.9"), Some(Source::Pex));
}

#[test]
fn a_peer_that_floods_us_with_names_is_let_go() {
    let mut bench = Bench::new(20);
    bench.meet(1, of("8.0.0.1"), false);
    let mut outputs = Vec::new();
    for message in 0..30_u8 {
        bench.now += Duration::from_secs(1);
        let addr = SocketAddr::from(([9, 0, 0, message], 6881));
        outputs.extend(bench.name(1, &[addr]));
    }
    assert_eq!(
        bench.swarm.stats().candidates,
        3,
        "the first three messages were heard"
    );
    let reason = DisconnectReason::Protocol("floods us with peer exchanges");
    let peer = PeerKey(1);
    assert_eq!(outputs, vec![Output::Disconnect { peer, reason }]);
}

#[test]
fn a_private_torrent_neither_speaks_nor_listens() {
    let mut bench = Bench::new(20);
    bench.swarm.config.private = true;
    bench.swarm.connect.make_private();
    for last in 1..3 {
        let source = Source::Tracker;
        let addrs = vec![of(&format!("8.0.0.{last}"))];
        bench.give(Input::Candidates { source, addrs });
        bench.meet(last, of(&format!("8.0.0.{last}")), false);
        bench.takes_pex(last);
    }
    bench.name(1, &[of("9.0.0.9")]);
    assert_eq!(exchanges(&bench.wait_until(Time(200_000_000))), vec![]);
    for source in [Source::Dht, Source::Lsd, Source::Hint, Source::Pex] {
        let addrs = vec![of("9.0.0.10")];
        bench.give(Input::Candidates { source, addrs });
    }
    assert_eq!(bench.swarm.stats().candidates, 2);
}

#[test]
fn what_was_found_elsewhere_is_let_go_when_a_magnet_turns_out_to_be_private() {
    let mut search =
        crate::resolve::Resolve::new(gostorm_wire::InfoHash([1; 20]), None, Config::default(), 1);
    let candidates = [
        (Source::Dht, of("9.0.0.1")),
        (Source::Tracker, of("9.0.0.2")),
    ];
    for (source, addr) in candidates {
        let addrs = vec![addr];
        search.handle(
            Time::ZERO,
            crate::resolve::ResolveInput::Candidates { source, addrs },
        );
    }
    let mut bench = Bench::new(20);
    let config = Config {
        private: true,
        ..Config::default()
    };
    let (inherited, _) = search.into_parts();
    bench.swarm = Swarm::inherit(config, bench.swarm.layout.clone(), 1, inherited);
    let outputs = bench.meet(1, of("9.0.0.1"), false);
    let (peer, reason) = (PeerKey(1), DisconnectReason::Private);
    assert_eq!(outputs, vec![Output::Disconnect { peer, reason }]);
    bench.meet(2, of("9.0.0.2"), false);
    assert_eq!(bench.swarm.stats().peers, 1);
}

#[test]
fn a_peer_that_dialled_us_is_not_dialled_as_well() {
    let mut bench = Bench::new(20);
    bench.meet(1, "8.0.0.1:40001".parse().unwrap(), true);
    let peer = PeerKey(1);
    bench.give(Input::ListensAt { peer, port: 6881 });
    let outputs = bench.meet(2, of("8.0.0.1"), false);
    let (peer, reason) = (PeerKey(2), DisconnectReason::Duplicate);
    assert_eq!(outputs, vec![Output::Disconnect { peer, reason }]);
}
