//! Who watches which film, as media servers tell, and when that ends. Pure: the time comes from outside.
//!
//! A film is confirmed from its first viewer to the end of the last. An end may never be told, so it also comes when the
//! film has been closed for a while, or when nobody has read it or told of it for long. A pause ends nothing. The
//! torrent stays awake for a while after the end: players close and open again on a seek, and at the next episode.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gostream_http::Notice;

/// From the end of the last viewer until the torrent may sleep.
const KEPT_AWAKE: Duration = Duration::from_secs(30);
/// A film that has been closed for so long is not watched any more.
const CLOSED_FOR: Duration = Duration::from_secs(30);
/// One that nobody has read for so long, and of which nobody told, is not either: longer than any pause for a meal.
const IDLE_FOR: Duration = Duration::from_secs(2 * 3600);
/// Films that are watched at a time, and viewers of one; more are not confirmed.
const FILMS_MAX: usize = 256;
const VIEWERS_MAX: usize = 64;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The film is watched.
    Confirm(u64),
    /// It is not any longer.
    Release(u64),
    /// Its torrent may sleep.
    LetGo(u64),
}

#[derive(Debug)]
struct Film {
    /// When each was heard of last, and what was told then: telling it again changes nothing.
    viewers: BTreeMap<String, (Instant, Notice)>,
    /// Since when it is closed.
    closed: Option<Instant>,
    /// When the last viewer went.
    ended: Option<Instant>,
}

/// All of them, by inode number.
#[derive(Debug, Default)]
pub(super) struct Viewers {
    films: BTreeMap<u64, Film>,
}

impl Viewers {
    pub(super) fn is_empty(&self) -> bool {
        self.films.is_empty()
    }

    /// True when this viewer was told of with this film before, and still watches it: Jellyfin says so every few seconds.
    pub(super) fn still_plays(&mut self, now: Instant, notice: &Notice) -> bool {
        let films = self.films.values_mut();
        let viewers = films.filter_map(|film| film.viewers.get_mut(&notice.viewer));
        for (heard, told) in viewers {
            if told == notice {
                *heard = now;
                return true;
            }
        }
        false
    }

    /// A viewer plays a film, and no other any longer.
    pub(super) fn play(&mut self, now: Instant, ino: u64, notice: &Notice) -> Vec<Effect> {
        let viewer = &notice.viewer;
        let mut effects = self.leave(now, |other| other != ino, viewer);
        if !self.films.contains_key(&ino) && self.films.len() >= FILMS_MAX {
            return effects;
        }
        let film = self.films.entry(ino).or_insert_with(|| Film {
            viewers: BTreeMap::new(),
            closed: None,
            ended: None,
        });
        if film.viewers.is_empty() {
            effects.push(Effect::Confirm(ino));
        }
        if film.viewers.len() < VIEWERS_MAX || film.viewers.contains_key(viewer) {
            film.viewers.insert(viewer.clone(), (now, notice.clone()));
        }
        film.ended = None;
        film.closed = None;
        effects
    }

    /// A viewer stopped.
    pub(super) fn stop(&mut self, now: Instant, viewer: &str) -> Vec<Effect> {
        self.leave(now, |_| true, viewer)
    }

    /// Takes a viewer from the films for which `of` says so.
    fn leave(&mut self, now: Instant, of: impl Fn(u64) -> bool, viewer: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (ino, film) in self.films.iter_mut().filter(|(ino, _)| of(**ino)) {
            if film.viewers.remove(viewer).is_some() && film.viewers.is_empty() {
                film.ended = Some(now);
                effects.push(Effect::Release(*ino));
            }
        }
        effects
    }

    /// Looks who has gone without a word. `last_use` says when an open film was read last, or opened; `None`: it is
    /// closed.
    pub(super) fn look(
        &mut self,
        now: Instant,
        last_use: impl Fn(u64) -> Option<Instant>,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.films.retain(|ino, film| {
            if film.ended.is_none() && film.is_left(now, last_use(*ino)) {
                film.viewers.clear();
                film.ended = Some(now);
                effects.push(Effect::Release(*ino));
            }
            let over = film
                .ended
                .is_some_and(|ended| now.duration_since(ended) >= KEPT_AWAKE);
            if over {
                effects.push(Effect::LetGo(*ino));
            }
            !over
        });
        effects
    }
}

impl Film {
    fn is_left(&mut self, now: Instant, last_use: Option<Instant>) -> bool {
        match last_use {
            None => {
                let closed = *self.closed.get_or_insert(now);
                now.duration_since(closed) >= CLOSED_FOR
            }
            Some(last_use) => {
                self.closed = None;
                let heard = self.viewers.values().map(|(heard, _)| *heard).max();
                let last = heard.map_or(last_use, |heard| heard.max(last_use));
                now.saturating_duration_since(last) >= IDLE_FOR
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILM: u64 = 7;
    const OTHER: u64 = 8;

    fn by(viewer: &str) -> Notice {
        Notice {
            viewer: viewer.to_owned(),
            ..Notice::default()
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_film_is_released_when_its_last_viewer_stops_and_kept_awake_for_half_a_minute() {
        let (mut viewers, start) = (Viewers::default(), Instant::now());
        assert_eq!(viewers.play(start, FILM, &by("a")), [Effect::Confirm(FILM)]);
        assert_eq!(viewers.play(start, FILM, &by("b")), []);
        assert_eq!(viewers.play(start, FILM, &by("a")), []);
        assert_eq!(viewers.stop(start, "a"), []);
        assert_eq!(viewers.stop(start, "nobody"), []);
        assert_eq!(viewers.stop(start, "b"), [Effect::Release(FILM)]);
        assert_eq!(viewers.stop(start, "b"), []);
        let open = |_| Some(start);
        assert_eq!(viewers.look(start + seconds(29), open), []);
        assert_eq!(
            viewers.look(start + seconds(30), open),
            [Effect::LetGo(FILM)]
        );
        assert!(viewers.is_empty());
    }

    #[test]
    fn who_comes_back_in_time_goes_on() {
        let (mut viewers, start) = (Viewers::default(), Instant::now());
        viewers.play(start, FILM, &by("a"));
        viewers.stop(start, "a");
        let back = start + seconds(20);
        assert_eq!(viewers.play(back, FILM, &by("a")), [Effect::Confirm(FILM)]);
        assert_eq!(viewers.look(start + seconds(60), |_| Some(back)), []);
    }

    #[test]
    fn who_plays_another_film_has_stopped_the_first() {
        let (mut viewers, start) = (Viewers::default(), Instant::now());
        viewers.play(start, FILM, &by("a"));
        let effects = viewers.play(start, OTHER, &by("a"));
        assert_eq!(effects, [Effect::Release(FILM), Effect::Confirm(OTHER)]);
    }

    #[test]
    fn a_stop_that_never_came_is_made_up_for_when_the_film_is_closed() {
        let (mut viewers, start) = (Viewers::default(), Instant::now());
        viewers.play(start, FILM, &by("a"));
        assert_eq!(viewers.look(start, |_| None), []);
        assert_eq!(
            viewers.look(start + seconds(20), |_| Some(start)),
            [],
            "a seek"
        );
        assert_eq!(viewers.look(start + seconds(40), |_| None), []);
        let closed = start + seconds(70);
        assert_eq!(viewers.look(closed, |_| None), [Effect::Release(FILM)]);
        assert_eq!(
            viewers.look(closed + seconds(30), |_| None),
            [Effect::LetGo(FILM)]
        );
    }

    #[test]
    fn a_pause_of_an_hour_is_no_end_and_a_forgotten_player_is() {
        let (mut viewers, start) = (Viewers::default(), Instant::now());
        viewers.play(start, FILM, &by("a"));
        let open = |_| Some(start);
        assert_eq!(viewers.look(start + seconds(3600), open), []);
        assert!(viewers.still_plays(start + seconds(3600), &by("a")));
        assert_eq!(viewers.look(start + seconds(3 * 3600 - 1), open), []);
        assert_eq!(
            viewers.look(start + seconds(3 * 3600), open),
            [Effect::Release(FILM)]
        );
        assert!(!viewers.still_plays(start + seconds(3 * 3600), &by("a")));
    }

    #[test]
    fn what_is_told_again_of_a_viewer_changes_nothing_whoever_else_watches() {
        let (mut viewers, start) = (Viewers::default(), Instant::now());
        let other = Notice {
            title: "as another server calls it".to_owned(),
            ..by("b")
        };
        viewers.play(start, FILM, &by("a"));
        viewers.play(start, FILM, &other);
        assert!(viewers.still_plays(start, &by("a")) && viewers.still_plays(start, &other));
        let next = Notice {
            title: "the next".to_owned(),
            ..other
        };
        assert!(!viewers.still_plays(start, &next));
    }

    #[test]
    fn films_and_viewers_are_bounded() {
        let (mut viewers, start) = (Viewers::default(), Instant::now());
        for n in 0..1000 {
            viewers.play(start, n, &by(&n.to_string()));
            viewers.play(start, FILM, &by(&format!("of one {n}")));
        }
        assert_eq!(viewers.films.len(), FILMS_MAX);
        assert_eq!(viewers.films[&FILM].viewers.len(), VIEWERS_MAX);
    }
}
