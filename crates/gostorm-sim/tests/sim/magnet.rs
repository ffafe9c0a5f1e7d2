//! From a magnet link to the info dict, among peers of all manners, and on to the swarm.

use gostorm_core::{Config, FileSpan, Input, Layout, Output, Policy, ReaderKey, Swarm, Time};
use gostorm_sim::search::{Manner, Search, SearchPeer};

use crate::kit::{ms, secs};

fn peers(manners: &[Manner]) -> Vec<SearchPeer> {
    (1..)
        .zip(manners)
        .map(|(at, manner)| SearchPeer {
            rtt: ms(15 * at),
            manner: *manner,
        })
        .collect()
}

/// A dict of some parts; it is not read here.
fn dict() -> Vec<u8> {
    (0..70_001u32)
        .map(|at| (at % 241).to_le_bytes()[0])
        .collect()
}

fn found_within(manners: &[Manner], seconds: u64) -> Search {
    let mut search = Search::new(dict(), peers(manners));
    assert_eq!(
        search.run(Time::ZERO + secs(seconds)),
        Some(dict()),
        "{manners:?}"
    );
    search
}

#[test]
fn honest_peers_give_the_dict_in_three_round_trips_of_the_nearest() {
    // One for the connection, one for the handshakes, one for the dict.
    let search = found_within(&[Manner::Honest; 4], 5);
    assert_eq!(search.now(), Time::ZERO + ms(45));
}

#[test]
fn a_liar_a_refusal_and_a_silent_peer_cost_no_more_than_the_next_peer_is_far() {
    for manner in [
        Manner::WrongBytes,
        Manner::WrongSize(90_000),
        Manner::Silent,
        Manner::Rejects,
        Manner::Leaves,
    ] {
        let search = found_within(&[manner, manner, Manner::Honest, Manner::Honest], 5);
        assert_eq!(search.now(), Time::ZERO + ms(3 * 45), "{manner:?}");
    }
}

#[test]
fn a_large_dict_comes_from_all_peers_together() {
    let dict: Vec<u8> = (0..3_000_000u32)
        .map(|at| (at % 239).to_le_bytes()[0])
        .collect();
    let mut search = Search::new(dict.clone(), peers(&[Manner::Honest; 20]));
    assert_eq!(search.run(Time::ZERO + secs(5)), Some(dict));
    assert!(search.now() < Time(700_000), "{}", search.now());
}

#[test]
fn a_liar_of_each_kind_and_a_silent_peer_do_not_prevent_it() {
    let manners = [
        Manner::WrongSize(20_000_000),
        Manner::WrongBytes,
        Manner::Silent,
        Manner::Rejects,
        Manner::Leaves,
        Manner::Honest,
    ];
    for turn in 0..manners.len() {
        let mut order = manners;
        order.rotate_left(turn);
        let search = found_within(&order, 60);
        let banned: Vec<Manner> = search.banned().iter().map(|at| order[*at]).collect();
        assert!(!banned.contains(&Manner::Honest), "{order:?}: {banned:?}");
    }
}

#[test]
fn one_honest_peer_among_many_liars_is_enough() {
    let mut manners = vec![Manner::WrongBytes; 8];
    manners.extend([Manner::WrongSize(100_000); 4]);
    manners.push(Manner::Honest);
    let search = found_within(&manners, 120);
    assert!(!search.banned().contains(&12));
}

#[test]
fn without_an_honest_peer_the_search_waits_and_does_not_spin() {
    let mut search = Search::new(dict(), peers(&[Manner::Silent, Manner::Rejects]));
    assert_eq!(search.run(Time::ZERO + secs(300)), None);
}

#[test]
fn the_swarm_goes_on_with_the_peers_of_the_search() {
    let peer = SearchPeer {
        rtt: ms(15),
        manner: Manner::Honest,
    };
    let mut search = Search::new(dict(), vec![peer; 3]);
    assert_eq!(search.run(Time::ZERO + secs(5)), Some(dict()));
    let now = search.now();
    let (inherited, preludes) = search.into_resolve().into_parts();
    assert_eq!(preludes.len(), 3);
    let file = FileSpan {
        offset: 0,
        len: 1 << 20,
    };
    let layout = Layout::new(1 << 16, 1 << 20, vec![file]);
    let Ok(layout) = layout else {
        panic!("a good layout");
    };
    let mut swarm = Swarm::inherit(Config::default(), layout, 1, inherited);
    let mut give = |input: Input| -> Vec<Output> {
        swarm.handle(now, input);
        let outputs = std::iter::from_fn(|| swarm.poll()).collect();
        swarm.check_invariants();
        outputs
    };
    give(Input::Open {
        reader: ReaderKey(1),
        file: 0,
        policy: Policy::Verified,
    });
    for prelude in preludes {
        let peer = prelude.peer;
        let connected = give(Input::Connected {
            peer,
            addr: prelude.addr,
            incoming: prelude.incoming,
            fast: true,
            v2: false,
            rtt_us: None,
        });
        let refused = |output: &Output| matches!(output, Output::Disconnect { .. });
        assert!(!connected.iter().any(refused), "{connected:?}");
        for message in prelude.messages {
            give(Input::Message { peer, message });
        }
    }
    let turn = give(Input::Turn);
    assert!(
        !turn
            .iter()
            .any(|output| matches!(output, Output::Dial { .. })),
        "nobody is dialled twice: {turn:?}"
    );
    assert_eq!(swarm.stats().seeds, 3);
}
