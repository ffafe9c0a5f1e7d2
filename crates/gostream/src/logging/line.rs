//! How an event becomes a line: one of its own, without secrets, with its priority where the journal reads it.
//!
//! Wraps a format of `tracing-subscriber`. What always holds of a line: it ends with the only line break in it, every
//! address in it is masked ([`redact`]), and it is at most [`LINE_LEN_MAX`] bytes long.

use std::fmt;

use gostorm::redact;
use serde_json::json;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, format::Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::config::LogFormat;

/// The longest line, in bytes; what is longer is cut.
pub(super) const LINE_LEN_MAX: usize = 16 * 1024;

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// In a terminal or a file: with time and level.
    Timed {
        /// Written for a terminal.
        colours: bool,
    },
    /// In the journal: with the priority in front that it takes off (sd-daemon(3)).
    Prefixed,
}

impl Look {
    pub(super) const fn has_colours(self) -> bool {
        matches!(self, Self::Timed { colours: true })
    }
}

/// See the module.
pub(super) struct OneLine<F> {
    format: F,
    look: Look,
    kind: LogFormat,
}

impl<F> OneLine<F> {
    pub(super) const fn new(format: F, look: Look, kind: LogFormat) -> Self {
        Self { format, look, kind }
    }
}

impl<S, N, F> FormatEvent<S, N> for OneLine<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        self.format
            .format_event(context, Writer::new(&mut text), event)?;
        if self.look == Look::Prefixed {
            write!(writer, "<{}>", priority(event.metadata().level()))?;
        }
        let line = redact::text(text.trim_end());
        if self.kind == LogFormat::Json && line.len() > LINE_LEN_MAX {
            // Half an object is none.
            let message = format!("a line of {} bytes is left out", line.len());
            let event = event.metadata();
            let (level, target) = (event.level().as_str(), event.target());
            let told = json!({"level": level, "target": target, "fields": {"message": message}});
            return writeln!(writer, "{told}");
        }
        write_line(&mut writer, &line)
    }
}

/// The priority of a level, as syslog numbers them.
const fn priority(level: &Level) -> u8 {
    match *level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

fn write_line(writer: &mut impl fmt::Write, text: &str) -> fmt::Result {
    let shown = &text[..text.floor_char_boundary(LINE_LEN_MAX)];
    // Colours are the only control characters that belong in a line; the format has escaped those of others.
    let breaks = |c: char| matches!(c, '\n' | '\r' | '\0');
    let mut rest = shown;
    while let Some(at) = rest.find(breaks) {
        let (before, after) = rest.split_at(at);
        let mut after = after.chars();
        let broken = after.next().map(char::escape_default);
        writer.write_str(before)?;
        broken
            .into_iter()
            .flatten()
            .try_for_each(|c| writer.write_char(c))?;
        rest = after.as_str();
    }
    writer.write_str(rest)?;
    if shown.len() < text.len() {
        write!(writer, "... ({} bytes)", text.len())?;
    }
    writer.write_char('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        let mut out = String::new();
        assert!(write_line(&mut out, text).is_ok());
        out
    }

    #[test]
    fn whatever_an_event_holds_becomes_one_line() {
        assert_eq!(line("a peer said \"hello\""), "a peer said \"hello\"\n");
        assert_eq!(line("one\r\n<0>two\0"), "one\\r\\n<0>two\\u{0}\n");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let long = line(&"ß".repeat(LINE_LEN_MAX));
        assert!(long.len() < LINE_LEN_MAX + 30);
        assert!(long.ends_with(&format!("ß... ({} bytes)\n", 2 * LINE_LEN_MAX)));
    }

    #[test]
    fn levels_have_the_priorities_of_syslog() {
        let levels = [
            Level::ERROR,
            Level::WARN,
            Level::INFO,
            Level::DEBUG,
            Level::TRACE,
        ];
        assert_eq!(levels.map(|level| priority(&level)), [3, 4, 6, 7, 7]);
    }
}
