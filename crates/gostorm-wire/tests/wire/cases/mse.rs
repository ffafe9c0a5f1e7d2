//! The encryption handshake. The first byte says how the rest is fed: bit 0, that it stands behind an honest key
//! exchange and is encrypted; bits 1 and 2, the methods; the others, eighths of the length of the pieces.

type Case = (&'static str, Vec<u8>);

const PLAINTEXT: u8 = 0;
const RC4: u8 = 1;
const BOTH: u8 = 2;

const WHOLE: u8 = 31;
const BYTEWISE: u8 = 0;

fn raw(methods: u8, bytes: Vec<u8>) -> Vec<u8> {
    [vec![WHOLE << 3 | methods << 1], bytes].concat()
}

/// Behind the key exchange: eight bytes for the constant, a bit field, the length of a padding, and the rest.
fn keyed(step: u8, methods: u8, constant: u8, bits: u8, pad_len: u16, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![step << 3 | methods << 1 | 1];
    bytes.extend([constant; 8]);
    bytes.extend([0, 0, 0, bits]);
    bytes.extend(pad_len.to_be_bytes());
    bytes.extend(rest);
    bytes
}

/// What somebody says who dials.
pub(crate) fn incoming() -> Vec<Case> {
    let longest_pad = [vec![9; 512], vec![0, 0]].concat();
    vec![
        (
            "offers-both",
            keyed(WHOLE, BOTH, 0, 3, 2, b"\0\0\0\x04handmore"),
        ),
        (
            "offers-rc4-bytewise",
            keyed(BYTEWISE, RC4, 0, 2, 0, b"\0\0more"),
        ),
        ("offers-nothing", keyed(WHOLE, BOTH, 0, 0, 0, b"")),
        ("wrong-constant", keyed(WHOLE, BOTH, 1, 3, 0, b"")),
        ("pad-too-long", keyed(WHOLE, BOTH, 0, 3, 513, b"")),
        (
            "longest-pad",
            keyed(WHOLE, PLAINTEXT, 0, 1, 512, &longest_pad),
        ),
        ("initial-too-long", keyed(WHOLE, BOTH, 0, 3, 0, b"\xff\xff")),
        ("key-zero", raw(BOTH, vec![0; 96])),
        ("no-mark", raw(BOTH, vec![5; 96 + 540])),
    ]
}

/// What somebody says who is dialled.
pub(crate) fn outgoing() -> Vec<Case> {
    vec![
        ("selects-rc4", keyed(WHOLE, BOTH, 0, 2, 1, b"\0payload")),
        (
            "selects-plaintext-bytewise",
            keyed(BYTEWISE, PLAINTEXT, 0, 1, 0, b"payload"),
        ),
        ("selects-both", keyed(WHOLE, BOTH, 0, 3, 0, b"")),
        (
            "selects-what-was-not-offered",
            keyed(WHOLE, RC4, 0, 1, 0, b""),
        ),
        ("pad-too-long", keyed(WHOLE, BOTH, 0, 2, 513, b"")),
        ("key-zero", raw(BOTH, vec![0; 96])),
        ("no-mark", keyed(WHOLE, BOTH, 5, 5, 5, &[5; 540])),
    ]
}
