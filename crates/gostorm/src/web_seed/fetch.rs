//! One run of blocks: its requests, one for each file that it touches, and the blocks that come of them.
//!
//! A task of its own, started by `task` and ended by it when nobody wants the rest of the run.

use std::sync::Arc;

use gostorm_wire::BlockSpan;
use tokio::sync::mpsc;

use super::WebSeedError;
use super::queue::Run;
use super::site::{Part, Site};
use crate::pool::{BlockBuf, Pool};

/// What a fetch reports, with its number.
#[derive(Debug)]
pub(super) enum Step {
    /// The next block of its run is here.
    Block {
        fetch: u64,
        span: BlockSpan,
        data: BlockBuf,
    },
    /// It is over.
    Ended {
        fetch: u64,
        outcome: Result<(), WebSeedError>,
    },
}

/// Fetches a run. `steps` is bounded: nothing is read while it is full.
pub(super) async fn fetch(
    number: u64,
    site: Arc<Site>,
    pool: Pool,
    run: Run,
    steps: mpsc::Sender<Step>,
) {
    let parts = site.parts(run.offset..run.offset + run.len());
    let mut blocks = Blocks {
        number,
        pool: &pool,
        steps: &steps,
        run: run.blocks.into_iter(),
        begun: None,
    };
    let mut outcome = Ok(());
    for part in parts {
        outcome = match part {
            Part::Zeros(len) => blocks.zeros(len).await,
            Part::File { index, range } => match site.get(index, range).await {
                Ok(mut body) => loop {
                    match body.next().await {
                        Ok(Some(bytes)) => {
                            if let Err(error) = blocks.fill(&bytes).await {
                                break Err(error);
                            }
                        }
                        Ok(None) => break Ok(()),
                        Err(error) => break Err(error),
                    }
                },
                Err(error) => Err(error),
            },
        };
        if outcome.is_err() {
            break;
        }
    }
    let ended = Step::Ended {
        fetch: number,
        outcome,
    };
    // A task that ended needs no report.
    let _ = steps.send(ended).await;
}

/// Cuts the bytes of a run into its blocks.
struct Blocks<'a> {
    number: u64,
    pool: &'a Pool,
    steps: &'a mpsc::Sender<Step>,
    run: std::vec::IntoIter<BlockSpan>,
    /// The block that is being filled, and how far.
    begun: Option<(BlockSpan, BlockBuf, usize)>,
}

impl Blocks<'_> {
    async fn zeros(&mut self, len: u64) -> Result<(), WebSeedError> {
        const ZEROS: &[u8] = &[0; 4096];
        let mut left = usize::try_from(len).map_err(|_| WebSeedError::WrongRange)?;
        while left > 0 {
            let step = left.min(ZEROS.len());
            self.fill(&ZEROS[..step]).await?;
            left -= step;
        }
        Ok(())
    }

    /// Takes bytes, and hands out what they complete. Waits for a buffer when there is none.
    async fn fill(&mut self, mut bytes: &[u8]) -> Result<(), WebSeedError> {
        while !bytes.is_empty() {
            let (span, mut data, have) = match self.begun.take() {
                Some(begun) => begun,
                None => {
                    // More bytes than blocks were asked for.
                    let span = self.run.next().ok_or(WebSeedError::WrongRange)?;
                    (span, self.pool.take().await, 0)
                }
            };
            let len = span.len as usize;
            let step = bytes.len().min(len - have);
            data.space()[have..have + step].copy_from_slice(&bytes[..step]);
            bytes = &bytes[step..];
            if have + step < len {
                self.begun = Some((span, data, have + step));
                continue;
            }
            data.set_len(len);
            let block = Step::Block {
                fetch: self.number,
                span,
                data,
            };
            if self.steps.send(block).await.is_err() {
                return Err(WebSeedError::Truncated);
            }
        }
        Ok(())
    }
}
