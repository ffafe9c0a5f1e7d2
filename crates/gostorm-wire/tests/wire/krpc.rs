//! Messages of the DHT.

use gostorm_wire::InfoHash;
use gostorm_wire::krpc::{Body, Krpc, Node, NodeId, Query};

use crate::cases;

#[test]
fn every_case_gets_its_answer() {
    insta::assert_snapshot!(cases::answers("krpc", |input| match Krpc::decode(input) {
        Ok(Krpc {
            body: Body::Response { nodes, peers, .. },
            ..
        }) if nodes.len() + peers.len() > 4 => {
            format!("{} nodes, {} peers", nodes.len(), peers.len())
        }
        Ok(message) => format!("{message:?}"),
        Err(error) => error.to_string(),
    }));
}

#[test]
fn the_questions_are_those_of_the_specification() {
    // The examples of BEP 5.
    let id = NodeId(*b"abcdefghij0123456789");
    let other = *b"mnopqrstuvwxyz123456";
    let ask = |query| {
        let read_only = false;
        let body = Body::Query {
            id,
            query,
            read_only,
        };
        let transaction = b"aa".to_vec();
        String::from_utf8(Krpc { transaction, body }.encode()).unwrap()
    };
    assert_eq!(
        ask(Query::Ping),
        "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"
    );
    assert_eq!(
        ask(Query::FindNode {
            target: NodeId(other)
        }),
        "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe"
    );
    assert_eq!(
        ask(Query::GetPeers {
            info_hash: InfoHash(other)
        }),
        "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe"
    );
    assert_eq!(
        ask(Query::AnnouncePeer {
            info_hash: InfoHash(other),
            port: Some(6881),
            token: b"aoeusnth".to_vec(),
        }),
        "d1:ad2:id20:abcdefghij012345678912:implied_porti0e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e\
         5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe"
    );
}

#[test]
fn a_full_answer_fits_a_datagram_and_reads_back() {
    let node = |n: u8, v4| Node {
        id: NodeId([n; 20]),
        addr: if v4 {
            ([192, 0, 2, n], 6881).into()
        } else {
            ([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(n)], 6881).into()
        },
    };
    let nodes = (1..=8)
        .map(|n| node(n, true))
        .chain((1..=8).map(|n| node(n, false)));
    let peers = (1..=40).map(|n| ([192, 0, 2, n], 51_413).into());
    let message = Krpc {
        transaction: vec![1; 4],
        body: Body::Response {
            id: NodeId([9; 20]),
            nodes: nodes.collect(),
            peers: peers.collect(),
            token: Some(vec![0; 8]),
        },
    };
    let bytes = message.encode();
    assert!(bytes.len() < 1_200, "{}", bytes.len());
    assert_eq!(Krpc::decode(&bytes), Ok(message));
}

#[test]
fn distance_is_by_the_leading_bits() {
    let place = |first: u8| {
        let mut id = [0; 20];
        id[0] = first;
        NodeId(id)
    };
    assert_eq!(place(0).shared_bits(place(0)), 160);
    assert_eq!(place(0).shared_bits(place(1)), 7);
    assert_eq!(place(0x80).shared_bits(place(0)), 0);
    assert!(place(0x40).distance(place(0x41)) < place(0x40).distance(place(0)));
}
