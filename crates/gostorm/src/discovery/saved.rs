//! What the DHT keeps from one run to the next, as bytes: our name and the nodes that we know.
//!
//! A version byte, 20 bytes of name, the length of the IPv4 nodes in bytes (u16, big-endian), those, then the IPv6 ones.

use gostorm_wire::compact::{V4_LEN, V6_LEN};
use gostorm_wire::krpc::{Node, NodeId, nodes, put_nodes};

const VERSION: u8 = 1;

/// Our name and our nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Saved {
    pub(super) id: NodeId,
    pub(super) nodes: Vec<Node>,
}

impl Saved {
    pub(super) fn encode(&self) -> Vec<u8> {
        let of = |v4: bool| put_nodes(self.nodes.iter().filter(|node| node.addr.is_ipv4() == v4));
        let (v4, v6) = (of(true), of(false));
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.id.0);
        out.extend_from_slice(&u16::try_from(v4.len()).unwrap_or(0).to_be_bytes());
        if u16::try_from(v4.len()).is_ok() {
            out.extend_from_slice(&v4);
        }
        out.extend_from_slice(&v6);
        out
    }

    /// `None` when it is of another version or cut short.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, rest) = bytes.split_first()? else {
            return None;
        };
        let (id, rest) = rest.split_first_chunk::<20>()?;
        let (len, rest) = rest.split_first_chunk::<2>()?;
        let (v4, v6) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        let all = nodes(v4, V4_LEN).chain(nodes(v6, V6_LEN));
        Some(Self {
            id: NodeId(*id),
            nodes: all.collect(),
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_reads_back_and_what_is_broken_does_not() {
        let node = |n: u8, addr: &str| Node {
            id: NodeId([n; 20]),
            addr: addr.parse().unwrap(),
        };
        let saved = Saved {
            id: NodeId([7; 20]),
            nodes: vec![
                node(1, "192.0.2.1:6881"),
                node(2, "192.0.2.2:1"),
                node(3, "[2001:db8::3]:6881"),
            ],
        };
        let bytes = saved.encode();
        assert_eq!(Saved::decode(&bytes), Some(saved));
        for len in 0..60 {
            assert!(Saved::decode(&bytes[..len]).is_none(), "{len}");
        }
        assert_eq!(Saved::decode(&[&[2], &bytes[1..]].concat()), None);
    }
}
