//! The info dict on one connection (BEP 9): given, refused, falsified, or asked for.

use bytes::Bytes;
use gostorm_wire::ut_metadata::METADATA_PIECE_LEN;
use gostorm_wire::{ExtendedHandshake, Message, UtMetadata};

use super::remote::Remote;
use super::script::Metadata;

/// The id under which lab peers take `ut_metadata` messages.
pub(super) const UT_METADATA_ID: u8 = 3;

/// What a peer says of itself (BEP 10).
pub(super) fn introduction(remote: &Remote) -> ExtendedHandshake {
    let offers = matches!(
        remote.script.metadata,
        Metadata::Serve | Metadata::Lie | Metadata::Refuse | Metadata::Silent
    );
    let size = u32::try_from(remote.content.info().len()).ok();
    ExtendedHandshake {
        ut_metadata: (remote.script.metadata != Metadata::Absent).then_some(UT_METADATA_ID),
        metadata_size: size.filter(|_| offers),
        reqq: Some(500),
        client: Some("lab".to_owned()),
        ..ExtendedHandshake::default()
    }
}

/// The requests for all parts of the info dict, when the peer wants to learn it and they offer it.
pub(super) fn questions(remote: &Remote, theirs: &ExtendedHandshake) -> Vec<Message> {
    let (Some(id), Some(size)) = (theirs.ut_metadata, theirs.metadata_size) else {
        return Vec::new();
    };
    let parts: Vec<u32> = match remote.script.metadata {
        Metadata::Learn => (0..size.div_ceil(METADATA_PIECE_LEN)).collect(),
        Metadata::Pester { times } => (0..times).map(|_| 0).collect(),
        Metadata::Serve
        | Metadata::Lie
        | Metadata::Refuse
        | Metadata::Silent
        | Metadata::Absent => Vec::new(),
    };
    let ask = |piece| Message::Extended {
        id,
        payload: UtMetadata::Request { piece }.encode(),
    };
    parts.into_iter().map(ask).collect()
}

/// What a `ut_metadata` message is answered with; `id` is the one that they take such messages under.
pub(super) fn answer(remote: &Remote, id: Option<u8>, message: UtMetadata) -> Option<Message> {
    let answer = match message {
        UtMetadata::Request { piece } => {
            remote
                .board
                .count(|counters| counters.metadata_requests += 1);
            part(remote, piece)?
        }
        UtMetadata::Data { piece, payload, .. } => {
            remote.learn(piece, payload);
            remote.board.count(|counters| counters.metadata_parts += 1);
            return None;
        }
        UtMetadata::Reject { .. } => {
            remote.board.count(|counters| counters.refused += 1);
            return None;
        }
        UtMetadata::Unknown { .. } => return None,
    };
    Some(Message::Extended {
        id: id?,
        payload: answer.encode(),
    })
}

fn part(remote: &Remote, piece: u32) -> Option<UtMetadata> {
    let info = remote.content.info();
    let lie = match remote.script.metadata {
        Metadata::Serve => false,
        Metadata::Lie => true,
        Metadata::Silent => return None,
        Metadata::Refuse | Metadata::Absent | Metadata::Learn | Metadata::Pester { .. } => {
            return Some(UtMetadata::Reject { piece });
        }
    };
    let begin = usize::try_from(u64::from(piece) * u64::from(METADATA_PIECE_LEN)).ok()?;
    let end = info.len().min(begin + METADATA_PIECE_LEN as usize);
    if begin >= end {
        return Some(UtMetadata::Reject { piece });
    }
    let mut payload = info.slice(begin..end);
    if lie {
        let mut wrong = payload.to_vec();
        wrong[0] ^= 0xff;
        payload = Bytes::from(wrong);
    }
    Some(UtMetadata::Data {
        piece,
        total_size: u32::try_from(info.len()).ok()?,
        payload,
    })
}
