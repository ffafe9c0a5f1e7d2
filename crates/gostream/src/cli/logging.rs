//! Switches on the log: to the standard error, at the level of the settings.
//!
//! `RUST_LOG`, if set, wins over the level. Commands that answer a person log
//! warnings only, unless the settings ask for DEBUG.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::LogLevel;

/// Who reads the standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// A person who gave a command and waits.
    Person,
    /// The log of a server.
    Log,
}

/// Starts logging. The first call counts; a second one changes nothing.
pub(super) fn start(level: LogLevel, audience: Audience) {
    let directive = match (audience, level) {
        (Audience::Person, LogLevel::Info) => LogLevel::Warn.as_filter(),
        (Audience::Person | Audience::Log, level) => level.as_filter(),
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directive));
    // Fails only when a subscriber is there already, as in tests.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}
