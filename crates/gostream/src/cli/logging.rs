//! Switches on the log: to the standard error, at the level of the settings.
//!
//! `RUST_LOG`, if set, wins over the level. Commands that answer a person log
//! warnings only, unless the settings ask for DEBUG.

use std::io::IsTerminal as _;

use tracing_subscriber::{
    EnvFilter, Registry, layer::SubscriberExt as _, reload, util::SubscriberInitExt as _,
};

use crate::config::LogLevel;

/// Who reads the standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// A person who gave a command and waits.
    Person,
    /// The log of a server.
    Log,
}

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

/// Starts logging. The first call counts; a second one changes nothing.
pub(super) fn start(level: LogLevel, audience: Audience) -> LogSwitch {
    let (filter, switch) = reload::Layer::new(filter(level, audience));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // Fails only when a subscriber is there already, as in tests.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init();
    LogSwitch {
        filter: switch,
        audience,
    }
}

fn filter(level: LogLevel, audience: Audience) -> EnvFilter {
    let directive = match (audience, level) {
        (Audience::Person, LogLevel::Info) => LogLevel::Warn.as_filter(),
        (Audience::Person | Audience::Log, level) => level.as_filter(),
    };
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directive))
}
