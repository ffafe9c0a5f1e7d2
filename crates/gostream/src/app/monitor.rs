//! What the metrics port shows: [`Monitor`] over everything that runs.
//!
//! `seen` looks at all parts at one time; `table` has a row for each figure, from which Prometheus text and
//! `docs/METRICS.md` are made; `summary` has the older JSON objects; `health` looks whether the parts are well.

mod health;
mod parts;
mod process;
mod seen;
mod summary;
mod table;

use std::time::Duration;

use futures_util::future::BoxFuture;
use gostream_http::{Family, Health, Monitor, Notice};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::Value;

pub(super) use self::parts::{MountPart, Parts, ServerMonitor};
use self::seen::Seen;

/// How long an answer is given to reach who asked for a restart.
const RESTART_AFTER: Duration = Duration::from_millis(150);

impl Monitor for ServerMonitor {
    fn summary(&self) -> BoxFuture<'_, Value> {
        Box::pin(async move { summary::metrics(&Seen::now(self).await) })
    }

    fn profiling(&self) -> Value {
        summary::profiling(&self.parts)
    }

    fn first_bytes(&self) -> Value {
        summary::first_bytes(&self.parts.reads)
    }

    fn playbacks(&self) -> Value {
        summary::playbacks(&self.parts.open)
    }

    fn families(&self) -> BoxFuture<'_, Vec<Family>> {
        Box::pin(async move { table::families(&Seen::now(self).await) })
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(health::look(self))
    }

    fn is_ready(&self) -> BoxFuture<'_, bool> {
        Box::pin(health::is_ready(self))
    }

    fn notice(&self, notice: Notice) -> bool {
        self.parts.playbacks.notice(notice)
    }

    fn restart(&self) {
        tokio::spawn(async {
            tokio::time::sleep(RESTART_AFTER).await;
            // The service manager starts us again; the way down is that of any SIGTERM.
            if let Err(error) = kill_process(getpid(), Signal::TERM) {
                tracing::error!(%error, "cannot end the process");
            }
        });
    }
}
