//! Virtual time: a queue of events in time order, first in first out among equals.
//!
//! The world takes all events of one moment, then ends the batch. Nothing here draws random numbers.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use gostorm_core::Time;

#[derive(Debug)]
struct Entry<E> {
    at: Time,
    number: u64,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// Events that will happen.
#[derive(Debug)]
pub struct Events<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    number: u64,
}

impl<E> Default for Events<E> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            number: 0,
        }
    }
}

impl<E> Events<E> {
    /// `event` will happen at `at`; one for [`Time::NEVER`] is dropped.
    pub fn push(&mut self, at: Time, event: E) {
        if at == Time::NEVER {
            return;
        }
        self.number += 1;
        let number = self.number;
        self.heap.push(Reverse(Entry { at, number, event }));
    }

    /// When the next event happens.
    #[must_use]
    pub fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// The next event that happens at `until` or before, and when.
    pub fn pop(&mut self, until: Time) -> Option<(Time, E)> {
        if self.next_at()? > until {
            return None;
        }
        let Reverse(entry) = self.heap.pop()?;
        Some((entry.at, entry.event))
    }

    /// Events that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// True when nothing will happen any more.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_time_order_and_equals_in_the_order_they_were_made() {
        let mut events = Events::default();
        events.push(Time(5), 'b');
        events.push(Time(1), 'a');
        events.push(Time(5), 'c');
        events.push(Time::NEVER, 'x');
        assert_eq!(events.next_at(), Some(Time(1)));
        assert_eq!(events.pop(Time(4)), Some((Time(1), 'a')));
        assert_eq!(events.pop(Time(4)), None);
        assert_eq!(events.pop(Time(5)), Some((Time(5), 'b')));
        assert_eq!(events.pop(Time(5)), Some((Time(5), 'c')));
        assert!(events.is_empty());
    }
}
