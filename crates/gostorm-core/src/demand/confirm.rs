//! A reader of whom a media server says that somebody watches what it reads, or does no longer.
//!
//! It plays at once and for as long as that is said: before it has read in sequence, faster than a film while its
//! player fills a buffer, and through a pause. When the word is taken back nothing of it is left, so that a film that
//! was stopped holds neither memory nor peers; what it reads later tells anew what it is.

use super::Demand;
use super::cursor::PLAYER_BYTES;
use super::tail::is_tail;
use crate::class::ReaderClass;
use crate::event::ReaderKey;
use crate::time::Time;

impl Demand {
    /// Somebody watches what `reader` reads, or does no longer. Said again, it changes nothing.
    pub(crate) fn confirm(&mut self, now: Time, reader: ReaderKey, confirmed: bool) {
        let Some(reader) = self.readers.iter_mut().find(|open| open.key == reader) else {
            return;
        };
        if reader.confirmed == confirmed {
            return;
        }
        reader.confirmed = confirmed;
        for cursor in &mut reader.cursors {
            cursor.stays = confirmed;
            cursor.parked |= !confirmed;
        }
        if confirmed {
            self.played = true;
            reader.class = ReaderClass::Playback;
            reader.consumed = reader.consumed.max(PLAYER_BYTES);
            let file = reader.file.offset..reader.file.offset + reader.file.len;
            // It may go on in the middle, where it never asked for the index.
            if is_tail(&file, file.end.saturating_sub(1)) && !self.tails.has(reader.key) {
                self.tails.open(now, reader.key, file);
            }
        } else {
            reader.class = ReaderClass::Probe;
            reader.consumed = 0;
            reader.forget_pace();
            self.tails.close(reader.key);
        }
    }

    /// Readers that somebody watches.
    pub(crate) fn confirmed_count(&self) -> usize {
        self.readers.iter().filter(|open| open.confirmed).count()
    }
}
