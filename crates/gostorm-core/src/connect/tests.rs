//! The address book: who is dialled first, when again, and who is believed how much.

use super::*;
use std::net::Ipv4Addr;

fn addr(host: u8, port: u16) -> SocketAddr {
    (Ipv4Addr::new(127, 0, 0, host), port).into()
}

fn known(addr: SocketAddr) -> KnownPeer {
    KnownPeer {
        addr,
        rate: 1_000_000,
        rtt_us: 40_000,
        trusted: true,
    }
}

#[test]
fn a_known_peer_is_remembered_until_it_fails() {
    let mut connect = Connect::new(7, []);
    connect.learn(known(addr(1, 1)));
    connect.learn(known(addr(1, 2)));
    connect.add(Source::Tracker, [addr(1, 1), addr(1, 3)]);
    assert_eq!(connect.known(addr(1, 1)), Some(known(addr(1, 1))));
    assert_eq!(
        connect.dial(Time::ZERO, 1).len(),
        1,
        "one of the known ones"
    );
    assert_eq!(connect.known_good().len(), 2);
    connect.failed(Time::ZERO, addr(1, 2));
    assert_eq!(connect.known_good(), vec![known(addr(1, 1))]);
    connect.unlearn(addr(1, 1));
    assert_eq!(connect.known_good(), vec![]);
}

#[test]
fn a_wake_dials_a_burst_and_known_good_peers_first() {
    let mut connect = Connect::new(7, []);
    connect.add(Source::Tracker, (1..=100).map(|port| addr(1, port)));
    connect.learn(known(addr(2, 9)));
    let burst = connect.dial(Time::ZERO, 200);
    assert_eq!(burst.len(), DIALING_MAX);
    assert_eq!(burst[0], addr(2, 9));
    assert_eq!(
        connect.dial(Time::ZERO, 200),
        vec![],
        "no more until one ends"
    );
    assert_eq!(
        connect.next_dial(),
        Time::NEVER,
        "nor a wake-up for nothing"
    );
    burst.iter().for_each(|addr| connect.connected(*addr));
    let paced = connect.dial(Time(1_000_000), 200);
    assert_eq!(paced.len(), 40, "40 a second after the burst");
    connect.check_invariants();
}

#[test]
fn a_failed_address_waits_longer_each_time_and_is_forgotten_in_the_end() {
    let mut connect = Connect::new(7, []);
    connect.add(Source::Tracker, [addr(1, 1)]);
    let mut now = Time::ZERO;
    let mut last = Duration::ZERO;
    for _ in 1..FAILURES_MAX {
        assert_eq!(connect.dial(now, 1), vec![addr(1, 1)]);
        connect.failed(now, addr(1, 1));
        let wait = connect.next_dial() - now;
        assert!(wait > last);
        last = wait;
        now = connect.next_dial();
    }
    connect.dial(now, 1);
    connect.failed(now, addr(1, 1));
    assert_eq!(connect.len(), 0);
}

#[test]
fn a_peer_that_came_by_itself_and_left_does_not_end_the_dial_to_it() {
    let mut connect = Connect::new(7, []);
    connect.add(Source::Tracker, [addr(1, 1)]);
    assert_eq!(connect.dial(Time::ZERO, 1), vec![addr(1, 1)]);
    connect.closed(Time::ZERO, addr(1, 1), true);
    connect.check_invariants();
    assert_eq!(connect.dialing(), 1);
}

#[test]
fn an_offender_is_dialled_again_late_however_much_it_had_sent() {
    let mut connect = Connect::new(7, []);
    connect.add(Source::Tracker, [addr(1, 1)]);
    connect.dial(Time::ZERO, 1);
    connect.connected(addr(1, 1));
    connect.closed(Time::ZERO, addr(1, 1), true);
    connect.offended(Time::ZERO, addr(1, 1));
    assert!(connect.next_dial() >= Time(40_000_000));
}

#[test]
fn a_network_that_went_and_came_back_is_held_against_nobody() {
    let mut connect = Connect::new(7, []);
    connect.add(Source::Tracker, (1..=4).map(|port| addr(1, port)));
    assert_eq!(connect.dial(Time::ZERO, 3).len(), 3);
    connect.connected(addr(1, 1));
    connect.failed(Time::ZERO, addr(1, 2));
    connect.go_offline();
    connect.failed(Time(5), addr(1, 3));
    connect.check_invariants();
    assert_eq!(connect.dial(Time(60_000_000), 9), vec![]);
    assert_eq!(connect.next_dial(), Time::NEVER);
    connect.go_online(Time(60_000_000));
    assert_eq!(connect.dial(Time(60_000_000), 9).len(), 4, "all at once");
    connect.check_invariants();
}

#[test]
fn a_banned_address_does_not_come_back() {
    let mut connect = Connect::new(7, []);
    connect.add(Source::Tracker, [addr(1, 1), addr(1, 2)]);
    assert!(connect.ban(addr(1, 1).ip()));
    connect.add(Source::Tracker, [addr(1, 3)]);
    assert_eq!(connect.len(), 0);
    assert!(connect.is_banned(addr(1, 9).ip()));
}

/// `count` addresses of the internet, beginning with number `from`.
fn many(from: u32, count: u32) -> Vec<SocketAddr> {
    let addr = |n: u32| (Ipv4Addr::from_bits(0x5000_0000 + n), 6881).into();
    (from..from + count).map(addr).collect()
}

#[test]
fn who_is_known_is_dialled_before_who_is_said_to_be_there() {
    let mut connect = Connect::new(7, []);
    connect.add(Source::Dht, [addr(1, 6)]);
    connect.add_named(PeerKey(1), [addr(1, 5)]);
    connect.add(Source::Tracker, [addr(1, 4)]);
    connect.add(Source::Lsd, [addr(1, 3)]);
    connect.add(Source::Hint, [addr(1, 2)]);
    connect.learn(known(addr(1, 1)));
    let order: Vec<u16> = connect
        .dial(Time::ZERO, 10)
        .iter()
        .map(SocketAddr::port)
        .collect();
    assert_eq!(order, vec![1, 2, 3, 4, 5, 6]);
}

#[test]
fn one_peer_that_names_thousands_gets_few_of_them_in() {
    let mut connect = Connect::new(7, []);
    connect.add_named(PeerKey(2), many(0, 5));
    for message in 1..20 {
        connect.add_named(PeerKey(1), many(message * 1_000, 200));
    }
    assert_eq!(connect.len(), NAMED_BY_ONE_MAX + 5);
    assert!(connect.contains(many(0, 1)[0]));
    connect.check_invariants();
}

#[test]
fn a_source_that_overflows_keeps_to_its_share_and_the_others_to_theirs() {
    let mut connect = Connect::new(7, []);
    connect.add(Source::Tracker, many(0, 100));
    connect.add(Source::Dht, many(10_000, 5_000));
    for peer in 0..100 {
        connect.add_named(PeerKey(u64::from(peer)), many(50_000 + peer * 100, 100));
    }
    assert_eq!(connect.len(), 100 + 200 + 200);
    connect.add(Source::Tracker, many(100, 5_000));
    assert_eq!(connect.len(), 450 + 200 + 200);
    connect.check_invariants();
}

#[test]
fn an_address_that_a_better_source_names_belongs_to_that_one() {
    let mut connect = Connect::new(7, []);
    connect.add_named(PeerKey(1), many(0, 50));
    connect.add(Source::Tracker, many(0, 50));
    assert_eq!(connect.source(many(0, 1)[0]), Some(Source::Tracker));
    connect.add_named(PeerKey(1), many(1_000, 50));
    assert_eq!(connect.len(), 100, "the first fifty count for it no more");
}

#[test]
fn a_private_torrent_forgets_what_no_tracker_named() {
    let mut connect = Connect::new(7, []);
    connect.add(Source::Dht, [addr(1, 1)]);
    connect.add_named(PeerKey(1), [addr(1, 2)]);
    connect.add(Source::Hint, [addr(1, 3)]);
    connect.add(Source::Tracker, [addr(1, 4)]);
    assert_eq!(connect.dial(Time::ZERO, 10).len(), 4);
    connect.make_private();
    connect.check_invariants();
    connect.add(Source::Lsd, [addr(1, 5)]);
    connect.add(Source::Tracker, [addr(1, 6)]);
    assert_eq!(connect.len(), 2);
    assert!(connect.contains(addr(1, 4)) && connect.contains(addr(1, 6)));
}
