//! Which client a peer id belongs to, for people who read a peer list.
//!
//! Called by [`PeerId::client_name`](crate::id::PeerId::client_name). The codes
//! are those of BEP 20 and of clients met since; ids are not authenticated, so
//! nothing may be decided by the answer.

/// Azureus-style codes: `-XXvvvv-` (BEP 20). Sorted by code.
const AZUREUS: &[(&[u8; 2], &str)] = &[
    (b"7T", "aTorrent"),
    (b"AG", "Ares"),
    (b"AZ", "Vuze"),
    (b"BC", "BitComet"),
    (b"BI", "BiglyBT"),
    (b"BT", "BitTorrent"),
    (b"CT", "CTorrent"),
    (b"DE", "Deluge"),
    (b"FD", "Free Download Manager"),
    (b"FL", "Folx"),
    (b"FW", "FrostWire"),
    (b"GR", "GetRight"),
    (b"GS", "GSTorrent"),
    (b"GT", "anacrolix/torrent"),
    (b"Gv", "GoStream"),
    (b"HL", "Halite"),
    (b"KT", "KTorrent"),
    (b"LT", "libtorrent"),
    (b"MG", "MediaGet"),
    (b"MO", "MonoTorrent"),
    (b"PI", "PicoTorrent"),
    (b"SD", "Thunder"),
    (b"SZ", "Shareaza"),
    (b"TL", "Tribler"),
    (b"TR", "Transmission"),
    (b"UM", "uTorrent Mac"),
    (b"UT", "uTorrent"),
    (b"UW", "uTorrent Web"),
    (b"WW", "WebTorrent"),
    (b"XF", "Xfplay"),
    (b"XL", "Xunlei"),
    (b"lt", "rTorrent"),
    (b"qB", "qBittorrent"),
    (b"rQ", "rqbit"),
];

/// Ids that begin with a word of their own and have no common version format.
const WORDS: &[(&[u8], &str)] = &[
    (b"A2-", "aria2"),
    (b"TIX", "Tixati"),
    (b"btpd", "btpd"),
    (b"exbc", "BitComet"),
    (b"LIME", "LimeWire"),
    (b"M", "Mainline"),
    (b"OP", "Opera"),
    (b"XBT", "XBT"),
];

pub(crate) fn name_of(id: &[u8; 20]) -> String {
    azureus(id)
        .or_else(|| word(id))
        .unwrap_or_else(|| unknown(id))
}

fn azureus(id: &[u8; 20]) -> Option<String> {
    let [b'-', a, b, version @ .., b'-'] = &id[..8] else {
        return None;
    };
    if !a.is_ascii_graphic() || !b.is_ascii_graphic() {
        return None;
    }
    let digits = version
        .iter()
        .map(|&c| char::from(c).to_digit(36))
        .collect::<Option<Vec<u32>>>()?;
    let name = AZUREUS.iter().find(|(code, _)| **code == [*a, *b]);
    let name = name.map_or_else(
        || format!("{}{}", char::from(*a), char::from(*b)),
        |(_, name)| (*name).to_owned(),
    );
    // The fourth place is mostly a build or a beta mark: shown only when used.
    let shown = if digits.last() == Some(&0) { 3 } else { 4 };
    let version: Vec<String> = digits.iter().take(shown).map(u32::to_string).collect();
    Some(format!("{name} {}", version.join(".")))
}

fn word(id: &[u8; 20]) -> Option<String> {
    let (_, name) = WORDS.iter().find(|(word, _)| id.starts_with(word))?;
    Some((*name).to_owned())
}

fn unknown(id: &[u8; 20]) -> String {
    let code: String = id[..8]
        .iter()
        .take_while(|c| c.is_ascii_graphic())
        .map(|&c| char::from(c))
        .collect();
    if code.is_empty() {
        "unknown".to_owned()
    } else {
        format!("unknown ({code})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_clients_are_named_with_their_version() {
        let cases: [(&[u8; 20], &str); 8] = [
            (b"-qB4630-xxxxxxxxxxxx", "qBittorrent 4.6.3"),
            (b"-TR4050-xxxxxxxxxxxx", "Transmission 4.0.5"),
            (b"-LT20B0-xxxxxxxxxxxx", "libtorrent 2.0.11"),
            (b"-lt0D80-xxxxxxxxxxxx", "rTorrent 0.13.8"),
            (b"A2-1-37-0-xxxxxxxxxx", "aria2"),
            (b"-ZQ1234-xxxxxxxxxxxx", "ZQ 1.2.3.4"),
            (b"hello\x00\x01\xffxxxxxxxxxxxx", "unknown (hello)"),
            (&[0; 20], "unknown"),
        ];
        for (id, name) in cases {
            assert_eq!(name_of(id), name);
        }
    }

    #[test]
    fn no_code_is_listed_twice() {
        assert!(AZUREUS.is_sorted_by(|(a, _), (b, _)| a < b));
    }
}
