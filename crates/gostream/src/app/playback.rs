//! Who watches what: the films that are open, and what media servers tell of their viewers.
//!
//! `registry` knows every open handle of a film, of the mount and of the web ports. A webhook names a film in a media
//! server's own words; `matching` finds the open one that it means. `viewers` counts who watches which film and when
//! that ends; what follows from it is carried out here: the film's readers play, whatever they read, its torrent stays
//! awake, and when the last viewer stops both end. `plex` asks which file is meant where a webhook does not say.
//! `positions` keeps where a film was left.
//!
//! One task owns it all; webhooks wait for it in a bounded queue, reads touch a few atomics and nothing else.

mod early;
mod matching;
mod plex;
mod positions;
mod registry;
mod viewers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use gostorm::{Engine, Hold};
use gostorm_wire::InfoHash;
use gostream_http::{Notice, ViewerEvent};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::early::Early;
pub(super) use self::plex::{LivePlex, Plex};
pub(super) use self::positions::Positions;
pub(super) use self::registry::{Entry, Opened, Registry, Shown, Via, Watched};
use self::viewers::{Effect, Viewers};

/// Webhooks that may wait.
const NOTICES_MAX: usize = 64;
/// Questions to Plex under way; a webhook beyond them is matched by what it says itself.
const QUESTIONS_MAX: usize = 16;
/// How often it is looked who has gone.
const LOOK: Duration = Duration::from_secs(1);
/// How often positions are written while somebody plays.
const SAVE: Duration = Duration::from_secs(60);

/// What webhooks did, in figures.
#[derive(Debug, Default)]
pub(super) struct WebhookFigures {
    /// Webhooks that meant an open film.
    pub(super) matched: AtomicU64,
    /// Those that meant none, then or soon after.
    pub(super) unmatched: AtomicU64,
    /// Those for which there was no room.
    pub(super) dropped: AtomicU64,
}

/// The front: takes what media servers tell.
pub(super) struct Playbacks {
    notices: mpsc::Sender<Notice>,
    figures: Arc<WebhookFigures>,
}

impl Playbacks {
    /// Starts the task, which ends with `stop` and then has written where films were left.
    pub(super) fn start(
        engine: Engine,
        registry: Arc<Registry>,
        positions: Arc<Positions>,
        plex: Plex,
        stop: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let (notices, queue) = mpsc::channel(NOTICES_MAX);
        let figures = Arc::<WebhookFigures>::default();
        let task = Task {
            engine,
            registry,
            positions,
            plex,
            asking: FuturesUnordered::new(),
            questions: BTreeMap::new(),
            question: 0,
            figures: Arc::clone(&figures),
            viewers: Viewers::default(),
            early: Early::default(),
            holds: BTreeMap::new(),
        };
        let task = tokio::spawn(task.run(queue, stop));
        (Self { notices, figures }, task)
    }

    /// Takes a webhook; false when there is no room.
    pub(super) fn notice(&self, notice: Notice) -> bool {
        let taken = self.notices.try_send(notice).is_ok();
        if !taken {
            self.figures.dropped.fetch_add(1, Relaxed);
        }
        taken
    }

    pub(super) fn figures(&self) -> &WebhookFigures {
        &self.figures
    }
}

/// A notice, with what Plex says of it, and the number of the question.
type Asked = (u64, Notice);

struct Task {
    engine: Engine,
    registry: Arc<Registry>,
    positions: Arc<Positions>,
    plex: Plex,
    /// Notices whose film Plex is asked for.
    asking: FuturesUnordered<BoxFuture<'static, Asked>>,
    /// The last question of each viewer; one who does something else has none.
    questions: BTreeMap<String, u64>,
    question: u64,
    figures: Arc<WebhookFigures>,
    viewers: Viewers,
    early: Early,
    /// The torrents that stay awake, by the film for whose sake.
    holds: BTreeMap<u64, (InfoHash, Option<Hold>)>,
}

impl Task {
    async fn run(mut self, mut queue: mpsc::Receiver<Notice>, stop: CancellationToken) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut saved = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(notice) = queue.recv() => self.take(notice),
                Some(asked) = self.asking.next(), if !self.asking.is_empty() => self.answered(asked),
                () = self.registry.changed() => self.try_early(),
                _ = look.tick() => {
                    self.look();
                    if saved.elapsed() >= SAVE {
                        saved = Instant::now();
                        self.positions.save(&self.registry.playing());
                    }
                }
            }
        }
        self.positions.save(&self.registry.playing());
    }

    fn take(&mut self, notice: Notice) {
        let now = Instant::now();
        self.questions.remove(&notice.viewer);
        match notice.event {
            ViewerEvent::Stop => {
                self.early.forget(&notice.viewer);
                let effects = self.viewers.stop(now, &notice.viewer);
                self.count(!effects.is_empty());
                self.carry_out(effects);
            }
            ViewerEvent::Play if self.viewers.still_plays(now, &notice) => self.count(true),
            ViewerEvent::Play => match self.item_to_ask(&notice) {
                Some(item) => self.ask(item, notice),
                None => self.play_or_remember(now, notice),
            },
        }
    }

    /// What Plex may say more of.
    fn item_to_ask(&self, notice: &Notice) -> Option<String> {
        let asks =
            notice.files.is_empty() && self.asking.len() < QUESTIONS_MAX && self.plex.answers();
        notice.plex_item.clone().filter(|_| asks)
    }

    fn ask(&mut self, item: String, notice: Notice) {
        self.question += 1;
        let (number, plex) = (self.question, self.plex.clone());
        self.questions.insert(notice.viewer.clone(), number);
        self.asking.push(Box::pin(async move {
            let mut notice = notice;
            if let Some(item) = plex.item(item).await {
                notice.files = item.files;
                notice.imdb = notice.imdb.or(item.imdb);
            }
            (number, notice)
        }));
    }

    /// Plex has spoken, or said nothing in time.
    fn answered(&mut self, (number, notice): Asked) {
        if self.questions.get(&notice.viewer) != Some(&number) {
            return;
        }
        self.questions.remove(&notice.viewer);
        let now = Instant::now();
        if self.viewers.still_plays(now, &notice) {
            self.count(true);
        } else {
            self.play_or_remember(now, notice);
        }
    }

    fn play_or_remember(&mut self, now: Instant, notice: Notice) {
        if !self.play(now, &notice) {
            tracing::debug!(
                title = notice.title,
                series = notice.series,
                "a webhook means no film that is open, yet"
            );
            let forgotten = self.early.remember(now, notice);
            self.figures.unmatched.fetch_add(forgotten, Relaxed);
        }
    }

    fn count(&self, matched: bool) {
        let figures = &self.figures;
        let counter = if matched {
            &figures.matched
        } else {
            &figures.unmatched
        };
        counter.fetch_add(1, Relaxed);
    }

    /// Confirms the open film that a notice means, if there is one.
    fn play(&mut self, now: Instant, notice: &Notice) -> bool {
        let open = self.registry.films();
        let candidates: Vec<matching::Candidate<'_>> = open
            .iter()
            .map(|film| matching::Candidate {
                path: &film.opened.path,
                imdb: film.opened.imdb.as_deref(),
            })
            .collect();
        let Some(film) = matching::find(notice, &candidates).and_then(|at| open.get(at)) else {
            return false;
        };
        let effects = self.viewers.play(now, film.opened.ino, notice);
        if effects.contains(&Effect::Confirm(film.opened.ino)) {
            let torrent = InfoHash(film.opened.hash.0);
            self.holds.entry(film.opened.ino).or_insert((torrent, None));
        }
        self.count(true);
        self.carry_out(effects);
        true
    }

    /// Films opened: perhaps those that were told of before.
    fn try_early(&mut self) {
        let now = Instant::now();
        for notice in self.early.take() {
            if !self.play(now, &notice) {
                self.early.keep(notice);
            }
        }
    }

    /// Looks who has gone without a word.
    fn look(&mut self) {
        let now = Instant::now();
        let forgotten = self.early.expire(now);
        self.figures.unmatched.fetch_add(forgotten, Relaxed);
        if self.viewers.is_empty() {
            return;
        }
        let open = self.registry.films();
        let last_use = |ino: u64| {
            let mut film = open.iter().filter(|film| film.opened.ino == ino);
            film.next().map(|film| film.last_read.unwrap_or(film.since))
        };
        let effects = self.viewers.look(now, last_use);
        self.carry_out(effects);
        self.hold_on();
    }

    /// A torrent that woke late is kept awake as well.
    fn hold_on(&mut self) {
        for (ino, (torrent, hold)) in &mut self.holds {
            if hold.is_none() && self.registry.is_confirmed(*ino) {
                *hold = self.engine.hold(*torrent);
            }
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Confirm(ino) => {
                    tracing::info!(path = self.registry.path(ino), "somebody watches");
                    self.registry.confirm(ino, true);
                    self.hold_on();
                }
                Effect::Release(ino) => {
                    tracing::info!(path = self.registry.path(ino), "nobody watches any longer");
                    self.registry.confirm(ino, false);
                }
                Effect::LetGo(ino) => drop(self.holds.remove(&ino)),
            }
        }
    }
}
