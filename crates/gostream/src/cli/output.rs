//! The standard output: the only module that writes to it.
//!
//! A reader that went away (`gostream ls | head -1`) ends the output, not the
//! command: it is no failure.

use std::io::{self, Write as _};

use gostream_http::ControlError;

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

/// Writes a line for each that was done; fails with the last that was not, when the others are reported.
///
/// # Errors
/// As [`lines`], and what could not be done.
pub fn each<T>(
    results: Vec<Result<T, ControlError>>,
    line: impl Fn(T) -> String,
) -> Result<(), Failure> {
    let mut done = Vec::new();
    let mut failures: Vec<Failure> = Vec::new();
    for result in results {
        match result {
            Ok(one) => done.push(line(one)),
            Err(error) => failures.push(error.into()),
        }
    }
    lines(done)?;
    let Some(last) = failures.pop() else {
        return Ok(());
    };
    failures.iter().for_each(Failure::report);
    Err(last)
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
