//! Extended attributes: what a film is and does, read-only. Names and what never changes come from memory, the
//! rest from the inspector, which wakes nothing.

use std::ffi::OsStr;

use fuser::{INodeNo, ReplyXattr};

use crate::errno::Refusal;
use crate::fuse::GoStreamFs;
use crate::inspector::{InspectReply, Part, answer};
use crate::tree::NodeKind;

const INFO_HASH: &str = "user.gostream.info_hash";
const INDEX: &str = "user.gostream.index";
/// Those that the inspector knows.
const LOOKED_AT: [(&str, Part); 4] = [
    ("user.gostream.state", Part::State),
    ("user.gostream.peers", Part::Peers),
    ("user.gostream.buffered", Part::Buffered),
    ("user.gostream.warm", Part::Warm),
];

pub(crate) fn getxattr(fs: &GoStreamFs, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
    let tree = fs.shared.tree.load();
    let Some(node) = tree.get(ino.0) else {
        return reply.error(Refusal::NotFound.into());
    };
    let NodeKind::Media(stub) = node.kind() else {
        return reply.error(Refusal::NoAttribute.into());
    };
    match (name.to_str(), &fs.inspector) {
        (Some(INFO_HASH), _) => answer(reply, size, stub.hash.to_string().as_bytes()),
        (Some(INDEX), _) => answer(reply, size, stub.index.to_string().as_bytes()),
        (Some(name), Some(inspector)) => {
            let part = LOOKED_AT.iter().find(|(known, _)| *known == name);
            match part {
                Some((_, part)) => {
                    inspector.inspect(ino.0, stub, InspectReply::new(reply, size, *part));
                }
                None => reply.error(Refusal::NoAttribute.into()),
            }
        }
        (Some(_) | None, _) => reply.error(Refusal::NoAttribute.into()),
    }
}

pub(crate) fn listxattr(fs: &GoStreamFs, ino: INodeNo, size: u32, reply: ReplyXattr) {
    let tree = fs.shared.tree.load();
    let Some(node) = tree.get(ino.0) else {
        return reply.error(Refusal::NotFound.into());
    };
    let mut names = String::new();
    if matches!(node.kind(), NodeKind::Media(_)) {
        let looked_at = LOOKED_AT.iter().map(|(name, _)| *name);
        let looked_at = looked_at.filter(|_| fs.inspector.is_some());
        for name in [INFO_HASH, INDEX].into_iter().chain(looked_at) {
            names.push_str(name);
            names.push('\0');
        }
    }
    answer(reply, size, names.as_bytes());
}
