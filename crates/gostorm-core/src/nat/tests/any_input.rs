//! Whatever a gateway sends and whenever things happen, the machine goes on.

use proptest::prelude::*;

use super::*;
use crate::nat::Output;

#[derive(Clone, Debug)]
enum Event {
    Opened,
    NoGateway,
    /// Bytes, or with them in it the answer to what was asked last.
    Packet(Vec<u8>),
    Answered {
        cut: usize,
        at: usize,
        byte: u8,
    },
    Refused,
    Changed,
    Wait(u32),
    WakeUp,
    Stop,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Opened),
        1 => Just(Event::NoGateway),
        2 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Event::Packet),
        8 => (0..80_usize, 0..200_usize, any::<u8>())
            .prop_map(|(cut, at, byte)| Event::Answered { cut, at, byte }),
        1 => Just(Event::Refused),
        1 => Just(Event::Changed),
        2 => (0..100_000_000_u32).prop_map(Event::Wait),
        6 => Just(Event::WakeUp),
        1 => Just(Event::Stop),
    ]
}

/// The reply that fits a request, before it is spoiled.
fn reply(request: &[u8]) -> Vec<u8> {
    if let Ok(request) = pcp::Request::decode(request) {
        let map = request.map.map(|map| pcp::Map {
            external: 5_000,
            ..map
        });
        return pcp::Reply {
            lifetime: request.lifetime,
            epoch: 100,
            maps: map.is_some(),
            refusal: None,
            map,
        }
        .encode();
    }
    match natpmp::Request::decode(request).unwrap() {
        natpmp::Request::Address => vec![0, 0x80, 0, 0, 0, 0, 0, 100, 11, 0, 0, 1],
        natpmp::Request::Map {
            protocol,
            internal,
            lifetime,
            ..
        } => natpmp::Reply {
            asked: Some(protocol),
            epoch: 100,
            answer: natpmp::Answer::Mapped {
                internal,
                external: 5_000,
                lifetime,
            },
        }
        .encode(),
    }
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_it(
        all in any::<bool>(),
        events in prop::collection::vec(event(), 0..200),
    ) {
        let dialects = if all { Dialect::ALL } else { &[Dialect::NatPmp] };
        let mut machine = Mapper::new(settings(dialects));
        let mut now = Time::ZERO;
        let mut asked = Vec::new();
        let mut ended = false;
        for event in events {
            let answer;
            let input = match &event {
                Event::Opened => Input::Opened { client: US },
                Event::NoGateway => Input::NoGateway,
                Event::Packet(bytes) => Input::Received(bytes),
                Event::Answered { .. } if asked.is_empty() => Input::Turn,
                Event::Answered { cut, at, byte } => {
                    let mut bytes = reply(&asked);
                    // Most stay as they are.
                    if let Some(place) = bytes.get_mut(*at) {
                        *place = *byte;
                    }
                    bytes.truncate(if *cut < 20 { *cut } else { bytes.len() });
                    answer = bytes;
                    Input::Received(&answer)
                }
                Event::Refused => Input::Refused,
                Event::Changed => Input::Changed,
                Event::Wait(micros) => {
                    now += Duration::from_micros((*micros).into());
                    Input::Turn
                }
                Event::WakeUp => {
                    if machine.wake_at() != Time::NEVER {
                        now = now.max(machine.wake_at());
                    }
                    Input::Turn
                }
                Event::Stop => Input::Stop,
            };
            machine.handle(now, input);
            let mut outputs = 0;
            while let Some(output) = machine.poll() {
                outputs += 1;
                prop_assert!(!ended, "{output:?} after the end");
                match output {
                    Output::Send(packet) => asked = packet,
                    Output::Ended => ended = true,
                    Output::Open | Output::Mapped(_) | Output::Lost | Output::Failed { .. } | Output::Odd(_) => {}
                }
            }
            prop_assert!(outputs <= 10, "{outputs} outputs of one input");
            prop_assert!(machine.wake_at() > now, "it goes in a circle");
        }
    }
}
