//! `lt_donthave`: a piece that the sender announced and has no more (BEP 54).
//!
//! An extension message, sent under the id that the receiver named in its extended handshake. The core
//! sends it when a piece is evicted that it had announced; the driver decodes those of peers.

use bytes::Bytes;

use crate::block::PieceIndex;
use crate::violation::Violation;

const NAME: &str = "lt_donthave";

/// The piece that the sender no longer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DontHave(pub PieceIndex);

impl DontHave {
    /// The payload: the piece's index, as in a `have`.
    #[must_use]
    pub fn encode(self) -> Bytes {
        Bytes::copy_from_slice(&self.0.0.to_be_bytes())
    }

    /// Reads the payload. The piece is not compared with a torrent.
    ///
    /// # Errors
    /// A [`Violation`] when it is not four bytes long.
    pub fn decode(payload: &[u8]) -> Result<Self, Violation> {
        let wrong = || Violation::WrongLength {
            name: NAME,
            // The length prefix: two bytes of ids come before the payload.
            len: u32::try_from(payload.len().saturating_add(2)).unwrap_or(u32::MAX),
            expected: 6,
        };
        let bytes: [u8; 4] = payload.try_into().map_err(|_| wrong())?;
        Ok(Self(PieceIndex(u32::from_be_bytes(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dont_have_survives_the_wire_and_any_other_length_is_refused() {
        for piece in [0, 7, u32::MAX].map(PieceIndex) {
            assert_eq!(
                DontHave::decode(&DontHave(piece).encode()),
                Ok(DontHave(piece))
            );
        }
        assert_eq!(DontHave(PieceIndex(258)).encode(), [0, 0, 1, 2][..]);
        for len in [0, 3, 5, 100] {
            assert!(DontHave::decode(&vec![0; len]).is_err(), "{len}");
        }
    }
}
