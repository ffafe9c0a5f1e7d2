//! Questions of other nodes, and our answers.

use std::net::SocketAddr;

use gostorm_wire::krpc::{Body, Krpc, Node, NodeId, Query};

use super::table::{Table, family};
use super::{Dht, DhtOutput, STEP, lookup};
use crate::scope::may_name;

impl Dht {
    pub(super) fn asked(
        &mut self,
        from: SocketAddr,
        transaction: Vec<u8>,
        id: NodeId,
        query: &Query,
        read_only: bool,
    ) {
        if !self.desk.may_answer(self.now, from.ip()) {
            return;
        }
        let near = |target: NodeId, tables: &[Table; 2]| -> Vec<Node> {
            let nodes = tables[family(from)].closest(target, lookup::CLOSEST);
            let tellable = |node: &Node| may_name(from.ip(), node.addr.ip()) && node.id != id;
            nodes.into_iter().filter(tellable).collect()
        };
        let (mut nodes, mut peers, mut token) = (Vec::new(), Vec::new(), None);
        match query {
            Query::Ping => {}
            Query::FindNode { target } => nodes = near(*target, &self.tables),
            Query::GetPeers { info_hash } => {
                nodes = near(NodeId::from(*info_hash), &self.tables);
                peers = self.desk.peers(self.now, *info_hash, from);
                token = Some(self.desk.token(from.ip()));
            }
            Query::AnnouncePeer {
                info_hash,
                port,
                token,
            } => {
                if !self.desk.is_token(from.ip(), token) {
                    let body = Body::Error { code: 203 };
                    return self.answer(from, Krpc { transaction, body });
                }
                let addr = SocketAddr::new(from.ip(), port.unwrap_or(from.port()));
                self.desk.keep(self.now, *info_hash, addr);
            }
        }
        let body = Body::Response {
            id: self.id,
            nodes,
            peers,
            token,
        };
        self.answer(from, Krpc { transaction, body });
        let node = Node { id, addr: from };
        let table = &mut self.tables[family(from)];
        // It exists once it answers as well.
        if !read_only
            && id != self.id
            && self.families[family(from)]
            && table.wants(node)
            && self.check_at <= self.now
        {
            self.check_at = self.now + STEP;
            self.ask(from, Some(id), &Query::Ping, None);
        }
    }

    pub(super) fn answer(&mut self, to: SocketAddr, message: Krpc) {
        let bytes = message.encode();
        self.outputs.push_back(DhtOutput::Send { to, bytes });
    }
}
