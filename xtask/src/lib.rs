//! The countable rules of style, checked by reading the sources.
//!
//! `tidy` parses every Rust file of the workspace once (`source`), gives the files to the rules
//! (`rules/`, one file a rule family) and takes away what `tidy-exceptions.txt` allows
//! (`exceptions`). The binary prints the rest and `tests/tidy.rs` asserts that nothing is left.
//! Rules read text and syntax only: no rule needs the code to compile.

mod exceptions;
mod finding;
mod modules;
mod rules;
mod source;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use finding::Finding;

/// Where the allowed findings stand, relative to the root of the workspace.
const EXCEPTIONS: &str = "xtask/tidy-exceptions.txt";

/// What one run found.
#[derive(Debug)]
pub struct Report {
    /// Broken rules, by file and line; exceptions are already taken away.
    pub findings: Vec<Finding>,
    /// How many Rust files were read.
    pub files: usize,
}

/// The root of this workspace, known from where this crate was built.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// Runs every rule over the workspace at `root`.
///
/// # Errors
/// A file that cannot be read, or a list of exceptions that cannot be parsed. A Rust file with a
/// syntax error is a finding, not an error.
pub fn tidy(root: &Path) -> Result<Report> {
    let (files, mut findings) = source::read_workspace(root)?;
    let manifests = source::read_manifests(root)?;
    let scripts = source::read_scripts(root)?;
    findings.extend(rules::size::check(&files));
    findings.extend(rules::naming::check(&files));
    findings.extend(rules::places::check(&files));
    findings.extend(rules::sockets::check(&files));
    findings.extend(rules::unfinished::check(&files, &scripts));
    findings.extend(rules::cycles::check(&files));
    findings.extend(rules::layers::check(&manifests, &files));

    let list = root.join(EXCEPTIONS);
    let text =
        std::fs::read_to_string(&list).with_context(|| format!("reading {}", list.display()))?;
    let mut findings = exceptions::subtract(findings, &text, EXCEPTIONS)?;
    findings.sort_by(|a, b| (&a.path, a.line, a.rule).cmp(&(&b.path, b.line, b.rule)));
    Ok(Report {
        findings,
        files: files.len(),
    })
}
