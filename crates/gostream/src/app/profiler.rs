//! Takes profiles: where the process spends its CPU time, by a signal (SIGPROF) so many times a second of it.
//!
//! One at a time. The handler of the signal belongs to the crate `pprof`, as does what it needs in memory; see
//! docs/adr/0011. System calls go on after it (`SA_RESTART`), or are made again by whoever made them.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use futures_util::future::BoxFuture;
use gostream_http::{ProfileError, Profiler};
use pprof::{ProfilerGuard, ProfilerGuardBuilder, protos::Message as _};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

/// Looks a second of CPU time. Not 100, which would march in step with timers.
const FREQUENCY: i32 = 99;

/// Where no look is taken: what unwinds the stack of a panic must not be unwound itself, and the kernel's own library
/// says wrong things of its stack in some versions.
const NOT_IN: &[&str] = &["libgcc", "vdso"];

/// See the module.
#[derive(Default)]
pub(super) struct CpuProfiler {
    turn: Arc<Mutex<()>>,
}

impl Profiler for CpuProfiler {
    fn cpu(&self, length: Duration) -> BoxFuture<'_, Result<Vec<u8>, ProfileError>> {
        Box::pin(async move {
            let turn = Arc::clone(&self.turn).try_lock_owned();
            let turn = turn.map_err(|_| ProfileError::Busy)?;
            // Both ends read the symbols of the program, which takes a second.
            let guard = done(spawn_blocking(start).await)?;
            tokio::time::sleep(length).await;
            done(spawn_blocking(move || (finish(&guard), turn).0).await)
        })
    }
}

fn done<T>(
    work: Result<Result<T, ProfileError>, tokio::task::JoinError>,
) -> Result<T, ProfileError> {
    work.unwrap_or_else(|panic| Err(failed(&panic)))
}

fn start() -> Result<ProfilerGuard<'static>, ProfileError> {
    let builder = ProfilerGuardBuilder::default().frequency(FREQUENCY);
    builder.blocklist(NOT_IN).build().map_err(|error| {
        // That of a client who went while it began.
        if matches!(error, pprof::Error::Running) {
            ProfileError::Busy
        } else {
            failed(&error)
        }
    })
}

fn finish(guard: &ProfilerGuard<'_>) -> Result<Vec<u8>, ProfileError> {
    let mut report = guard.report();
    report.frames_post_processor(without_the_look);
    let report = report.build().map_err(|error| failed(&error))?;
    let profile = report.pprof().map_err(|error| failed(&error))?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    let written = packed.write_all(&profile.encode_to_vec());
    written
        .and_then(|()| packed.finish())
        .map_err(|error| failed(&error))
}

/// Takes the calls that looked off the top of a stack; an optimised build has inlined most of them.
fn without_the_look(stack: &mut pprof::Frames) {
    let looks = |symbol: &pprof::Symbol| symbol.name().contains("pprof::backtrace");
    let last = stack
        .frames
        .iter()
        .rposition(|frame| frame.iter().any(looks));
    stack.frames.drain(..last.map_or(0, |last| last + 1));
}

fn failed(error: &dyn std::fmt::Display) -> ProfileError {
    ProfileError::Failed(format!("the profile was not taken: {error}"))
}
