//! What has come and was not understood yet.

use std::collections::VecDeque;

use crate::violation::Violation;

use super::cipher::Cipher;

/// The longest padding, each of the four.
pub const PAD_MAX: usize = 512;

/// A queue of bytes, and how far it was searched.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: VecDeque<u8>,
    searched: usize,
}

impl Buffer {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next `N` bytes, once they are there.
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        if self.bytes.len() < N {
            return None;
        }
        let mut taken = [0; N];
        for (place, byte) in taken.iter_mut().zip(self.bytes.drain(..N)) {
            *place = byte;
        }
        Some(taken)
    }

    /// The next `N` bytes decrypted, once they are there.
    pub(super) fn decrypt<const N: usize>(&mut self, cipher: &mut Cipher) -> Option<[u8; N]> {
        let mut taken = self.take()?;
        cipher.apply(&mut taken);
        Some(taken)
    }

    /// The next `len` bytes decrypted, once they are there.
    pub(super) fn decrypt_many(&mut self, len: usize, cipher: &mut Cipher) -> Option<Vec<u8>> {
        if self.bytes.len() < len {
            return None;
        }
        let mut taken: Vec<u8> = self.bytes.drain(..len).collect();
        cipher.apply(&mut taken);
        Some(taken)
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes).into()
    }

    /// Skips a padding of unknown length up to and with `mark`; true once it was found.
    ///
    /// # Errors
    /// When it does not begin within [`PAD_MAX`] bytes.
    pub(super) fn skip_to(&mut self, mark: &[u8]) -> Result<bool, Violation> {
        while self.searched + mark.len() <= self.bytes.len() {
            if self.bytes.range(self.searched..).take(mark.len()).eq(mark) {
                self.bytes.drain(..self.searched + mark.len());
                self.searched = 0;
                return Ok(true);
            }
            self.searched += 1;
            if self.searched > PAD_MAX {
                return Err(Violation::MseSync);
            }
        }
        Ok(false)
    }
}

/// A length of a padding as it was announced.
pub(super) fn pad_len(bytes: [u8; 2]) -> Result<usize, Violation> {
    let len = usize::from(u16::from_be_bytes(bytes));
    if len > PAD_MAX {
        return Err(Violation::MsePad { len });
    }
    Ok(len)
}
