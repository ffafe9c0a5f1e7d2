//! The bytes of an answer, as a stream: pieces of text and ranges of the film, in order.
//!
//! Two reads are under way at a time, so that the engine hears of the next while the client takes the last. A
//! client that stops taking stops the reading: at most two reads' bytes wait for it.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, future::Either, stream};

use crate::films::{FilmError, OpenFilm};

/// Bytes of one read: what the kernel asks for of the mount.
const READ_LEN: u64 = 128 * 1024;

/// Reads under way for one client.
const READS: usize = 2;

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// Sent as it is.
    Text(Bytes),
    /// Bytes of the film.
    Film(Range<u64>),
}

impl Segment {
    /// Bytes that it sends.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Film(range) => range.end - range.start,
        }
    }

    /// Cuts the next read off its front.
    fn step(&mut self) -> Option<Self> {
        match self {
            Self::Text(text) if text.is_empty() => None,
            Self::Text(text) => Some(Self::Text(std::mem::take(text))),
            Self::Film(range) if range.is_empty() => None,
            Self::Film(range) => {
                let end = range.end.min(range.start.saturating_add(READ_LEN));
                let step = Self::Film(range.start..end);
                range.start = end;
                Some(step)
            }
        }
    }
}

/// The stream. It ends with the first error.
pub(super) fn bytes(
    film: Arc<dyn OpenFilm>,
    segments: Vec<Segment>,
) -> impl Stream<Item = Result<Bytes, FilmError>> + Send {
    let steps = segments
        .into_iter()
        .flat_map(|mut segment| std::iter::from_fn(move || segment.step()));
    stream::iter(steps)
        .map(move |step| match step {
            Segment::Text(text) => Either::Left(std::future::ready(Ok(text))),
            Segment::Film(range) => {
                // A step is at most READ_LEN long.
                let len = u32::try_from(range.end - range.start).unwrap_or(u32::MAX);
                Either::Right(film.read(range.start, len))
            }
        })
        .buffered(READS)
}
