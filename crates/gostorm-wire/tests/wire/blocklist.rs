//! Blocklists: what each format and each malformed line is read as, and that looking up agrees with the lines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gostorm_wire::{Blocklist, BlocklistError, BlocklistParser, BlocklistReport};
use proptest::prelude::*;

use crate::cases;

fn read(text: &[u8]) -> Result<(Blocklist, BlocklistReport), BlocklistError> {
    let mut parser = BlocklistParser::default();
    parser.feed(text);
    parser.finish()
}

fn show(list: &Blocklist, report: &BlocklistReport) -> String {
    let v4 = list.v4().iter();
    let v4 = v4.map(|(a, b)| {
        (
            Ipv4Addr::from_bits(*a).into(),
            Ipv4Addr::from_bits(*b).into(),
        )
    });
    let v6 = list.v6().iter();
    let v6 = v6.map(|(a, b)| {
        (
            Ipv6Addr::from_bits(*a).into(),
            Ipv6Addr::from_bits(*b).into(),
        )
    });
    let ranges: Vec<String> = v4
        .chain(v6)
        .map(|(first, last): (IpAddr, IpAddr)| format!("{first}-{last}"))
        .collect();
    let BlocklistReport {
        lines,
        ranges: read,
        allowed,
        skipped,
        too_wide,
        first_bad_line,
    } = report;
    format!(
        "{}; lines={lines} ranges={read} allowed={allowed} skipped={skipped} too_wide={too_wide} first_bad={first_bad_line:?}",
        ranges.join(" ")
    )
}

#[test]
fn every_case_gets_its_reading() {
    insta::assert_snapshot!(cases::answers("blocklist", |input| match read(input) {
        Ok((list, report)) => show(&list, &report),
        Err(BlocklistError::Empty(report)) =>
            format!("nothing{}", show(&Blocklist::default(), &report)),
        Err(error) => error.to_string(),
    }));
}

#[test]
fn an_address_of_ipv4_written_as_ipv6_is_the_same_address() {
    let (list, _) = read(b"Org:192.0.2.0-192.0.2.255\n").unwrap();
    assert!(list.contains("192.0.2.77".parse().unwrap()));
    assert!(list.contains("::ffff:192.0.2.77".parse().unwrap()));
    assert!(!list.contains("::ffff:192.0.3.77".parse().unwrap()));
    assert!(!list.contains("::c000:24d".parse().unwrap()));
}

#[test]
fn a_long_list_loses_no_range_and_holds_nothing_else() {
    // Every second /27 from 1.0.0.0 on, in an order that is not sorted.
    let count = 50_000_u32;
    let mut parser = BlocklistParser::default();
    for n in 0..count {
        let first = 0x0100_0000 + (n * 7919 % count) * 64;
        let (first, last) = (Ipv4Addr::from_bits(first), Ipv4Addr::from_bits(first + 31));
        parser.feed(format!("Some Org, no. {n}:{first}-{last}\n").as_bytes());
    }
    parser.feed(b"no range\n");
    let (list, report) = parser.finish().unwrap();
    assert_eq!((report.ranges, report.skipped), (50_000, 1));
    assert_eq!(report.first_bad_line, Some(50_001));
    assert_eq!(list.len(), 50_000);
    assert_eq!(list.heap_bytes(), 8 * 50_000);
}

/// Addresses from a small part of the space, so that ranges meet.
fn range() -> impl Strategy<Value = (u32, u32)> {
    (0..2000_u32, 0..40_u32).prop_map(|(first, more)| (first, first + more))
}

proptest! {
    #[test]
    fn a_lookup_says_what_the_lines_say(
        ranges in prop::collection::vec(range(), 1..60),
        v6 in any::<bool>(),
        chunk in 1..200_usize,
    ) {
        let ip = |n: u32| -> IpAddr {
            if v6 {
                Ipv6Addr::from_bits((0x2001_0db8 << 96) + u128::from(n)).into()
            } else {
                Ipv4Addr::from_bits(n).into()
            }
        };
        let text: String = ranges
            .iter()
            .map(|(first, last)| format!("x:{}-{}\n", ip(*first), ip(*last)))
            .collect();
        let mut parser = BlocklistParser::default();
        text.as_bytes().chunks(chunk).for_each(|part| parser.feed(part));
        let (list, report) = parser.finish().unwrap();
        prop_assert_eq!(report.ranges, ranges.len() as u64);
        for n in 0..2100 {
            let named = ranges.iter().any(|(first, last)| (*first..=*last).contains(&n));
            prop_assert_eq!(list.contains(ip(n)), named, "{}", ip(n));
        }
    }
}
