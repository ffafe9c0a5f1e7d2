//! Packets of NAT-PMP and PCP gateways.

/// NAT-PMP: from the gateway, but for those that say so.
pub(super) fn natpmp() -> Vec<(&'static str, Vec<u8>)> {
    let mapped = [
        0, 0x82, 0, 0, 0, 0, 1, 0, 0x1f, 0x9b, 0xa1, 0x0e, 0, 0, 0, 60,
    ];
    let with = |at: usize, byte: u8| {
        let mut packet = mapped;
        packet[at] = byte;
        packet.to_vec()
    };
    vec![
        ("empty", vec![]),
        ("address", vec![0, 0x80, 0, 0, 0, 0, 0, 9, 11, 0, 0, 1]),
        ("address-cut-short", vec![0, 0x80, 0, 0, 0, 0, 0, 9, 11]),
        ("tcp-mapped", mapped.to_vec()),
        ("udp-mapped", with(1, 0x81)),
        ("removed", with(15, 0)),
        ("mapped-cut-short", mapped[..15].to_vec()),
        ("mapped-with-more-behind", [&mapped[..], &[1; 9]].concat()),
        (
            "unsupported-version-in-eight-bytes",
            vec![0, 0x81, 0, 1, 0, 0, 0, 9],
        ),
        ("refused-in-eight-bytes", vec![0, 0x82, 0, 2, 0, 0, 0, 9]),
        ("error-in-seven-bytes", vec![0, 0x82, 0, 2, 0, 0, 0]),
        ("no-network", with(3, 3)),
        ("out-of-resources", with(3, 4)),
        ("unsupported-opcode", with(3, 5)),
        ("unknown-code", vec![0, 0x82, 0xff, 0xff, 0, 0, 0, 9]),
        (
            "a-request",
            vec![0, 2, 0, 0, 0x1f, 0x9b, 0, 0, 0, 0, 0, 0x3c],
        ),
        ("a-request-for-the-address", vec![0, 0]),
        ("a-reply-to-nothing", with(1, 0x83)),
        ("pcp", with(0, 2)),
    ]
}

/// PCP: from the gateway, but for those that say so.
pub(super) fn pcp() -> Vec<(&'static str, Vec<u8>)> {
    let mut mapped = vec![2, 0x81, 0, 0, 0, 0, 0x0e, 0x10, 0, 0, 1, 0];
    mapped.extend([0; 12]);
    mapped.extend(b"twelve bytes");
    mapped.extend([6, 0, 0, 0, 0x1f, 0x9b, 0xa1, 0x0e]);
    mapped.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 11, 0, 0, 1]);
    let with = |at: usize, byte: u8| {
        let mut packet = mapped.clone();
        packet[at] = byte;
        packet
    };
    vec![
        ("empty", vec![]),
        ("tcp-mapped", mapped.clone()),
        ("udp-mapped", with(36, 17)),
        ("another-protocol-mapped", with(36, 132)),
        ("an-ipv6-address-mapped", with(44, 0x20)),
        ("mapped-cut-short", mapped[..59].to_vec()),
        (
            "mapped-with-options",
            [&mapped[..], &[1, 0, 0, 4, 9, 9, 9, 9]].concat(),
        ),
        ("address-mismatch", with(3, 12)),
        ("address-mismatch-cut-short", with(3, 12)[..24].to_vec()),
        ("not-authorized-in-twelve-bytes", with(3, 2)[..12].to_vec()),
        ("not-authorized-in-eleven-bytes", with(3, 2)[..11].to_vec()),
        ("unsupported-version", with(3, 1)),
        ("quota", with(3, 10)),
        ("unknown-code", with(3, 200)),
        ("announced", [&[2, 0x80][..], &mapped[2..24]].concat()),
        ("peer-opcode", with(1, 0x82)),
        ("a-request", with(1, 1)),
        ("natpmp", with(0, 0)),
    ]
}
