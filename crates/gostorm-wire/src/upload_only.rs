//! `upload_only`: the sender wants nothing more, or wants something again (BEP 21).
//!
//! An extension message, sent under the id that the receiver named in its extended handshake. We read those of peers
//! and never claim it: what we evict we may want again.

use crate::violation::Violation;

/// Reads the payload: true when the sender wants nothing.
///
/// # Errors
/// A [`Violation`] when it is not one byte long.
pub fn decode(payload: &[u8]) -> Result<bool, Violation> {
    match payload {
        [byte] => Ok(*byte != 0),
        _ => Err(Violation::WrongLength {
            name: "upload_only",
            // The length prefix: two bytes of ids come before the payload.
            len: u32::try_from(payload.len().saturating_add(2)).unwrap_or(u32::MAX),
            expected: 3,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_says_whether_anything_is_wanted_and_others_are_refused() {
        assert_eq!(decode(&[0]), Ok(false));
        assert_eq!(decode(&[1]), Ok(true));
        for wrong in [&[][..], &[1, 0]] {
            assert!(decode(wrong).is_err());
        }
    }
}
