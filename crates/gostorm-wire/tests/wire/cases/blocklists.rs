//! Blocklists: a case for each format, and for each way to get it wrong.

/// One small list for each case.
pub(crate) fn cases() -> Vec<(&'static str, Vec<u8>)> {
    let mut cases: Vec<(&'static str, Vec<u8>)> = FORMATS
        .iter()
        .chain(MALFORMED)
        .map(|(name, text)| (*name, text.as_bytes().to_vec()))
        .collect();
    cases.extend([
        (
            "latin_1_is_no_utf_8",
            b"Soci\xe9t\xe9 G\xe9n\xe9rale:192.0.2.0-192.0.2.255\n".to_vec(),
        ),
        ("not_text", (0..=255).collect()),
        (
            "a_long_line",
            [vec![b'x'; 5000], b"\n192.0.2.1\n".to_vec()].concat(),
        ),
        (
            "a_long_last_line",
            [b"192.0.2.1\n".to_vec(), vec![b'x'; 5000]].concat(),
        ),
    ]);
    cases
}

const FORMATS: &[(&str, &str)] = &[
    ("comment_and_blank", "# text\n\n   \n\t\n192.0.2.1\n"),
    ("p2p", "Some Org, Ltd:192.0.2.0-192.0.2.255\n"),
    ("p2p_with_colons", "Some: Org: v2:192.0.2.0-192.0.2.255\n"),
    ("p2p_without_a_name", ":192.0.2.0-192.0.2.255\n"),
    ("p2p_v6", "Some Org:2001:db8::-2001:db8::ffff\n"),
    (
        "p2p_v6_that_ends_in_v4",
        "Org:::ffff:192.0.2.1-::ffff:192.0.2.9\n",
    ),
    ("p2p_one_v6", "Some Org:::1\n"),
    (
        "dat",
        "192.000.002.000 - 192.000.002.255 , 100 , Some Org\n",
    ),
    (
        "dat_allowed",
        "192.000.002.000 - 192.000.002.255 , 128 , Some Org\n",
    ),
    (
        "dat_almost_allowed",
        "192.0.2.0 - 192.0.2.255 , 127 , Some Org\n",
    ),
    (
        "dat_without_a_level",
        "192.0.2.0 - 192.0.2.255 , , Some Org\n192.0.3.0 - 192.0.3.9 , Org: x\n",
    ),
    (
        "dat_with_a_colon",
        "192.0.2.0 - 192.0.2.255 , 000 , Some Org: 2001\n",
    ),
    ("dat_variant", "192.0.2.0,192.0.2.255,100,Org\n"),
    ("dat_variant_allowed", "192.0.2.0,192.0.2.255,200,Org\n"),
    ("cidr", "198.51.100.0/24\n2001:db8::/32\n"),
    ("cidr_with_host_bits", "198.51.100.77/24\n2001:db8::5/112\n"),
    (
        "cidr_with_a_remark",
        "198.51.100.0/24 ; SBL1\n198.51.101.0/24 # x\n",
    ),
    ("cidr_of_one", "198.51.100.7/32\n2001:db8::7/128\n"),
    ("cidr_mapped", "::ffff:198.51.100.0/120\n"),
    ("bare_range", "203.0.113.5-203.0.113.9\n"),
    ("bare_v6_range", "2001:db8::5 - 2001:db8::9\n"),
    ("bare_address", "203.0.113.77\n2001:db8::77\n"),
    (
        "zero_padded_octets_are_decimal",
        "010.020.030.040-010.020.030.077\n",
    ),
    (
        "mark_and_windows_newlines",
        "\u{feff}192.0.2.1\r\n192.0.2.3\r\n",
    ),
    ("no_last_newline", "192.0.2.1"),
    ("a_slash_8", "Org:10.0.0.0-10.255.255.255\n"),
    (
        "sixteen_slash_8",
        "Org:16.0.0.0-31.255.255.255\n16.0.0.0/4\n",
    ),
    (
        "unsorted_overlapping_touching",
        "B:192.0.2.8-192.0.2.20\nA:192.0.2.0-192.0.2.8\nC:192.0.2.21-192.0.2.30\n192.0.2.9\n192.0.2.40\n",
    ),
    (
        "the_ends_of_the_address_space",
        "255.255.255.250-255.255.255.255\n0.0.0.0-0.0.0.7\nffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n",
    ),
];

const MALFORMED: &[(&str, &str)] = &[
    ("no_colon", "Org 192.0.2.0-192.0.2.9\n"),
    ("p2p_of_one_address", "Org:192.0.2.9\n"),
    (
        "reversed",
        "Org:192.0.2.9-192.0.2.1\n192.0.2.9 - 192.0.2.1 , 0 , Org\n2001:db8::9-2001:db8::1\n",
    ),
    (
        "mixed",
        "Org:192.0.2.0-2001:db8::1\n2001:db8::1-192.0.2.0\n",
    ),
    ("octets_too_large", "Org:192.0.2.256-192.0.2.300\n"),
    (
        "everybody",
        "Org:0.0.0.0-255.255.255.255\n0.0.0.0/0\n::/0\n2000::/3\n",
    ),
    ("a_little_too_wide", "16.0.0.0-32.0.0.0\n"),
    ("a_web_page", "  <html>\n<p>\n203.0.113.7\n"),
    ("a_web_page_later", "203.0.113.7\n<html>\n"),
    (
        "no_octet",
        "1.2.3\n1.2.3.4.5\n1.2.3.\n1..2.3\n1.2.3.0004\n1.2.3.+4\n-\n:\n/\n,\n",
    ),
    (
        "prefix_too_long",
        "1.2.3.4/33\n2001:db8::/129\n::ffff:1.2.3.4/95\n1.2.3.4/-1\n1.2.3.4/\n",
    ),
    ("two_dashes", "1.2.3.4-1.2.3.5-1.2.3.6\n"),
    (
        "one_bad_among_good",
        "192.0.2.1\nwhat is this\n192.0.2.3\nand this\n",
    ),
    ("empty", ""),
    ("only_comments", "# nothing\n"),
];
