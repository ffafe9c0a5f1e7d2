//! What gateways' packets are read as.

use gostorm_wire::nat::{natpmp, pcp};

use crate::cases::answers;

#[test]
fn natpmp_packets_are_read_or_refused_by_name() {
    let table = answers("natpmp", |packet| match natpmp::Reply::decode(packet) {
        Ok(reply) => format!("{reply:?}"),
        Err(error) => error.to_string(),
    });
    insta::assert_snapshot!(table);
}

#[test]
fn pcp_packets_are_read_or_refused_by_name() {
    let table = answers("pcp", |packet| match pcp::Reply::decode(packet) {
        Ok(reply) => format!("{reply:?}"),
        Err(error) => error.to_string(),
    });
    insta::assert_snapshot!(table);
}
