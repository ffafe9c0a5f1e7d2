//! `cargo xtask tidy`: prints every broken rule of style, one a line, and exits with 1 if there is one.
//!
//! The rules themselves are in the library of this crate; `tests/tidy.rs` runs the same as a test.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;

fn main() -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some("tidy") || arguments.next().is_some() {
        writeln!(out, "usage: cargo xtask tidy")?;
        return Ok(ExitCode::from(2));
    }
    let report = xtask::tidy(&xtask::workspace_root())?;
    for finding in &report.findings {
        writeln!(out, "{finding}")?;
    }
    if report.findings.is_empty() {
        writeln!(out, "tidy: {} files in order", report.files)?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "tidy: {} findings", report.findings.len())?;
    Ok(ExitCode::FAILURE)
}
