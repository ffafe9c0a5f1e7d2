//! The reader side of a running torrent: streams open, read, move and close.

use std::sync::Arc;

use gostorm_core::{Expected, Input, Policy, ReaderKey, Time};

use super::Running;
use crate::cache::READ_LEN_MAX;
use crate::handle::{Opening, ReadRequest};
use crate::place::Located;
use crate::read::{ReadError, Served};
use crate::torrent::links::Links;
use crate::torrent::reads::PendingRead;

impl Running {
    pub(in crate::torrent) fn open(&mut self, now: Time, links: &mut Links, opening: Opening) {
        let Opening {
            reader,
            choice,
            place,
            on_doubt,
            expected,
            confirmed,
        } = opening;
        let file = choice(&self.info);
        let span = file
            .and_then(|file| self.swarm.layout().files().get(file))
            .copied();
        let Some((file, span)) = file.zip(span) else {
            tracing::warn!(torrent = %links.info_hash, "the torrent has no such file");
            self.readers.insert(reader, None);
            return;
        };
        self.readers.insert(reader, Some((span.offset, span.len)));
        let located = Located {
            offset: span.offset,
            len: span.len,
            piece_len: self.swarm.layout().piece_len(),
            cache: Arc::clone(&self.cache),
        };
        // A stream is opened once; a second value would be the same.
        let _ = place.located.set(located);
        let policy = match on_doubt {
            Some(on_doubt) if links.shared.tuning.load().policy == Policy::Responsive => {
                self.doubts.open(reader, file, on_doubt);
                Policy::Responsive
            }
            Some(_) | None => Policy::Verified,
        };
        let input = Input::Open {
            reader,
            file,
            policy,
        };
        self.input(now, links, input, None);
        if let Some((offset, read)) = expected {
            self.expect(now, links, reader, offset, read);
        }
        if confirmed {
            self.confirm(now, links, reader, true);
        }
    }

    pub(in crate::torrent) fn close(&mut self, now: Time, links: &mut Links, reader: ReaderKey) {
        if self.readers.remove(&reader).is_some() {
            self.input(now, links, Input::Close { reader }, None);
            self.doubts.close(reader);
            if !self.swarm.is_exposed() {
                self.doubts.settle();
            }
        }
    }

    /// A read by file offset; cut at the end of the file.
    pub(in crate::torrent) fn read(
        &mut self,
        now: Time,
        links: &mut Links,
        request: ReadRequest,
        deadline: Time,
    ) {
        let ReadRequest {
            reader,
            offset,
            len,
            reply,
            ..
        } = request;
        let Some((base, file_len)) = self.readers.get(&reader).copied().flatten() else {
            return reply.send(Err(ReadError::Unavailable));
        };
        let Ok(len) = u32::try_from(u64::from(len).min(file_len.saturating_sub(offset))) else {
            return reply.send(Err(ReadError::Unavailable));
        };
        if len == 0 {
            return reply.send(Ok(Served::NOTHING));
        }
        if len as usize > READ_LEN_MAX {
            // The cache could not serve it when it was there.
            return reply.send(Err(ReadError::Unavailable));
        }
        let offset = base + offset;
        let range = offset..offset + u64::from(len);
        let read = self.pending.insert(PendingRead {
            reader,
            offset,
            len,
            reply,
        });
        self.input(
            now,
            links,
            Input::Read {
                reader,
                read,
                range,
                deadline,
            },
            None,
        );
    }

    pub(in crate::torrent) fn position(
        &mut self,
        now: Time,
        links: &mut Links,
        reader: ReaderKey,
        offset: u64,
        len: u32,
    ) {
        if let Some((base, _)) = self.readers.get(&reader).copied().flatten() {
            let range = base + offset..base + offset + u64::from(len);
            self.input(now, links, Input::Position { reader, range }, None);
        }
    }

    pub(in crate::torrent) fn expect(
        &mut self,
        now: Time,
        links: &mut Links,
        reader: ReaderKey,
        offset: u64,
        read: u64,
    ) {
        if let Some((base, _)) = self.readers.get(&reader).copied().flatten() {
            let input = Input::Expect(Expected {
                reader,
                position: base.saturating_add(offset),
                read,
            });
            self.input(now, links, input, None);
        }
    }

    /// Somebody watches what this reader reads, or does no longer.
    pub(in crate::torrent) fn confirm(
        &mut self,
        now: Time,
        links: &mut Links,
        reader: ReaderKey,
        confirmed: bool,
    ) {
        if self.readers.get(&reader).copied().flatten().is_some() {
            self.input(now, links, Input::Confirm { reader, confirmed }, None);
        }
    }
}
