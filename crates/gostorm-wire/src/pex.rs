//! `ut_pex`: the peers that a peer is connected to, as changes since its last message (BEP 11).
//!
//! The core says which peers are named and judges how often messages come; here are the bytes. A list that is
//! missing is empty, flags that are missing are none. What always holds of a decoded message: no port is 0, no
//! address is unspecified or multicast, and there are at most [`PEX_TAKEN_MAX`] added and as many dropped ones.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::bencode::{Dict, Value, put_bytes};
use crate::compact::{V4_LEN, V6_LEN, addr, is_dialable, put_addr};
use crate::violation::Violation;

/// Addresses that are taken of each list. BEP 11 allows 50 in all but the first message; libtorrent sends 100.
pub const PEX_TAKEN_MAX: usize = 200;
/// Addresses of one message beyond which it is no mistake any more.
pub const PEX_ENTRIES_MAX: usize = 2_000;

const NAME: &str = "ut_pex";

/// What the sender knows of a peer that it names (BEP 11, `added.f`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PexFlags {
    /// It prefers encryption.
    pub encryption: bool,
    /// It is a seed, or wants nothing more.
    pub upload_only: bool,
    /// It speaks uTP.
    pub utp: bool,
    /// The sender has dialled it with success.
    pub reachable: bool,
}

impl PexFlags {
    const fn to_byte(self) -> u8 {
        (self.encryption as u8)
            | (self.upload_only as u8) << 1
            | (self.utp as u8) << 2
            | (self.reachable as u8) << 4
    }

    const fn of_byte(byte: u8) -> Self {
        Self {
            encryption: byte & 0x01 != 0,
            upload_only: byte & 0x02 != 0,
            utp: byte & 0x04 != 0,
            reachable: byte & 0x10 != 0,
        }
    }
}

/// A peer exchange message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pex {
    /// Peers that the sender has connected to since its last message.
    pub added: Vec<(SocketAddr, PexFlags)>,
    /// Peers that it has lost since.
    pub dropped: Vec<SocketAddr>,
}

impl Pex {
    /// The payload of the extension message.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let (mut v4, mut v4_flags) = (Vec::new(), Vec::new());
        let (mut v6, mut v6_flags) = (Vec::new(), Vec::new());
        for (addr, flags) in &self.added {
            let (list, list_flags) = match addr {
                SocketAddr::V4(_) => (&mut v4, &mut v4_flags),
                SocketAddr::V6(_) => (&mut v6, &mut v6_flags),
            };
            put_addr(list, *addr);
            list_flags.push(flags.to_byte());
        }
        let (mut gone_v4, mut gone_v6) = (Vec::new(), Vec::new());
        for addr in &self.dropped {
            let list = if addr.is_ipv4() {
                &mut gone_v4
            } else {
                &mut gone_v6
            };
            put_addr(list, *addr);
        }
        let mut out = vec![b'd'];
        // Keys in the order that bencode demands: sorted as bytes.
        for (key, list) in [
            ("added", v4),
            ("added.f", v4_flags),
            ("added6", v6),
            ("added6.f", v6_flags),
            ("dropped", gone_v4),
            ("dropped6", gone_v6),
        ] {
            put_bytes(&mut out, key.as_bytes());
            put_bytes(&mut out, &list);
        }
        out.push(b'e');
        out.into()
    }

    /// Reads the payload.
    ///
    /// # Errors
    /// A [`Violation`] when it is no bencoded dictionary, when a list is no whole number of addresses, or when there
    /// are more than [`PEX_ENTRIES_MAX`] of them.
    pub fn decode(payload: &[u8]) -> Result<Self, Violation> {
        let (value, _) = Value::parse_prefix(payload)
            .map_err(|source| Violation::NotBencode { name: NAME, source })?;
        let dict = value
            .as_dict()
            .ok_or(Violation::NotADictionary { name: NAME })?;
        let added = list(dict, "added", V4_LEN)?;
        let added6 = list(dict, "added6", V6_LEN)?;
        let dropped = list(dict, "dropped", V4_LEN)?;
        let dropped6 = list(dict, "dropped6", V6_LEN)?;
        let entries =
            (added.len() + dropped.len()) / V4_LEN + (added6.len() + dropped6.len()) / V6_LEN;
        if entries > PEX_ENTRIES_MAX {
            let (count, max) = (entries, PEX_ENTRIES_MAX);
            return Err(Violation::TooManyPeers { count, max });
        }
        let with_flags = |flags: &'static str| {
            let flags = dict.get(flags.as_bytes()).and_then(Value::as_bytes);
            let flags = flags.unwrap_or_default().iter().copied();
            flags.chain(std::iter::repeat(0)).map(PexFlags::of_byte)
        };
        let usable = |addr: &SocketAddr| is_dialable(*addr);
        Ok(Self {
            added: addrs(added, V4_LEN)
                .zip(with_flags("added.f"))
                .chain(addrs(added6, V6_LEN).zip(with_flags("added6.f")))
                .filter(|(addr, _)| usable(addr))
                .take(PEX_TAKEN_MAX)
                .collect(),
            dropped: addrs(dropped, V4_LEN)
                .chain(addrs(dropped6, V6_LEN))
                .filter(usable)
                .take(PEX_TAKEN_MAX)
                .collect(),
        })
    }
}

/// The bytes of a list, all of whose entries are whole.
fn list<'a>(dict: Dict<'a>, key: &'static str, entry: usize) -> Result<&'a [u8], Violation> {
    let Some(value) = dict.get(key.as_bytes()) else {
        return Ok(&[]);
    };
    value
        .as_bytes()
        .filter(|bytes| bytes.len().is_multiple_of(entry))
        .ok_or(Violation::ExtensionKey {
            name: NAME,
            key,
            wrong: "is no list of compact addresses",
        })
}

fn addrs(list: &[u8], entry: usize) -> impl Iterator<Item = SocketAddr> {
    list.chunks_exact(entry).filter_map(addr)
}
