//! The info dict for peers that ask (BEP 9), and how often one of them may ask.
//!
//! An answer is a thousand times as long as its question and waits outside the byte budget until the peer
//! takes it. So each connection gets the dict a few times over, and then silence.

use bytes::Bytes;
use gostorm_wire::UtMetadata;
use gostorm_wire::ut_metadata::METADATA_PIECE_LEN;

/// How many times over a connection may have the dict: once, and once more for what it lost.
const TIMES_MAX: usize = 2;

/// What one connection has been given.
#[derive(Debug, Default)]
pub(super) struct Given {
    parts: usize,
}

impl Given {
    /// The answer to a request for part `piece` of `info`; `None` when this peer has had enough.
    pub(super) fn answer(&mut self, info: &Bytes, piece: u32) -> Option<UtMetadata> {
        let part_len = METADATA_PIECE_LEN as usize;
        if self.parts >= TIMES_MAX * info.len().div_ceil(part_len) {
            return None;
        }
        self.parts += 1;
        let begin = usize::try_from(piece)
            .ok()
            .and_then(|piece| piece.checked_mul(part_len))
            .filter(|begin| *begin < info.len());
        let answer = begin.zip(u32::try_from(info.len()).ok());
        Some(
            answer.map_or(UtMetadata::Reject { piece }, |(begin, total_size)| {
                UtMetadata::Data {
                    piece,
                    total_size,
                    payload: info.slice(begin..info.len().min(begin + part_len)),
                }
            }),
        )
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_at_sixteen_kibibytes_and_others_refused() {
        let info = Bytes::from(vec![7; 40_000]);
        let mut given = Given::default();
        let len = |answer| match answer {
            Some(UtMetadata::Data { payload, .. }) => Some(payload.len()),
            _ => None,
        };
        assert_eq!(len(given.answer(&info, 0)), Some(16_384));
        assert_eq!(len(given.answer(&info, 2)), Some(7_232));
        for piece in [3, u32::MAX] {
            let refused = given.answer(&info, piece).unwrap();
            assert_eq!(refused, UtMetadata::Reject { piece });
        }
    }

    #[test]
    fn nobody_gets_the_dict_more_than_twice() {
        let info = Bytes::from(vec![7; 40_000]);
        let mut given = Given::default();
        let answers = (0..100).filter(|_| given.answer(&info, 1).is_some());
        assert_eq!(answers.count(), 6);
    }
}
