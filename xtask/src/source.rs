//! The files that the rules read: every Rust source of the workspace, parsed once.
//!
//! Also knows what is test code: whole files (under `tests/`, or named `tests.rs`, `x_tests.rs`) and items
//! under `#[cfg(test)]`. Rules get `SourceFile`s and never touch the disk, so that their own
//! tests give them small texts.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::finding::Finding;

/// A parsed Rust file.
pub(crate) struct SourceFile {
    /// Relative to the root of the workspace, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) syntax: syn::File,
    /// The whole file is test code.
    pub(crate) is_test: bool,
}

impl SourceFile {
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self, Finding> {
        let syntax = syn::parse_file(text).map_err(|error| {
            let line = error.span().start().line;
            Finding::at(
                "syntax",
                path,
                line,
                "-",
                format!("cannot be parsed: {error}"),
            )
        })?;
        let is_test = path.split('/').any(|part| part == "tests") || path.ends_with("tests.rs");
        Ok(Self {
            path: path.to_owned(),
            text: text.to_owned(),
            syntax,
            is_test,
        })
    }

    /// The directory of the crate that the file belongs to: `crates/gostorm`, `xtask`.
    pub(crate) fn crate_dir(&self) -> &str {
        let parts = if self.path.starts_with("crates/") {
            2
        } else {
            1
        };
        match self.path.match_indices('/').nth(parts - 1) {
            Some((end, _)) => &self.path[..end],
            None => "",
        }
    }
}

/// A text file that is not Rust: a script or a manifest.
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// True for `#[cfg(test)]` and `#[cfg(all(test, ...))]`.
pub(crate) fn is_cfg_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let mut found = false;
        if attribute.path().is_ident("cfg") {
            // Errors are conditions of another shape (`feature = "x"`): not a test.
            let _ = attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("test") {
                    found = true;
                } else if meta.path.is_ident("all") {
                    meta.parse_nested_meta(|inner| {
                        found |= inner.path.is_ident("test");
                        Ok(())
                    })?;
                }
                Ok(())
            });
        }
        found
    })
}

/// True for `#[test]` and `#[tokio::test]`-like attributes.
pub(crate) fn is_test_function(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let last = attribute.path().segments.last();
        last.is_some_and(|segment| segment.ident == "test")
    })
}

/// Every Rust file under `crates/` and `xtask/`, and a finding for each that does not parse.
pub(crate) fn read_workspace(root: &Path) -> Result<(Vec<SourceFile>, Vec<Finding>)> {
    let mut paths = Vec::new();
    for top in ["crates", "xtask", "fuzz"] {
        walk(root, top, &mut |path| {
            if path.ends_with(".rs") {
                paths.push(path.to_owned());
            }
        })?;
    }
    let mut files = Vec::new();
    let mut broken = Vec::new();
    for path in paths {
        let text = read(root, &path)?;
        match SourceFile::parse(&path, &text) {
            Ok(file) => files.push(file),
            Err(finding) => broken.push(finding),
        }
    }
    Ok((files, broken))
}

/// The manifest of every member crate.
pub(crate) fn read_manifests(root: &Path) -> Result<Vec<TextFile>> {
    let mut manifests = Vec::new();
    for top in ["crates", "xtask"] {
        let mut paths = Vec::new();
        walk(root, top, &mut |path| {
            if path.ends_with("/Cargo.toml") {
                paths.push(path.to_owned());
            }
        })?;
        for path in paths {
            let text = read(root, &path)?;
            manifests.push(TextFile { path, text });
        }
    }
    Ok(manifests)
}

/// The scripts at the top, under `scripts/`, `.ci/` and the Python tools.
pub(crate) fn read_scripts(root: &Path) -> Result<Vec<TextFile>> {
    let mut paths: Vec<String> = Vec::new();
    for top in ["run", "test", "bench"] {
        if root.join(top).is_file() {
            paths.push(top.to_owned());
        }
    }
    for top in ["scripts", ".ci", "tests/tools"] {
        walk(root, top, &mut |path| {
            if !path.contains("__pycache__") {
                paths.push(path.to_owned());
            }
        })?;
    }
    let mut files = Vec::new();
    for path in paths {
        let text = read(root, &path)?;
        files.push(TextFile { path, text });
    }
    Ok(files)
}

fn read(root: &Path, path: &str) -> Result<String> {
    fs::read_to_string(root.join(path)).with_context(|| format!("reading {path}"))
}

/// Calls `found` with each file under `dir`, in a fixed order; a missing directory has none.
fn walk(root: &Path, dir: &str, found: &mut dyn FnMut(&str)) -> Result<()> {
    let full = root.join(dir);
    if !full.is_dir() {
        return Ok(());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(&full).with_context(|| format!("reading {dir}"))? {
        let entry = entry.with_context(|| format!("reading {dir}"))?;
        let kind = entry
            .file_type()
            .with_context(|| format!("reading {dir}"))?;
        names.push((entry.file_name().to_string_lossy().into_owned(), kind));
    }
    names.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, kind) in names {
        let path = format!("{dir}/{name}");
        if kind.is_dir() {
            if name != "target" && name != "corpus" {
                walk(root, &path, found)?;
            }
        } else if kind.is_file() {
            found(&path);
        }
    }
    Ok(())
}
