//! Keys that say how connections of peers travel.

use gostorm::{Encrypt, Methods};

use super::row::{switch, text};
use crate::config::key::{Form, Key};

/// The policies of one direction.
const POLICIES: &[&str] = &["prefer", "require", "off"];

/// The rows.
pub(super) const KEYS: &[Key] = &[
    text(
        "encryption_outgoing",
        "prefer",
        Form::OneOf(POLICIES),
        Some(|c, v| c.engine.encryption.outgoing = policy(v)),
        "Whether the peers that we dial are greeted encrypted: prefer does it where a plain greeting fails, require always, off never.",
    ),
    text(
        "encryption_incoming",
        "prefer",
        Form::OneOf(POLICIES),
        Some(|c, v| c.engine.encryption.incoming = policy(v)),
        "Which peers may dial us: prefer takes both, require only encrypted ones, off only plain ones.",
    ),
    text(
        "encryption_level",
        "both",
        Form::OneOf(&["both", "rc4", "plaintext"]),
        Some(|c, v| c.engine.encryption.methods = methods(v)),
        "What is encrypted of an encrypted connection: rc4 all of it, plaintext its handshake only, both the handshake and the rest if the peer insists.",
    ),
    switch(
        "utp",
        false,
        Some(|c, on| c.engine.utp = on),
        "Reach peers over uTP as well, where TCP fails or takes long, and listen for it at the UDP port of torrent_port.",
    ),
];

fn policy(name: &str) -> Encrypt {
    match name.to_ascii_lowercase().as_str() {
        "require" => Encrypt::Require,
        "off" => Encrypt::Off,
        _ => Encrypt::Prefer,
    }
}

fn methods(name: &str) -> Methods {
    match name.to_ascii_lowercase().as_str() {
        "rc4" => Methods::Rc4,
        "plaintext" => Methods::Plaintext,
        _ => Methods::Both,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_are_read_by_their_names_in_any_case() {
        let read: Vec<Encrypt> = POLICIES.iter().map(|name| policy(name)).collect();
        assert_eq!(read, [Encrypt::Prefer, Encrypt::Require, Encrypt::Off]);
        assert_eq!(policy("REQUIRE"), Encrypt::Require);
        assert_eq!(methods("RC4"), Methods::Rc4);
        assert_eq!(methods("plaintext"), Methods::Plaintext);
        assert_eq!(methods("both"), Methods::Both);
    }
}
