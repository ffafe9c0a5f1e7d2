//! Why the settings cannot be used. All are the user's to mend: exit code 2.
//!
//! A message names the place first, as compilers do:
//! `config.json:12:18: read_ahead_budget_mb: expected 10..=65536 (MiB), got "many"`.

use std::{fmt, io, path::PathBuf};

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that was named does not exist.
    #[error("{}: no such file (named by {named_by})", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The option or variable that named it.
        named_by: &'static str,
    },
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is longer than a configuration can be.
    #[error("{}: is longer than {max} bytes, this is no configuration", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Bytes that are read at most.
        max: u64,
    },
    /// Values that do not fit, or text that is not JSON; at least one.
    #[error("{}", lines(problems))]
    Invalid {
        /// All that were found, in the order of the file.
        problems: Vec<Problem>,
    },
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// The dotted name of the key, if it is about one.
    pub key: Option<String>,
    /// What.
    pub what: String,
}

/// Where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File(PathBuf, Position),
    /// In a variable of the environment.
    Variable(&'static str),
    /// In no one place: values that do not go together.
    Together,
}

/// A place in a text. Both count from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Position {
    /// Of a byte offset. One beyond the text, or inside a character, counts as
    /// the nearest before it.
    pub fn of(text: &str, offset: usize) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(path, position) => write!(f, "{}:{position}: ", path.display())?,
            Place::Variable(name) => write!(f, "{name}: ")?,
            Place::Together => {}
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.what)
    }
}
