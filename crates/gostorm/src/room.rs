//! Places that are taken for a while, of which there may be more or fewer later: dials under way, torrents that wake.
//!
//! Held by [`Shared`](crate::shared::Shared). Who comes when all are taken waits, in the order of coming. When there are
//! fewer, nobody is thrown out: a place that is given back goes, until no more than allowed are taken. The lock is a leaf.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// See the module. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Room(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    free: Arc<Semaphore>,
    size: Mutex<Size>,
}

#[derive(Debug)]
struct Size {
    most: usize,
    /// Places that are taken and not wanted back.
    too_many: usize,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    room: Arc<Inner>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// One place at least.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self(Arc::new(Inner {
            free: Arc::new(Semaphore::new(most)),
            size: Mutex::new(Size { most, too_many: 0 }),
        }))
    }

    /// Waits for a place.
    pub(crate) async fn enter(&self) -> Seat {
        // Never closed, so that there always is a permit.
        let permit = Arc::clone(&self.0.free).acquire_owned().await.ok();
        Seat {
            room: Arc::clone(&self.0),
            permit,
        }
    }

    /// There are more places from now on, or fewer; one at least.
    pub(crate) fn resize(&self, most: usize) {
        let most = most.max(1);
        let mut size = self.0.size.lock();
        if most > size.most {
            let more = most - size.most;
            let kept = more.min(size.too_many);
            size.too_many -= kept;
            self.0.free.add_permits(more - kept);
        } else {
            let fewer = size.most - most;
            size.too_many += fewer - self.0.free.forget_permits(fewer);
        }
        size.most = most;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else {
            return;
        };
        // Either way while the size stays as it is.
        let mut size = self.room.size.lock();
        if size.too_many > 0 {
            size.too_many -= 1;
            permit.forget();
        } else {
            drop(permit);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn try_enter(room: &Room) -> Option<Seat> {
        room.enter().now_or_never()
    }

    #[test]
    fn fewer_places_throw_nobody_out_and_let_nobody_in() {
        let room = Room::new(3);
        let mut seats: Vec<Seat> = (0..3).filter_map(|_| try_enter(&room)).collect();
        assert_eq!(seats.len(), 3);
        room.resize(1);
        for left in [2, 1] {
            seats.pop();
            assert_eq!(seats.len(), left);
            assert!(try_enter(&room).is_none(), "{left} are taken, of one");
        }
        seats.pop();
        let seat = try_enter(&room);
        assert!(seat.is_some());
        assert!(try_enter(&room).is_none());
    }

    #[test]
    fn more_places_let_those_in_who_wait() {
        let room = Room::new(1);
        let first = try_enter(&room);
        let mut second = Box::pin(room.enter());
        assert!(second.as_mut().now_or_never().is_none());
        room.resize(2);
        assert!(second.as_mut().now_or_never().is_some());
        drop(first);
    }

    #[test]
    fn places_that_were_not_wanted_back_are_wanted_again() {
        let room = Room::new(4);
        let seats: Vec<Option<Seat>> = (0..4).map(|_| try_enter(&room)).collect();
        for most in [0, 6, 2, 5] {
            room.resize(most);
        }
        assert!(try_enter(&room).is_some(), "a fifth");
        drop(seats);
        let seats: Vec<Seat> = std::iter::from_fn(|| try_enter(&room)).collect();
        assert_eq!(seats.len(), 5);
    }
}
