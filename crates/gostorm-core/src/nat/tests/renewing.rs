//! Leases: renewed, lost, and got back.

use super::*;

#[test]
fn a_minute_is_renewed_after_45_seconds_with_the_port_that_is_had() {
    let mut world = World::new(vpn_settings(), Gateway::vpn());
    world.run(100);
    let at: Vec<_> = world
        .requests()
        .into_iter()
        .filter(|request| request.1 == Tcp)
        .collect();
    assert_eq!(
        at,
        [
            (0, Tcp, 0, 60),
            (45, Tcp, 41_230, 60),
            (90, Tcp, 41_230, 60)
        ]
    );
    assert!(world.lost.is_empty());
    assert_eq!(world.mapping().expires, Time(150_000_000));
}

#[test]
fn the_granted_lease_rules() {
    for (granted, wanted, renewed_at) in [
        (20, Some(45), 15),
        (60, None, 45),
        (120, None, 90),
        (3_600, None, 1_800),
        (3_600, Some(45), 45),
        (u32::MAX, None, 43_200),
    ] {
        let gateway = Gateway {
            lease_max: granted,
            ..Gateway::default()
        };
        let settings = Settings {
            lifetime: u32::MAX,
            renew_after: wanted.map(Duration::from_secs),
            ..settings(&[Dialect::NatPmp])
        };
        let mut world = World::new(settings, gateway);
        world.run(renewed_at);
        let second = world.requests()[2];
        assert_eq!(second, (renewed_at, Tcp, 41_230, u32::MAX), "{granted}");
    }
}

#[test]
fn the_port_follows_what_the_gateway_gives_at_a_renewal() {
    let mut world = World::new(vpn_settings(), Gateway::vpn());
    world.run(30);
    world.gateway.table.clear();
    world.gateway.next_port = 50_000;
    world.run(15);
    let mapping = world.mapping();
    assert_eq!((mapping.port, mapping.udp), (50_000, Some(50_000)));
    assert_eq!(world.mapped.last().unwrap().0, Time(45_000_000));
    assert!(world.lost.is_empty());
}

#[test]
fn one_failed_renewal_is_repeated_and_nothing_is_lost() {
    let mut world = World::new(vpn_settings(), Gateway::vpn());
    world.run(44);
    world.gateway.loses = 5;
    world.run(15);
    assert!(world.lost.is_empty() && world.failed.is_empty());
    assert_eq!(world.mapping().expires, Time(113_750_000));
    assert!(
        world.requests().iter().all(|request| request.3 == 60),
        "nothing is deleted"
    );
}

#[test]
fn two_failed_renewals_delete_the_mapping_and_make_it_anew() {
    let mut world = World::new(vpn_settings(), Gateway::vpn());
    world.run(44);
    world.gateway.loses = 10;
    let before = world.requests().len();
    world.run(20);
    let tail = &world.requests()[before + 10..];
    assert_eq!(
        tail,
        [
            (61, Tcp, 0, 0),
            (61, Udp, 0, 0),
            (61, Tcp, 41_230, 60),
            (61, Udp, 41_231, 60),
        ]
    );
    assert_eq!(world.opened, 2, "by a new socket");
    assert_eq!(world.lost.len(), 1, "the minute was over in between");
    assert_eq!(world.mapping().port, 41_231, "what the gateway gives now");
}

#[test]
fn a_gateway_that_went_away_is_asked_until_it_is_back() {
    let mut world = World::new(settings(Dialect::ALL), Gateway::default());
    world.run(1_000);
    world.gateway.silent = true;
    world.run(100_000);
    assert_eq!(world.lost, [Time(3_600_000_000)], "when the lease is over");
    let pauses = world.failed.windows(2).map(|two| two[1].0 - two[0].0);
    assert!(pauses.max().unwrap() <= Duration::from_secs(620));
    world.gateway.silent = false;
    world.run(620);
    assert_eq!(world.mapping().port, 41_230, "the same one is asked for");
}

#[test]
fn a_gateway_that_forgot_is_asked_again_at_once() {
    for dialect in [&[Dialect::NatPmp], &[Dialect::Pcp]] {
        let mut world = World::new(settings(dialect), Gateway::default());
        world.run(100);
        world.gateway.restart(world.now);
        world.gateway.next_port = 50_000;
        world.run(20);
        assert_eq!(
            world.gateway.table.len(),
            2,
            "within a minute, not at the renewal"
        );
        assert_eq!(world.mapping().port, 41_230, "which it is asked for");
        let again = world.requests()[2];
        assert_eq!(again, (120, Tcp, 41_230, 3_600));
    }
}

#[test]
fn a_gateway_that_forgot_just_before_udp_gets_both_again() {
    let mut world = World::new(vpn_settings(), Gateway::vpn());
    world.run(44);
    world.gateway.silent_about = Some(Udp);
    world.run(2);
    world.gateway.restart(world.now);
    world.gateway.silent_about = None;
    world.run(3);
    assert_eq!(world.gateway.table.len(), 2);
}

#[test]
fn a_gateway_that_forgets_for_ever_is_not_asked_in_a_circle() {
    let mut world = World::new(settings(&[Dialect::NatPmp]), Gateway::default());
    for _ in 0..100 {
        // Its clock stands still at 0.
        world.gateway.started = world.now;
        world.run(10);
    }
    assert!(world.requests().len() < 250, "{}", world.requests().len());
}

#[test]
fn a_new_network_gets_a_new_mapping_at_once() {
    let mut world = World::new(vpn_settings(), Gateway::vpn());
    world.run(10);
    world.gateway = Gateway {
        next_port: 50_000,
        ..Gateway::vpn()
    };
    world.give(Input::Changed);
    assert_eq!(world.opened, 2);
    assert_eq!(world.mapping().port, 50_000);
    assert!(world.lost.is_empty());
}

#[test]
fn a_closed_port_at_a_renewal_keeps_the_mapping_until_its_lease_is_over() {
    let mut world = World::new(vpn_settings(), Gateway::vpn());
    world.run(44);
    world.gateway.closed = true;
    world.run(10);
    assert!(world.lost.is_empty());
    world.gateway.closed = false;
    world.run(10);
    assert!(world.lost.is_empty());
    assert_eq!(world.mapping().port, 41_230);
}
