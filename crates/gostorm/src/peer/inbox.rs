//! The receiving half of a connection without its socket: bytes in, messages and blocks out.
//!
//! `receive` alternates between [`Inbox::next`] and reading into [`Inbox::spaces`]. Control messages are cut from a
//! small stash. After a block header, the rest of the payload is read straight into the block's own buffer, and a few
//! bytes more into the stash, which are the next header: about one system call a block, and no second copy. What
//! always holds: the stash is empty while a block is incomplete, and never longer than a message may be.

use std::io::IoSliceMut;
use std::ops::Range;

use gostorm_wire::{BLOCK_LEN, BlockSpan, FrameLimits, Message, Step, next_frame};

use super::CloseReason;
use crate::pool::BlockBuf;

/// The stash's length unless a longer message is in it.
pub(super) const STASH_LEN: usize = 4096;

/// How much is read past a block's end: the next header, or several short messages. What is read of the next block's
/// payload here has to be copied, so it is short.
const LOOK_AHEAD: usize = 64;

/// What the bytes so far amount to.
#[derive(Debug)]
pub(super) enum Next {
    /// Read into [`Inbox::spaces`] first.
    NeedBytes,
    /// Call [`Inbox::begin_block`] first.
    NeedBuffer,
    /// A message.
    Message(Message),
    /// A block.
    Block { span: BlockSpan, data: BlockBuf },
}

/// A block whose payload is on its way.
struct Partial {
    span: BlockSpan,
    data: BlockBuf,
    /// How much of it is there.
    filled: usize,
}

/// See the module.
pub(super) struct Inbox {
    limits: FrameLimits,
    stash: Vec<u8>,
    /// The part of the stash that holds bytes not yet understood.
    held: Range<usize>,
    /// How many bytes from `held.start` on the next call to `next_frame` needs.
    need: usize,
    /// The header was read, the buffer is to come.
    announced: Option<BlockSpan>,
    partial: Option<Partial>,
}

impl Inbox {
    pub(super) fn new(limits: FrameLimits) -> Self {
        Self {
            limits,
            stash: vec![0; STASH_LEN],
            held: 0..0,
            need: 0,
            announced: None,
            partial: None,
        }
    }

    /// The next thing to do. An error is what the peer did wrong; nothing may be called after it.
    pub(super) fn next(&mut self) -> Result<Next, CloseReason> {
        if self.announced.is_some() {
            return Ok(Next::NeedBuffer);
        }
        if let Some(partial) = self
            .partial
            .take_if(|partial| partial.filled == partial.span.len as usize)
        {
            let Partial {
                span,
                mut data,
                filled,
            } = partial;
            data.set_len(filled);
            return Ok(Next::Block { span, data });
        }
        if self.partial.is_some() || self.held.len() < self.need {
            return Ok(Next::NeedBytes);
        }
        match next_frame(&self.stash[self.held.clone()], &self.limits)? {
            Step::Incomplete { need } => {
                self.need = need;
                Ok(Next::NeedBytes)
            }
            Step::Message { message, consumed } => {
                self.consume(consumed);
                Ok(Next::Message(message))
            }
            Step::Block { span, consumed } => {
                let asked_for =
                    span.begin.is_multiple_of(BLOCK_LEN) && (1..=BLOCK_LEN).contains(&span.len);
                if !asked_for {
                    return Err(CloseReason::MisalignedBlock(span));
                }
                self.consume(consumed);
                self.announced = Some(span);
                Ok(Next::NeedBuffer)
            }
        }
    }

    /// Gives the buffer that [`Next::NeedBuffer`] asked for. Without that, the buffer is dropped.
    pub(super) fn begin_block(&mut self, mut data: BlockBuf) {
        let Some(span) = self.announced.take() else {
            return;
        };
        let filled = self.held.len().min(span.len as usize);
        let from = self.held.start;
        data.space()[..filled].copy_from_slice(&self.stash[from..from + filled]);
        self.consume(filled);
        self.partial = Some(Partial { span, data, filled });
    }

    /// Where the next bytes from the socket go, in this order. Together never empty.
    pub(super) fn spaces(&mut self) -> [IoSliceMut<'_>; 2] {
        if let Some(partial) = &mut self.partial {
            let rest = &mut partial.data.space()[partial.filled..partial.span.len as usize];
            return [
                IoSliceMut::new(rest),
                IoSliceMut::new(&mut self.stash[..LOOK_AHEAD]),
            ];
        }
        if self.held.start > 0 {
            self.stash.copy_within(self.held.clone(), 0);
            self.held = 0..self.held.len();
        }
        // Doubled when full, rather than set to what a length prefix claims: bytes have to come first.
        let full = self.held.end == self.stash.len();
        let len = if full {
            self.need.clamp(STASH_LEN, 2 * self.stash.len())
        } else {
            self.stash.len()
        };
        self.stash.resize(len.max(self.held.end + 1), 0);
        [
            IoSliceMut::new(&mut self.stash[self.held.end..]),
            IoSliceMut::new(&mut []),
        ]
    }

    /// States that `count` bytes were put into [`Inbox::spaces`].
    pub(super) fn advance(&mut self, count: usize) {
        let mut count = count;
        if let Some(partial) = &mut self.partial {
            let direct = count.min(partial.span.len as usize - partial.filled);
            partial.filled += direct;
            count -= direct;
        }
        self.held.end = (self.held.end + count).min(self.stash.len());
    }

    fn consume(&mut self, count: usize) {
        self.held.start = (self.held.start + count).min(self.held.end);
        self.need = 0;
        if self.held.is_empty() {
            self.held = 0..0;
            if self.stash.len() > STASH_LEN {
                self.stash = vec![0; STASH_LEN];
            }
        }
    }
}

#[cfg(test)]
mod tests;
