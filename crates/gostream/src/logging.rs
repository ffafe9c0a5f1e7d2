//! The log: where it goes, how its lines look, and its level, which a running server may change.
//!
//! Started once by the command line, before the command. A server's lines go to the standard error (`line` says how they
//! look there) and, if there is a folder for them, to a file (`file`); a thread for each writes them (`queue`), so that
//! nobody who reads a film waits for a disk or a terminal. Commands that answer a person write to the standard error alone,
//! at once, and warnings only unless the settings ask for DEBUG. `RUST_LOG`, if set, wins over the level.
//!
//! What always holds: one filter stands before all outputs; addresses in a line are masked; a line is one line.

mod file;
mod journal;
mod line;
mod queue;

use std::fs::File;
use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;
use std::panic;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt,
    fmt::{MakeWriter, format::JsonFields},
    layer::SubscriberExt as _,
    reload,
    util::SubscriberInitExt as _,
};

use self::file::LogFile;
use self::line::{Look, OneLine};
use self::queue::Queue;
use crate::config::{LogFormat, LogLevel};

/// Who reads the standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A person who gave a command and waits.
    Person,
    /// The log of a server.
    Log,
}

/// What is known when logging starts.
#[derive(Debug, Clone)]
pub(crate) struct LogPlan {
    /// How much is logged.
    pub(crate) level: LogLevel,
    /// How lines look.
    pub(crate) format: LogFormat,
    /// Where a server writes files of it; nowhere: none.
    pub(crate) folder: Option<PathBuf>,
    /// How many files there are at most.
    pub(crate) files: usize,
    /// How long one becomes at most, in bytes.
    pub(crate) file_len_max: u64,
}

/// How long the end of the process waits for lines that are not written yet.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What is to be written before the process ends.
static QUEUES: OnceLock<Vec<Arc<Queue>>> = OnceLock::new();

/// The level of the running log, which may be changed.
#[derive(Clone)]
pub struct LogSwitch {
    filter: reload::Handle<EnvFilter, Registry>,
    audience: Audience,
}

impl LogSwitch {
    /// Another level from now on, unless `RUST_LOG` says it.
    pub fn set(&self, level: LogLevel) {
        if let Err(error) = self.filter.reload(filter(level, self.audience)) {
            tracing::warn!(%error, "the log level stays as it is");
        }
    }
}

/// Writes what waits when it is dropped: whoever ends the process holds one.
pub(crate) struct LastWords;

impl Drop for LastWords {
    fn drop(&mut self) {
        for queue in QUEUES.get().into_iter().flatten() {
            queue.written(LAST_WORDS);
        }
    }
}

type Output = Box<dyn Layer<Filtered> + Send + Sync>;
type Filtered = tracing_subscriber::layer::Layered<reload::Layer<EnvFilter, Registry>, Registry>;

/// Starts logging. The first call counts; a second one changes nothing.
pub(crate) fn start(plan: &LogPlan, audience: Audience) -> LogSwitch {
    let (filter, switch) = reload::Layer::new(filter(plan.level, audience));
    let outputs = match audience {
        Audience::Person => vec![to_a_person()],
        Audience::Log => to_the_log(plan),
    };
    let log = tracing_subscriber::registry().with(filter).with(outputs);
    // Fails only when a subscriber is there already, as in tests.
    if log.try_init().is_ok() && audience == Audience::Log {
        tell_of_panics();
    }
    LogSwitch {
        filter: switch,
        audience,
    }
}

fn to_a_person() -> Output {
    let colours = std::io::stderr().is_terminal();
    output(LogFormat::Text, Look::Timed { colours }, std::io::stderr)
}

fn to_the_log(plan: &LogPlan) -> Vec<Output> {
    let mut outputs = Vec::new();
    let mut queues = Vec::new();
    let look = if journal::is_stderr() {
        Look::Prefixed
    } else {
        let colours = std::io::stderr().is_terminal();
        Look::Timed { colours }
    };
    // A descriptor of its own: whoever holds the lock of the standard error keeps panics from being printed.
    if let Ok(stderr) = std::io::stderr().as_fd().try_clone_to_owned() {
        let queue = Queue::start("the standard error", File::from(stderr));
        outputs.push(output(plan.format, look, Arc::clone(&queue)));
        queues.push(queue);
    }
    if let Some(folder) = &plan.folder {
        let file = LogFile::new(folder, plan.files, plan.file_len_max, SystemTime::now);
        let queue = Queue::start("the log file", file);
        let look = Look::Timed { colours: false };
        outputs.push(output(plan.format, look, Arc::clone(&queue)));
        queues.push(queue);
    }
    // Set once: this is called once.
    let _ = QUEUES.set(queues);
    outputs
}

fn output<W>(format: LogFormat, look: Look, writer: W) -> Output
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // What cannot be written is not told on the standard error, which may be what fails.
    let layer = fmt::layer().with_writer(writer).log_internal_errors(false);
    let text = fmt::format().with_ansi(look.has_colours());
    match (format, look) {
        (LogFormat::Json, _) => layer
            .fmt_fields(JsonFields::new())
            .event_format(OneLine::new(fmt::format().json(), look, format))
            .boxed(),
        (LogFormat::Text, Look::Timed { .. }) => {
            layer.event_format(OneLine::new(text, look, format)).boxed()
        }
        // The journal has the time and the level already.
        (LogFormat::Text, Look::Prefixed) => layer
            .event_format(OneLine::new(
                text.without_time().with_level(false),
                look,
                format,
            ))
            .boxed(),
    }
}

/// A panic is printed to the standard error as always, at once; it is also an error for the log.
fn tell_of_panics() {
    let printed = panic::take_hook();
    panic::set_hook(Box::new(move |what| {
        printed(what);
        let message = what.payload_as_str().unwrap_or("without a message");
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("without a name");
        let place = what.location().map(ToString::to_string);
        tracing::error!(thread, place, "a thread panicked: {message}");
    }));
}

fn filter(level: LogLevel, audience: Audience) -> EnvFilter {
    let directive = match (audience, level) {
        (Audience::Person, LogLevel::Info) => LogLevel::Warn.as_filter(),
        (Audience::Person | Audience::Log, level) => level.as_filter(),
    };
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directive))
}
