//! Bencode from parts, for inputs that a person can read.

/// An integer, from its digits: they need not fit any type.
pub(crate) fn int(digits: impl ToString) -> Vec<u8> {
    format!("i{}e", digits.to_string()).into_bytes()
}

/// A byte string.
pub(crate) fn bytes(content: &[u8]) -> Vec<u8> {
    let mut out = format!("{}:", content.len()).into_bytes();
    out.extend_from_slice(content);
    out
}

/// A byte string of text.
pub(crate) fn text(content: &str) -> Vec<u8> {
    bytes(content.as_bytes())
}

/// A list of values.
pub(crate) fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [b"l", items.concat().as_slice(), b"e"].concat()
}

/// A dictionary, in the order given.
pub(crate) fn dict(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let body: Vec<u8> = entries
        .iter()
        .flat_map(|(key, value)| [text(key), value.clone()].concat())
        .collect();
    [b"d", body.as_slice(), b"e"].concat()
}

/// The info dictionary of a film of one piece, with entries replaced, added,
/// or (by an empty value) taken away.
pub(crate) fn info(changes: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut entries = vec![
        ("length", int(16384)),
        ("name", text("film.mkv")),
        ("piece length", int(16384)),
        ("pieces", bytes(&[0xAB; 20])),
    ];
    for (key, value) in changes {
        entries.retain(|(known, _)| known != key);
        if !value.is_empty() {
            entries.push((key, value.clone()));
        }
    }
    entries.sort_by_key(|(key, _)| *key);
    dict(&entries)
}

/// A .torrent with that info dictionary.
pub(crate) fn torrent(changes: &[(&str, Vec<u8>)]) -> Vec<u8> {
    dict(&[("info", info(changes))])
}
