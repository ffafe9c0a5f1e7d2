//! The task of one web seed and the handle by which its driver speaks.
//!
//! The task owns what was asked for and the fetches under way; it ends when the server gives it a reason to, or when
//! the handle is dropped, and with it end all its requests.

use std::collections::VecDeque;
use std::sync::Arc;

use gostorm_wire::{BlockSpan, Message};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::fetch::{Step, fetch};
use super::queue::{Queue, Run};
use super::{Site, WebSeedError};
use crate::peer::{CloseReason, PeerEvent, PeerWhat};
use crate::pool::Pool;

/// Requests that are under way at a time.
const FETCHES_MAX: usize = 4;
/// Blocks of them that may wait for the task: beside the one that each of them is filling.
const STEPS_MAX: usize = 4;
/// Batches of messages that may wait for the task.
const BATCHES_MAX: usize = 1024;
/// Broken connections in a row, without a block between them, after which the seed is left alone for a while.
const BREAKS_MAX: u32 = 2;

/// The driver's side of a web seed. Dropping it ends all requests.
#[derive(Debug)]
pub(crate) struct WebSeedHandle {
    batches: mpsc::Sender<Vec<Message>>,
    /// What was said since the last [`WebSeedHandle::flush`]: blocks that are asked for in one turn are to be asked of
    /// the server in one request.
    batch: Vec<Message>,
    task: AbortHandle,
}

impl WebSeedHandle {
    /// Takes a `request` or `cancel`; a web seed understands nothing else.
    pub(crate) fn send(&mut self, message: Message) {
        if matches!(message, Message::Request(_) | Message::Cancel(_)) {
            self.batch.push(message);
        }
    }

    /// Hands over what was said. False when the task does not take it, or has ended.
    #[must_use]
    pub(crate) fn flush(&mut self) -> bool {
        self.batch.is_empty()
            || self
                .batches
                .try_send(std::mem::take(&mut self.batch))
                .is_ok()
    }
}

impl Drop for WebSeedHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts the task of a web seed that was found to serve. `peer` comes back in each of its events.
#[must_use]
pub(crate) fn spawn(
    peer: u64,
    site: Arc<Site>,
    pool: Pool,
    events: mpsc::Sender<PeerEvent>,
) -> WebSeedHandle {
    let (batches, inbox) = mpsc::channel(BATCHES_MAX);
    let (to_steps, steps) = mpsc::channel(STEPS_MAX);
    let task = Task {
        peer,
        queue: Queue::new(site.piece_len()),
        site,
        pool,
        events,
        inbox,
        steps,
        to_steps,
        fetches: Vec::new(),
        tasks: JoinSet::new(),
        started: 0,
        breaks: 0,
    };
    let task = tokio::spawn(task.run());
    WebSeedHandle {
        batches,
        batch: Vec::new(),
        task: task.abort_handle(),
    }
}

/// A run under way.
struct Fetch {
    number: u64,
    /// The blocks that have not come, in order; false: nobody wants it any more.
    left: VecDeque<(BlockSpan, bool)>,
    task: AbortHandle,
}

impl Fetch {
    fn is_wanted(&self) -> bool {
        self.left.iter().any(|(_, wanted)| *wanted)
    }
}

struct Task {
    peer: u64,
    site: Arc<Site>,
    pool: Pool,
    events: mpsc::Sender<PeerEvent>,
    inbox: mpsc::Receiver<Vec<Message>>,
    steps: mpsc::Receiver<Step>,
    to_steps: mpsc::Sender<Step>,
    queue: Queue,
    fetches: Vec<Fetch>,
    /// Ends them with the task.
    tasks: JoinSet<()>,
    started: u64,
    breaks: u32,
}

impl Task {
    async fn run(mut self) {
        let reason = loop {
            self.start_fetches();
            let step = tokio::select! {
                biased;
                batch = self.inbox.recv() => {
                    let Some(batch) = batch else {
                        return;
                    };
                    batch.into_iter().for_each(|message| self.told(message));
                    continue;
                }
                Some(step) = self.steps.recv() => step,
            };
            match step {
                Step::Block { fetch, span, data } => {
                    if self.has_come(fetch, span) {
                        let what = PeerWhat::Block { span, data };
                        if !self.report(what).await {
                            return;
                        }
                    }
                }
                Step::Ended { fetch, outcome } => {
                    if let Err(error) = self.ended(fetch, outcome) {
                        break error;
                    }
                }
            }
        };
        self.tasks.abort_all();
        self.report(PeerWhat::Closed(CloseReason::WebSeed(reason)))
            .await;
    }

    /// False when the driver is gone.
    async fn report(&self, what: PeerWhat) -> bool {
        let peer = self.peer;
        self.events.send(PeerEvent { peer, what }).await.is_ok()
    }

    fn told(&mut self, message: Message) {
        if let Message::Request(block) = message {
            self.queue.ask(block);
        } else if let Message::Cancel(block) = message
            && !self.queue.cancel(block)
        {
            self.cancel(block);
        }
    }

    /// A block under way is not wanted any more. It comes all the same, unless it is the last that was wanted.
    fn cancel(&mut self, block: BlockSpan) {
        for fetch in &mut self.fetches {
            for (span, wanted) in &mut fetch.left {
                *wanted &= *span != block;
            }
        }
        self.end_unwanted();
    }

    fn end_unwanted(&mut self) {
        self.fetches.retain(|fetch| {
            // One whose blocks are all here still has to say how it ended.
            let goes_on = fetch.left.is_empty() || fetch.is_wanted();
            if !goes_on {
                fetch.task.abort();
            }
            goes_on
        });
    }

    fn start_fetches(&mut self) {
        // What ended is let go of.
        while self.tasks.try_join_next().is_some() {}
        while self.fetches.len() < FETCHES_MAX
            && let Some(run) = self.queue.next_run()
        {
            self.start(run);
        }
    }

    fn start(&mut self, run: Run) {
        self.started += 1;
        let left = run.blocks.iter().map(|block| (*block, true)).collect();
        let task = self.tasks.spawn(fetch(
            self.started,
            Arc::clone(&self.site),
            self.pool.clone(),
            run,
            self.to_steps.clone(),
        ));
        self.fetches.push(Fetch {
            number: self.started,
            left,
            task,
        });
    }

    /// A block has come; true when it is still wanted.
    fn has_come(&mut self, number: u64, span: BlockSpan) -> bool {
        self.breaks = 0;
        let mut fetches = self.fetches.iter_mut();
        let Some(fetch) = fetches.find(|fetch| fetch.number == number) else {
            return false;
        };
        let next = fetch.left.pop_front();
        debug_assert!(next.is_some_and(|(next, _)| next == span));
        self.end_unwanted();
        next == Some((span, true))
    }

    /// A fetch is over. What it did not bring is asked for again, unless there is no sense in it.
    fn ended(
        &mut self,
        number: u64,
        outcome: Result<(), WebSeedError>,
    ) -> Result<(), WebSeedError> {
        let at = self.fetches.iter().position(|fetch| fetch.number == number);
        let Some(fetch) = at.map(|at| self.fetches.swap_remove(at)) else {
            return Ok(());
        };
        if let Err(error) = outcome {
            self.breaks += 1;
            let broke = matches!(
                error,
                WebSeedError::Truncated | WebSeedError::Unreachable(_)
            );
            if !broke || self.breaks > BREAKS_MAX {
                return Err(error);
            }
            tracing::debug!(%error, "a request to a web seed is repeated");
        }
        for (block, _) in fetch.left.into_iter().filter(|(_, wanted)| *wanted) {
            self.queue.ask_again(block);
        }
        Ok(())
    }
}
