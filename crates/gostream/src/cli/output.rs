//! The standard output: the only module that writes to it.
//!
//! A reader that went away (`gostream ls | head -1`) ends the output, not the
//! command: it is no failure.

use std::io::{self, Write as _};

use super::failure::Failure;

/// Writes lines.
///
/// # Errors
/// When the output cannot be written, as to a full disk.
pub fn lines<T: std::fmt::Display>(lines: impl IntoIterator<Item = T>) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = lines
        .into_iter()
        .try_for_each(|line| writeln!(out, "{line}"))
        .and_then(|()| out.flush());
    forgive(written)
}

/// Writes one line.
///
/// # Errors
/// As [`lines`].
pub fn line(line: impl std::fmt::Display) -> Result<(), Failure> {
    lines([line])
}

/// Writes bytes as they are.
///
/// # Errors
/// As [`lines`].
pub fn raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    forgive(out.write_all(bytes).and_then(|()| out.flush()))
}

fn forgive(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => {
            written.map_err(|error| Failure::Failed(format!("cannot write to the output: {error}")))
        }
    }
}
