//! What films are doing, for their extended attributes: [`LibraryInspector`] over the engine and the warm cache. Wakes
//! nothing.

use std::sync::Arc;

use gostorm::Glimpse;
use gostorm_wire::InfoHash;
use gostream_fs::{Activity, FilmState, InspectReply, LibraryInspector};
use gostream_library::Film;

use super::source::EngineSource;

impl LibraryInspector for EngineSource {
    fn inspect(&self, ino: u64, film: &Arc<Film>, reply: InspectReply) {
        if reply.is_about_warm() {
            // Without a cache the reply is dropped, which says that nothing is there.
            if let Some((cache, title)) = self.warm(film) {
                cache.held(&title, |warm| {
                    reply.tell(&FilmState {
                        warm,
                        ..FilmState::default()
                    });
                });
            }
            return;
        }
        let choice = self.choice(ino, film);
        self.engine()
            .glimpse(InfoHash(film.hash.0), choice, |seen| {
                reply.tell(&seen.map_or_else(FilmState::default, state));
            });
    }
}

fn state(seen: Glimpse) -> FilmState {
    FilmState {
        activity: if seen.resolved {
            Activity::Awake
        } else {
            Activity::Searching
        },
        peers: seen.peers,
        buffered: seen.buffered,
        warm: Vec::new(),
    }
}
