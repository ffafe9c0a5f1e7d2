//! The players' side: reads go to the cache or the swarm, answers come back.

use std::ops::Range;
use std::time::Duration;

use gostorm_core::{FailReason, Input, ReadKey, ReaderKey, Time};

use super::seated::{ReadOrder, Seated};
use super::{Event, World};
use crate::player::{Player, PlayerKind, PlayerReport, Seat};

/// From the driver to the player: the reply crosses the kernel.
pub(super) const HOP: Duration = Duration::from_micros(100);

impl World {
    pub(super) fn all_done(&self) -> bool {
        self.seats
            .iter()
            .all(|seat| seat.as_ref().is_some_and(|seat| seat.player.is_done()))
    }

    /// What each player went through; default for one that has not started.
    #[must_use]
    pub fn player_reports(&self) -> Vec<PlayerReport> {
        self.seats
            .iter()
            .map(|seat| {
                seat.as_ref()
                    .map(|seat| *seat.player.report())
                    .unwrap_or_default()
            })
            .collect()
    }

    pub(super) fn starts(&mut self, at: usize) {
        let spec = self.spec.players[at].clone();
        let file = self.torrents[spec.torrent].swarm.layout().files()[spec.file];
        self.give(
            spec.torrent,
            Input::Open {
                reader: ReaderKey(at as u64),
                file: spec.file,
                policy: self.spec.policy,
            },
        );
        let mut rng = self.rng.fork(at as u64 ^ 0xF00D);
        let mut seat = Seat {
            now: self.clock(),
            rng: &mut rng,
            len: file.len,
            reads: Vec::new(),
            timer: None,
            close: false,
        };
        let player = Player::start(&spec.kind, &mut seat);
        let Seat {
            reads,
            timer,
            close,
            ..
        } = seat;
        self.seats[at] = Some(Seated {
            player,
            rng,
            torrent: spec.torrent,
            file: file.offset..file.offset + file.len,
            timer_number: 0,
            closed: false,
        });
        self.follow(at, reads, timer, close);
    }

    /// Lets a player act.
    fn at_seat(&mut self, at: usize, act: impl FnOnce(&mut Player, &mut Seat<'_>)) {
        let now = self.clock();
        let Some(seated) = self.seats[at].as_mut().filter(|seated| !seated.closed) else {
            return;
        };
        let mut seat = Seat {
            now,
            rng: &mut seated.rng,
            len: seated.file.end - seated.file.start,
            reads: Vec::new(),
            timer: None,
            close: false,
        };
        act(&mut seated.player, &mut seat);
        let Seat {
            reads,
            timer,
            close,
            ..
        } = seat;
        self.follow(at, reads, timer, close);
    }

    fn follow(
        &mut self,
        at: usize,
        reads: Vec<(u64, Range<u64>)>,
        timer: Option<Time>,
        close: bool,
    ) {
        for (tag, range) in reads {
            self.read(at, tag, &range);
        }
        let Some(seated) = self.seats[at].as_mut() else {
            return;
        };
        if let Some(timer) = timer {
            seated.timer_number += 1;
            let rings = Time(timer.0.saturating_add(self.lag));
            self.events
                .push(rings, Event::PlayerTimer(at, seated.timer_number));
        }
        if close && !seated.closed {
            seated.closed = true;
            let reader = ReaderKey(at as u64);
            let torrent = seated.torrent;
            self.pending.push_back((torrent, Input::Close { reader }));
            let scans = matches!(self.spec.players[at].kind, PlayerKind::Scan);
            if let Some(next) = self.scans.pop_front_if(|_| scans) {
                self.events.push(self.now + HOP, Event::Starts(next));
            }
            if let Some(after) = self.spec.sleeps_after
                && self.is_left(torrent)
            {
                self.events.push(self.now + after, Event::Sleeps(torrent));
            }
        }
    }

    /// True when every player of a torrent has come and gone.
    fn is_left(&self, torrent: usize) -> bool {
        let mut players = self.spec.players.iter().zip(&self.seats);
        players.all(|(player, seat)| {
            player.torrent != torrent || seat.as_ref().is_some_and(|seat| seat.closed)
        })
    }

    fn read(&mut self, at: usize, tag: u64, of_file: &Range<u64>) {
        let Some(seated) = self.seats[at].as_ref() else {
            return;
        };
        let torrent = seated.torrent;
        let start = seated.file.start;
        let range = start + of_file.start..start + of_file.end;
        let reader = ReaderKey(at as u64);
        self.next_read += 1;
        let key = self.next_read;
        let deadline = self.clock() + self.spec.read_deadline;
        let one = &self.torrents[torrent];
        let cached = one.store.covers(one.swarm.layout(), &range);
        self.reads.insert(
            key,
            ReadOrder {
                player: at,
                tag,
                range: range.clone(),
                issued: self.clock(),
                deadline,
                decided: cached,
            },
        );
        if cached {
            self.events.push(self.now + HOP, Event::Answered(key, true));
            self.pending
                .push_back((torrent, Input::Position { reader, range }));
        } else {
            let read = ReadKey(key);
            self.pending.push_back((
                torrent,
                Input::Read {
                    reader,
                    read,
                    range,
                    deadline,
                },
            ));
        }
    }

    pub(super) fn player_timer(&mut self, at: usize, number: u64) {
        if self.seats[at]
            .as_ref()
            .is_some_and(|seated| seated.timer_number == number)
        {
            self.at_seat(at, Player::on_timer);
        }
    }

    #[expect(clippy::panic, reason = "a broken rule ends the run")]
    pub(super) fn decide(&mut self, read: ReadKey) -> ReadOrder {
        let Some(order) = self.reads.get_mut(&read.0) else {
            panic!("{read:?} is answered and was never asked, or twice");
        };
        assert!(!order.decided, "{read:?} is answered twice");
        order.decided = true;
        order.clone()
    }

    pub(super) fn serve(&mut self, torrent: usize, read: ReadKey) {
        let order = self.decide(read);
        let one = &self.torrents[torrent];
        one.store
            .check_right(torrent, one.swarm.layout(), &order.range);
        self.events
            .push(self.now + HOP, Event::Answered(read.0, true));
    }

    pub(super) fn fail(&mut self, torrent: usize, read: ReadKey, reason: FailReason) {
        let order = self.decide(read);
        self.check_failure(torrent, &order, reason);
        self.events
            .push(self.now + HOP, Event::Answered(read.0, false));
    }

    pub(super) fn answered(&mut self, read: u64, served: bool) {
        if let Some(order) = self.reads.remove(&read) {
            let start = self.seats[order.player]
                .as_ref()
                .map_or(0, |seated| seated.file.start);
            let range = order.range.start - start..order.range.end - start;
            self.at_seat(order.player, |player, seat| {
                player.on_answer(order.tag, &range, served, seat);
            });
        }
    }

    /// Reads that the swarm has neither served nor failed.
    #[must_use]
    pub fn undecided_reads(&self) -> usize {
        self.reads.values().filter(|order| !order.decided).count()
    }

    /// When the oldest undecided read was made.
    #[must_use]
    pub fn oldest_undecided(&self) -> Option<Time> {
        self.reads
            .values()
            .filter(|order| !order.decided)
            .map(|order| order.issued)
            .min()
    }
}
