//! A reader that is elsewhere now and will come: it reads the bytes before from a disk, and goes on in the swarm.
//!
//! Its window begins where it will be, so that it finds the bytes there, and those before are never asked for.

use super::Demand;
use super::cursor::Cursor;
use crate::class::ReaderClass;
use crate::event::Expected;
use crate::time::Time;

impl Demand {
    /// A reader will come. To be said again while it is on its way, or its window ends as that of one who stopped.
    pub(crate) fn expect(&mut self, now: Time, expected: Expected) {
        let Expected {
            reader,
            position,
            read,
        } = expected;
        let Some(reader) = self.readers.iter_mut().find(|open| open.key == reader) else {
            return;
        };
        let file = reader.file.offset..reader.file.offset + reader.file.len;
        if !file.contains(&position) {
            return;
        }
        let here = position..position;
        reader.came(now, read);
        self.played |= reader.class != ReaderClass::Probe;
        let mut near = reader.cursors.iter_mut();
        if let Some(cursor) = near.find(|cursor| cursor.continues(&here)) {
            cursor.advance(now, &here);
            return;
        }
        reader.make_room();
        let id = self.next_cursor;
        self.next_cursor += 1;
        let mut cursor = Cursor::new(id, now, &here, &file, reader.consumed, None);
        cursor.comes(read);
        cursor.blockwise = reader.blockwise;
        cursor.stays = reader.confirmed;
        reader.cursors.push(cursor);
    }
}
