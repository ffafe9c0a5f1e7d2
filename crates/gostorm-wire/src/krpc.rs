//! The messages of the DHT (BEP 5, BEP 32): one bencoded dictionary in one datagram.
//!
//! `gostorm-core`'s DHT node writes and reads them; nobody else does. What always holds of a decoded message: lists are
//! bounded ([`NODES_TAKEN_MAX`], [`PEERS_TAKEN_MAX`]), no address has port 0 or is unspecified or multicast, a
//! transaction id has at most 16 bytes and a token at most 64. Whom an answer comes from, and whether it was asked for,
//! is for the node to judge.

use std::net::SocketAddr;

use crate::bencode::{BencodeError, Dict, Value, put_bytes, put_int};
use crate::compact::{self, is_dialable, put_addr};
use crate::id::InfoHash;

/// Nodes that are taken of one answer, of each family. Honest nodes name 8.
pub const NODES_TAKEN_MAX: usize = 16;
/// Peers that are taken of one answer. A datagram that crosses the internet whole holds about 170.
pub const PEERS_TAKEN_MAX: usize = 100;
/// The longest datagram that is read or written, in bytes.
pub const DATAGRAM_MAX: usize = 1_400;

const TRANSACTION_MAX: usize = 16;
const TOKEN_MAX: usize = 64;
const ID_LEN: usize = 20;

/// The name of a node, and a place in the space in which distance is measured (BEP 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub [u8; ID_LEN]);

impl NodeId {
    /// The distance between two places: their exclusive or, as a big-endian number.
    #[must_use]
    pub fn distance(self, other: Self) -> [u8; ID_LEN] {
        std::array::from_fn(|at| self.0[at] ^ other.0[at])
    }

    /// How many leading bits two places share; 160 when they are the same.
    #[must_use]
    pub fn shared_bits(self, other: Self) -> usize {
        let mut bits = 0;
        for byte in self.distance(other) {
            bits += byte.leading_zeros() as usize;
            if byte != 0 {
                break;
            }
        }
        bits
    }
}

impl From<InfoHash> for NodeId {
    fn from(hash: InfoHash) -> Self {
        Self(hash.0)
    }
}

/// A node: its name and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Its name.
    pub id: NodeId,
    /// Its UDP address.
    pub addr: SocketAddr,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Are you there?
    Ping,
    /// Which nodes are near this place?
    FindNode {
        /// The place.
        target: NodeId,
    },
    /// Who shares this torrent, or who could know?
    GetPeers {
        /// The torrent.
        info_hash: InfoHash,
    },
    /// We share it.
    AnnouncePeer {
        /// The torrent.
        info_hash: InfoHash,
        /// Where we listen; `None`: at the port that the datagram comes from.
        port: Option<u16>,
        /// What the same node answered to [`Query::GetPeers`].
        token: Vec<u8>,
    },
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A question.
    Query {
        /// Who asks.
        id: NodeId,
        /// What.
        query: Query,
        /// It answers no questions itself (BEP 43).
        read_only: bool,
    },
    /// An answer.
    Response {
        /// Who answers.
        id: NodeId,
        /// Nodes near the place that was asked for, of both families.
        nodes: Vec<Node>,
        /// Peers of the torrent.
        peers: Vec<SocketAddr>,
        /// Allows an announce.
        token: Option<Vec<u8>>,
    },
    /// A refusal.
    Error {
        /// 201 to 204 (BEP 5).
        code: u16,
    },
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Krpc {
    /// Chosen by who asks, repeated by who answers.
    pub transaction: Vec<u8>,
    /// The rest.
    pub body: Body,
}

/// Why a datagram is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KrpcError {
    /// Not bencode, or more than that.
    #[error("the datagram is {0}")]
    Bencode(#[from] BencodeError),
    /// A key is missing or makes no sense.
    #[error("the message has no usable \"{0}\"")]
    Key(&'static str),
    /// A question that we do not know, from a node that expects to hear so.
    #[error("an unknown question")]
    Unknown {
        /// To be repeated in the refusal.
        transaction: Vec<u8>,
    },
}

impl Krpc {
    /// The datagram. Nodes are cut where they would not fit; the caller bounds peers.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Keys in the order that bencode demands: sorted as bytes.
        let mut out = vec![b'd'];
        let kind = match &self.body {
            Body::Query {
                id,
                query,
                read_only,
            } => {
                put_bytes(&mut out, b"a");
                let name = put_arguments(&mut out, *id, query);
                put_bytes(&mut out, b"q");
                put_bytes(&mut out, name);
                if *read_only {
                    put_bytes(&mut out, b"ro");
                    put_int(&mut out, 1);
                }
                b"q"
            }
            Body::Response {
                id,
                nodes,
                peers,
                token,
            } => {
                put_bytes(&mut out, b"r");
                put_answer(&mut out, *id, nodes, peers, token.as_deref());
                b"r"
            }
            Body::Error { code } => {
                put_bytes(&mut out, b"e");
                out.push(b'l');
                put_int(&mut out, *code);
                put_bytes(&mut out, b"refused");
                out.push(b'e');
                b"e"
            }
        };
        put_bytes(&mut out, b"t");
        put_bytes(&mut out, &self.transaction);
        put_bytes(&mut out, b"y");
        put_bytes(&mut out, kind);
        out.push(b'e');
        out
    }

    /// Reads a datagram.
    ///
    /// # Errors
    /// [`KrpcError`]; nothing is to be answered to any but [`KrpcError::Unknown`].
    pub fn decode(datagram: &[u8]) -> Result<Self, KrpcError> {
        let (value, _) = Value::parse_prefix(datagram)?;
        let dict = value.as_dict().ok_or(KrpcError::Key("y"))?;
        let bytes = |dict: Dict<'_>, key: &[u8]| {
            dict.get(key).and_then(Value::as_bytes).map(<[u8]>::to_vec)
        };
        let transaction = bytes(dict, b"t")
            .filter(|bytes| (1..=TRANSACTION_MAX).contains(&bytes.len()))
            .ok_or(KrpcError::Key("t"))?;
        let part = |key: &'static str| {
            let part = dict.get(key.as_bytes()).and_then(Value::as_dict);
            part.ok_or(KrpcError::Key(key))
        };
        let body = match bytes(dict, b"y").as_deref() {
            Some(b"q") => {
                let arguments = part("a")?;
                Body::Query {
                    id: place(arguments, "id")?,
                    query: query(dict, arguments, &transaction)?,
                    read_only: dict.get(b"ro").and_then(Value::as_u64) == Some(1),
                }
            }
            Some(b"r") => answer(part("r")?)?,
            Some(b"e") => {
                let list = dict.get(b"e").and_then(Value::as_list);
                let code = list.and_then(|mut list| list.next()?.as_u64());
                Body::Error {
                    code: code
                        .and_then(|code| u16::try_from(code).ok())
                        .unwrap_or(201),
                }
            }
            Some(_) | None => return Err(KrpcError::Key("y")),
        };
        Ok(Self { transaction, body })
    }
}

fn put_arguments(out: &mut Vec<u8>, id: NodeId, query: &Query) -> &'static [u8] {
    let put = |out: &mut Vec<u8>, key: &str, value: &[u8]| {
        put_bytes(out, key.as_bytes());
        put_bytes(out, value);
    };
    out.push(b'd');
    put(out, "id", &id.0);
    let name: &[u8] = match query {
        Query::Ping => b"ping",
        Query::FindNode { target } => {
            put(out, "target", &target.0);
            b"find_node"
        }
        Query::GetPeers { info_hash } => {
            put(out, "info_hash", &info_hash.0);
            b"get_peers"
        }
        Query::AnnouncePeer {
            info_hash,
            port,
            token,
        } => {
            put_bytes(out, b"implied_port");
            put_int(out, u8::from(port.is_none()));
            put(out, "info_hash", &info_hash.0);
            put_bytes(out, b"port");
            put_int(out, port.unwrap_or(0));
            put(out, "token", token);
            b"announce_peer"
        }
    };
    out.push(b'e');
    name
}

fn put_answer(
    out: &mut Vec<u8>,
    id: NodeId,
    nodes: &[Node],
    peers: &[SocketAddr],
    token: Option<&[u8]>,
) {
    out.push(b'd');
    put_bytes(out, b"id");
    put_bytes(out, &id.0);
    for (key, v4) in [("nodes", true), ("nodes6", false)] {
        let of_family = nodes.iter().filter(|node| node.addr.is_ipv4() == v4);
        let list = put_nodes(of_family.take(NODES_TAKEN_MAX));
        if !list.is_empty() {
            put_bytes(out, key.as_bytes());
            put_bytes(out, &list);
        }
    }
    if let Some(token) = token {
        put_bytes(out, b"token");
        put_bytes(out, token);
    }
    if !peers.is_empty() {
        put_bytes(out, b"values");
        out.push(b'l');
        for peer in peers.iter().take(PEERS_TAKEN_MAX) {
            let mut entry = Vec::new();
            put_addr(&mut entry, *peer);
            put_bytes(out, &entry);
        }
        out.push(b'e');
    }
    out.push(b'e');
}

fn place(dict: Dict<'_>, key: &'static str) -> Result<NodeId, KrpcError> {
    let bytes = dict.get(key.as_bytes()).and_then(Value::as_bytes);
    let place = bytes.and_then(|bytes| bytes.try_into().ok());
    place.map(NodeId).ok_or(KrpcError::Key(key))
}

fn query(dict: Dict<'_>, arguments: Dict<'_>, transaction: &[u8]) -> Result<Query, KrpcError> {
    let info_hash = || Ok::<_, KrpcError>(InfoHash(place(arguments, "info_hash")?.0));
    match dict.get(b"q").and_then(Value::as_bytes) {
        Some(b"ping") => Ok(Query::Ping),
        Some(b"find_node") => Ok(Query::FindNode {
            target: place(arguments, "target")?,
        }),
        Some(b"get_peers") => Ok(Query::GetPeers {
            info_hash: info_hash()?,
        }),
        Some(b"announce_peer") => {
            let number = |key: &[u8]| arguments.get(key).and_then(Value::as_u64);
            let implied = number(b"implied_port").is_some_and(|flag| flag != 0);
            let port = number(b"port").and_then(|port| u16::try_from(port).ok());
            if !implied && port.is_none_or(|port| port == 0) {
                return Err(KrpcError::Key("port"));
            }
            Ok(Query::AnnouncePeer {
                info_hash: info_hash()?,
                port: port.filter(|_| !implied),
                token: token(arguments).ok_or(KrpcError::Key("token"))?,
            })
        }
        Some(_) => Err(KrpcError::Unknown {
            transaction: transaction.to_vec(),
        }),
        None => Err(KrpcError::Key("q")),
    }
}

fn token(dict: Dict<'_>) -> Option<Vec<u8>> {
    let token = dict.get(b"token")?.as_bytes()?;
    (token.len() <= TOKEN_MAX).then(|| token.to_vec())
}

fn answer(dict: Dict<'_>) -> Result<Body, KrpcError> {
    let list = |key: &[u8]| dict.get(key).and_then(Value::as_bytes).unwrap_or_default();
    let mut nodes: Vec<Node> = take_nodes(list(b"nodes"), compact::V4_LEN).collect();
    nodes.extend(take_nodes(list(b"nodes6"), compact::V6_LEN));
    let peers = dict.get(b"values").and_then(Value::as_list);
    let peers = peers.into_iter().flatten().filter_map(Value::as_bytes);
    Ok(Body::Response {
        id: place(dict, "id")?,
        nodes,
        peers: peers
            .filter_map(compact::addr)
            .filter(|addr| is_dialable(*addr))
            .take(PEERS_TAKEN_MAX)
            .collect(),
        token: token(dict),
    })
}

fn take_nodes(list: &[u8], addr_len: usize) -> impl Iterator<Item = Node> {
    nodes(list, addr_len).take(NODES_TAKEN_MAX)
}

/// The nodes of a compact list, each an id and an address of `addr_len` bytes. What cannot be a node is left out.
pub fn nodes(list: &[u8], addr_len: usize) -> impl Iterator<Item = Node> {
    list.chunks_exact(ID_LEN + addr_len).filter_map(|entry| {
        let (id, addr) = entry.split_first_chunk::<ID_LEN>()?;
        let addr = compact::addr(addr).filter(|addr| is_dialable(*addr))?;
        Some(Node {
            id: NodeId(*id),
            addr,
        })
    })
}

/// A compact list of nodes of one family.
pub fn put_nodes<'a>(nodes: impl Iterator<Item = &'a Node>) -> Vec<u8> {
    let mut out = Vec::new();
    for node in nodes {
        out.extend_from_slice(&node.id.0);
        put_addr(&mut out, node.addr);
    }
    out
}
