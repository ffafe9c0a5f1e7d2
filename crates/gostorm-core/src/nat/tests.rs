//! The machine against a scripted gateway, in virtual time: what is asked when, and what follows from the answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod any_input;
mod gateway;
mod renewing;

use std::time::Duration;

use gostorm_wire::nat::Protocol::{Tcp, Udp};
use gostorm_wire::nat::{Refusal, natpmp, pcp};

use super::{Dialect, Failure, Input, Mapper, Oddity, Settings};
use crate::time::Time;
use gateway::{Gateway, OUTSIDE, US, World, settings, vpn_settings};

#[test]
fn tcp_is_mapped_first_and_udp_is_asked_for_at_the_same_port() {
    for dialect in [&[Dialect::NatPmp], &[Dialect::Pcp]] {
        let world = World::new(settings(dialect), Gateway::default());
        assert_eq!(
            world.requests(),
            [(0, Tcp, 0, 3_600), (0, Udp, 41_230, 3_600)]
        );
        let mapping = world.mapping();
        assert_eq!((mapping.port, mapping.udp), (41_230, Some(41_230)));
        assert_eq!(mapping.address, Some(OUTSIDE.into()));
        assert_eq!(mapping.dialect, dialect[0]);
        assert_eq!(world.mapped.len(), 1, "reported whole");
        assert!(world.odd.is_empty());
    }
}

#[test]
fn a_question_is_repeated_after_a_quarter_of_a_second_doubling_and_given_up_within_eight() {
    let silent = Gateway {
        silent: true,
        ..Gateway::default()
    };
    let mut world = World::new(settings(&[Dialect::NatPmp]), silent);
    world.run(9);
    let at: Vec<u64> = world.sent.iter().map(|(at, _)| at.0 / 1_000).collect();
    assert_eq!(at, [0, 250, 750, 1_750, 3_750]);
    assert_eq!(
        world.failed,
        [(Time(7_750_000), Failure::NoAnswer, Time(17_750_000))]
    );
}

#[test]
fn lost_packets_only_cost_time() {
    let lossy = Gateway {
        loses: 2,
        ..Gateway::default()
    };
    let mut world = World::new(settings(&[Dialect::NatPmp]), lossy);
    world.run(1);
    assert_eq!(world.mapped[0].0, Time(750_000));
}

#[test]
fn a_gateway_that_knows_one_dialect_is_spoken_to_in_it() {
    for (speaks, first) in [
        (&[Dialect::NatPmp], pcp::VERSION),
        (&[Dialect::Pcp], pcp::VERSION),
    ] {
        let gateway = Gateway {
            speaks,
            ..Gateway::default()
        };
        let mut world = World::new(settings(Dialect::ALL), gateway);
        assert_eq!(world.sent[0].1[0], first);
        assert_eq!(world.mapping().dialect, speaks[0]);
        // It stays with what worked.
        let before = world.sent.len();
        world.run(1_900);
        let version = world.sent[before].1[0];
        assert_eq!(version == pcp::VERSION, speaks[0] == Dialect::Pcp);
        assert!(world.failed.is_empty());
    }
}

#[test]
fn a_gateway_that_is_deaf_to_pcp_is_asked_by_natpmp_after_two_seconds() {
    let mut world = World::new(
        settings(Dialect::ALL),
        Gateway {
            silent: true,
            ..Gateway::default()
        },
    );
    world.run(1);
    assert!(
        world
            .sent
            .iter()
            .all(|(_, packet)| packet[0] == pcp::VERSION)
    );
    world.run(1);
    world.gateway.silent = false;
    world.run(1);
    assert_eq!(world.mapping().dialect, Dialect::NatPmp);
}

#[test]
fn a_gateway_that_speaks_neither_fails_by_that_name() {
    let gateway = Gateway {
        speaks: &[],
        ..Gateway::default()
    };
    let world = World::new(settings(Dialect::ALL), gateway);
    let unsupported = Failure::Refused(Refusal::UnsupportedVersion);
    assert_eq!(world.failed, [(Time::ZERO, unsupported, Time(10_000_000))]);
}

#[test]
fn a_refusal_in_both_dialects_is_tried_again_after_a_growing_pause() {
    let gateway = Gateway {
        refuses: Some(Refusal::NotAuthorized),
        ..Gateway::default()
    };
    let mut world = World::new(settings(Dialect::ALL), gateway);
    world.run(1_200);
    let refused = Failure::Refused(Refusal::NotAuthorized);
    assert!(
        world
            .failed
            .iter()
            .all(|(_, failure, _)| *failure == refused)
    );
    let at: Vec<u64> = world
        .failed
        .iter()
        .map(|(at, ..)| at.0 / 1_000_000)
        .collect();
    assert_eq!(at, [0, 10, 30, 70, 150, 310, 630]);
    world.gateway.refuses = None;
    world.run(600);
    assert_eq!(world.mapping().port, 41_230);
}

#[test]
fn a_closed_port_is_named_and_a_vpn_is_asked_every_ten_seconds() {
    let mut world = World::new(
        vpn_settings(),
        Gateway {
            closed: true,
            ..Gateway::vpn()
        },
    );
    world.run(25);
    let at: Vec<u64> = world
        .failed
        .iter()
        .map(|(at, ..)| at.0 / 1_000_000)
        .collect();
    assert_eq!(at, [0, 10, 20]);
    assert!(
        world
            .failed
            .iter()
            .all(|(_, why, _)| *why == Failure::NoService)
    );
    assert_eq!(world.opened, 3, "each try has a socket of its own");
    world.gateway.closed = false;
    world.run(10);
    assert_eq!(world.mapping().port, 41_230);
}

#[test]
fn without_a_way_to_the_gateway_nothing_is_sent_until_there_is_one() {
    let mut world = World::new(vpn_settings(), Gateway::vpn());
    world.cut_off = true;
    world.give(Input::Changed);
    let sent = world.sent.len();
    world.run(100);
    assert_eq!(world.sent.len(), sent);
    assert!(
        world
            .failed
            .iter()
            .all(|(_, why, _)| *why == Failure::NoGateway)
    );
    assert_eq!(world.lost.len(), 1, "its minute is over");
    world.cut_off = false;
    world.give(Input::Changed);
    assert_eq!(world.mapped.last().unwrap().0, world.now, "at once");
}

#[test]
fn internal_port_0_takes_what_the_gateway_gives() {
    let vpn = Settings {
        internal: 0,
        suggested: 1,
        ..vpn_settings()
    };
    let world = World::new(vpn, Gateway::vpn());
    assert_eq!(world.requests(), [(0, Tcp, 1, 60), (0, Udp, 41_230, 60)]);
    assert_eq!(world.mapping().port, 41_230);
}

#[test]
fn udp_at_another_port_is_tried_once_more_and_then_only_said() {
    let gateway = Gateway {
        taken_udp: vec![41_230],
        ..Gateway::default()
    };
    let mut world = World::new(settings(&[Dialect::NatPmp]), gateway);
    assert_eq!(
        world.requests(),
        [
            (0, Tcp, 0, 3_600),
            (0, Udp, 41_230, 3_600),
            (0, Udp, 0, 0),
            (0, Udp, 0, 3_600),
        ]
    );
    let odd = Oddity::UdpPort {
        tcp: 41_230,
        udp: 41_232,
    };
    assert_eq!(world.odd, [odd]);
    let mapping = world.mapping();
    assert_eq!((mapping.port, mapping.udp), (41_230, Some(41_232)));
    world.run(4_000);
    assert_eq!(world.odd, [odd], "said once");
    let renewal = world.requests();
    assert_eq!(renewal[5], (1_800, Udp, 41_232, 3_600));
}

#[test]
fn without_udp_the_tcp_port_is_announced_all_the_same() {
    for gateway in [
        Gateway {
            refuses_udp: Some(Refusal::OutOfResources),
            ..Gateway::default()
        },
        Gateway {
            silent_about: Some(Udp),
            ..Gateway::default()
        },
    ] {
        let mut world = World::new(settings(&[Dialect::NatPmp]), gateway);
        world.run(10);
        let mapping = world.mapping();
        assert_eq!((mapping.port, mapping.udp), (41_230, None));
        assert!(world.failed.is_empty());
        assert_eq!(world.odd.len(), 1);
    }
}

#[test]
fn what_is_no_answer_to_the_question_is_ignored() {
    let mut machine = Mapper::new(settings(&[Dialect::NatPmp]));
    machine.handle(Time::ZERO, Input::Opened { client: US });
    while machine.poll().is_some() {}
    let reply = |asked, internal, external| {
        let answer = natpmp::Answer::Mapped {
            internal,
            external,
            lifetime: 60,
        };
        natpmp::Reply {
            asked,
            epoch: 1,
            answer,
        }
        .encode()
    };
    let request = natpmp::Request::Address.encode();
    for wrong in [
        &reply(Some(Udp), 8091, 5_000)[..],
        &reply(Some(Tcp), 8092, 5_000),
        &reply(Some(Tcp), 8091, 5_000)[..15],
        &[0, 0x80, 0, 0, 0, 0, 0, 1, 11, 0, 0, 1],
        &request,
        &[],
        &[2; 60],
    ] {
        machine.handle(Time(1), Input::Received(wrong));
        assert_eq!(machine.poll(), None, "{wrong:?}");
    }
    machine.handle(Time(1), Input::Received(&reply(Some(Tcp), 8091, 5_000)));
    assert!(machine.poll().is_some());
}

#[test]
fn pcp_answers_to_another_nonce_are_ignored() {
    let mut machine = Mapper::new(settings(&[Dialect::Pcp]));
    machine.handle(Time::ZERO, Input::Opened { client: US });
    while machine.poll().is_some() {}
    let reply = |nonce| {
        let map = pcp::Map {
            nonce,
            protocol: Tcp,
            internal: 8091,
            external: 5_000,
            address: OUTSIDE.into(),
        };
        pcp::Reply {
            lifetime: 60,
            epoch: 1,
            maps: true,
            refusal: None,
            map: Some(map),
        }
        .encode()
    };
    machine.handle(Time(1), Input::Received(&reply([7; 12])));
    assert_eq!(machine.poll(), None);
    machine.handle(Time(1), Input::Received(&reply(*b"twelve bytes")));
    assert!(machine.poll().is_some());
}

#[test]
fn at_the_end_both_mappings_are_removed() {
    for dialect in [&[Dialect::NatPmp], &[Dialect::Pcp]] {
        let mut world = World::new(settings(dialect), Gateway::default());
        assert_eq!(world.gateway.table.len(), 2);
        world.give(Input::Stop);
        assert!(world.gateway.table.is_empty());
        assert_eq!(world.ended, Some(Time::ZERO));
        assert_eq!(world.machine.wake_at(), Time::NEVER);
        let sent = world.sent.len();
        world.give(Input::Changed);
        world.run(10_000);
        assert_eq!(world.sent.len(), sent, "nothing follows");
    }
}

#[test]
fn a_gateway_that_is_gone_does_not_hold_up_the_end() {
    let mut world = World::new(vpn_settings(), Gateway::vpn());
    world.gateway.silent = true;
    world.now += Duration::from_secs(5);
    world.give(Input::Stop);
    world.run(10);
    let end = world.ended.unwrap();
    assert!(end <= Time(7_000_000), "{end}");
}

#[test]
fn what_was_asked_for_and_not_yet_answered_is_taken_back_too() {
    let mut world = World::new(
        vpn_settings(),
        Gateway {
            silent: true,
            ..Gateway::vpn()
        },
    );
    world.give(Input::Stop);
    world.run(3);
    let ends: Vec<_> = world
        .requests()
        .into_iter()
        .filter(|request| request.3 == 0)
        .collect();
    assert!(ends.iter().any(|end| end.1 == Tcp) && ends.iter().any(|end| end.1 == Udp));
}

#[test]
fn the_end_before_there_is_a_socket_sends_nothing() {
    let mut machine = Mapper::new(vpn_settings());
    while machine.poll().is_some() {}
    machine.handle(Time(1), Input::Stop);
    assert_eq!(machine.poll(), Some(super::Output::Ended));
}
