//! What the seeder says: a seed's side of the wire protocol, without a socket.
//!
//! `seeder` feeds it each message of a peer, and sends what it writes and the blocks it grants. It has every
//! piece, wants nothing, unchokes whoever is interested, gives the info dict (BEP 9), and refuses what a seed
//! must refuse: other torrents, blocks that do not exist, requests while choked, and bytes it never asked for.

use bytes::BytesMut;
use gostorm_wire::ut_metadata::{METADATA_PIECE_LEN, metadata_piece_len};
use gostorm_wire::{
    BLOCK_LEN, BlockSpan, EXTENDED_HANDSHAKE_ID, ExtendedHandshake, Handshake, Info, InfoHash,
    Message, Metainfo, PeerId, Reserved, UtMetadata, Violation,
};

/// The id under which we take `ut_metadata` messages; ours to choose (BEP 10).
const UT_METADATA: u8 = 1;

/// Why a peer is sent away.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It wants another torrent.
    #[error("the peer asks for torrent {0}, which is not shared here")]
    OtherTorrent(InfoHash),
    /// It breaks the protocol.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// It asks for what does not exist, and knows no reject message.
    #[error("the peer asks for {0}, which does not exist")]
    NoSuchBlock(BlockSpan),
    /// It sends a block that nobody asked for.
    #[error("the peer sent {0} unasked")]
    Unasked(BlockSpan),
}

/// A conversation with one peer, from its handshake on.
pub(super) struct Conversation<'a> {
    metainfo: &'a Metainfo,
    reserved: Reserved,
    /// Under which id the peer takes `ut_metadata` messages.
    ut_metadata: Option<u8>,
    unchoked: bool,
}

impl<'a> Conversation<'a> {
    /// Answers a handshake: ours, what we have, and what extensions we take.
    pub(super) fn open(
        metainfo: &'a Metainfo,
        me: PeerId,
        theirs: &Handshake,
        out: &mut BytesMut,
    ) -> Result<Self, Refusal> {
        if theirs.info_hash != metainfo.info_hash {
            return Err(Refusal::OtherTorrent(theirs.info_hash));
        }
        let ours = Handshake {
            reserved: Reserved {
                fast: true,
                extended: true,
                dht: false,
                v2: false,
            },
            info_hash: metainfo.info_hash,
            peer_id: me,
        };
        out.extend_from_slice(&ours.encode());
        let reserved = theirs.reserved;
        // What we have comes first of all (BEP 6).
        if reserved.fast {
            Message::HaveAll.encode(out);
        } else {
            Message::Bitfield(every_piece(metainfo.info.piece_count()).into()).encode(out);
        }
        if reserved.extended {
            let handshake = ExtendedHandshake {
                ut_metadata: Some(UT_METADATA),
                metadata_size: u32::try_from(metainfo.info_bytes.len()).ok(),
                client: Some("GoStream demonstration".to_owned()),
                ..ExtendedHandshake::default()
            };
            let payload = handshake.encode();
            Message::Extended {
                id: EXTENDED_HANDSHAKE_ID,
                payload,
            }
            .encode(out);
        }
        Ok(Self {
            metainfo,
            reserved,
            ut_metadata: None,
            unchoked: false,
        })
    }

    /// Takes a message: writes the answer, if there is one, and returns the block to be sent after it.
    pub(super) fn hear(
        &mut self,
        message: Message,
        out: &mut BytesMut,
    ) -> Result<Option<BlockSpan>, Refusal> {
        match message {
            Message::Interested if !self.unchoked => {
                self.unchoked = true;
                Message::Unchoke.encode(out);
            }
            Message::Request(span) => return self.requested(span, out),
            Message::Extended { id, payload } if self.reserved.extended => match id {
                EXTENDED_HANDSHAKE_ID => {
                    self.ut_metadata = ExtendedHandshake::decode(&payload)?.ut_metadata;
                }
                UT_METADATA => self.metadata(&UtMetadata::decode(&payload)?, out),
                _ => {}
            },
            // A request is answered in the turn that brings it: there is nothing to cancel. The rest is
            // about what the peer has, which a seed does not need to know.
            Message::Cancel(_)
            | Message::Interested
            | Message::NotInterested
            | Message::Extended { .. }
            | Message::KeepAlive
            | Message::Choke
            | Message::Unchoke
            | Message::Have(_)
            | Message::Bitfield(_)
            | Message::Port(_)
            | Message::Suggest(_)
            | Message::HaveAll
            | Message::HaveNone
            | Message::Reject(_)
            | Message::AllowedFast(_)
            | Message::HashRequest(_)
            | Message::Hashes { .. }
            | Message::HashReject(_)
            | Message::Unknown { .. } => {}
        }
        Ok(None)
    }

    fn requested(&self, span: BlockSpan, out: &mut BytesMut) -> Result<Option<BlockSpan>, Refusal> {
        let exists = exists(&self.metainfo.info, span);
        if exists && self.unchoked {
            return Ok(Some(span));
        }
        if self.reserved.fast {
            Message::Reject(span).encode(out);
        } else if !exists {
            return Err(Refusal::NoSuchBlock(span));
        }
        // Without the fast extension a request while choked is dropped in silence (BEP 3).
        Ok(None)
    }

    fn metadata(&self, message: &UtMetadata, out: &mut BytesMut) {
        let (Some(id), UtMetadata::Request { piece }) = (self.ut_metadata, message) else {
            return;
        };
        let piece = *piece;
        let payload = self
            .metadata_piece(piece)
            .unwrap_or(UtMetadata::Reject { piece })
            .encode();
        Message::Extended { id, payload }.encode(out);
    }

    fn metadata_piece(&self, piece: u32) -> Option<UtMetadata> {
        let text = &self.metainfo.info_bytes;
        let total_size = u32::try_from(text.len()).ok()?;
        let len = metadata_piece_len(total_size, piece)?;
        let begin = usize::try_from(piece.checked_mul(METADATA_PIECE_LEN)?).ok()?;
        let end = begin.checked_add(usize::try_from(len).ok()?)?;
        Some(UtMetadata::Data {
            piece,
            total_size,
            payload: text.slice(begin..end),
        })
    }
}

/// A block of a size that is usual, and within its piece.
fn exists(info: &Info, span: BlockSpan) -> bool {
    let end = span.begin.checked_add(span.len);
    let piece_len = info.piece_len(span.piece);
    (1..=BLOCK_LEN).contains(&span.len)
        && end
            .zip(piece_len)
            .is_some_and(|(end, piece_len)| end <= piece_len)
}

/// A bitfield of so many ones; the bits left over in the last byte are zero (BEP 3).
fn every_piece(count: u32) -> Vec<u8> {
    let whole = usize::try_from(count / 8).unwrap_or(0);
    let mut bits = vec![0xff; whole];
    let left = count % 8;
    if left > 0 {
        bits.push(0xff << (8 - left));
    }
    bits
}

#[cfg(test)]
mod tests;
