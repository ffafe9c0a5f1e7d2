//! What may stand in one place only: the error numbers and the HTTP statuses that we answer.
//!
//! Errno constants are written in `gostream-fs/src/errno.rs` and HTTP status constants in
//! `gostream-http/src/error.rs` and below, so that both tables can be read in full. A constant is recognised
//! by its path: `Errno::EIO`, `libc::EIO`, `StatusCode::OK`. What others answer us is compared
//! where it arrives: tests, files that make system calls by rustix, and HTTP clients by reqwest.

use syn::visit::{self, Visit};

use crate::finding::Finding;
use crate::source::{SourceFile, is_cfg_test};

const ERRNO_PLACE: &str = "crates/gostream-fs/src/errno.rs";
const STATUS_PLACE: &str = "crates/gostream-http/src/error.rs";

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !file.is_test) {
        let mut constants = Constants {
            path: &file.path,
            makes_system_calls: file.text.contains("rustix::"),
            is_http_client: file.text.contains("reqwest::"),
            findings: &mut findings,
        };
        constants.visit_file(&file.syntax);
    }
    findings
}

/// Whether a file is the place, or a module of it.
fn is_place(path: &str, place: &str) -> bool {
    let module = place
        .strip_suffix(".rs")
        .and_then(|stem| path.strip_prefix(stem));
    path == place || module.is_some_and(|rest| rest.starts_with('/'))
}

struct Constants<'a> {
    path: &'a str,
    makes_system_calls: bool,
    is_http_client: bool,
    findings: &'a mut Vec<Finding>,
}

fn is_constant(name: &str) -> bool {
    let mut letters = name.chars();
    name.len() > 1
        && letters
            .next()
            .is_some_and(|first| first.is_ascii_uppercase())
        && letters.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

impl<'ast> Visit<'ast> for Constants<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_cfg_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if let [.., from, name] = &words[..]
            && is_constant(name)
        {
            let (rule, place) = match from.as_str() {
                "Errno" if !self.makes_system_calls => ("errno-place", ERRNO_PLACE),
                "libc" if name.starts_with('E') => ("errno-place", ERRNO_PLACE),
                "StatusCode" if !self.is_http_client => ("status-place", STATUS_PLACE),
                _ => ("", self.path),
            };
            if !is_place(self.path, place) {
                let line = path.segments[0].ident.span().start().line;
                let text = format!("{from}::{name} belongs into {place}");
                self.findings
                    .push(Finding::at(rule, self.path, line, name, text));
            }
        }
        visit::visit_path(self, path);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn rules_of(path: &str, text: &str) -> Vec<&'static str> {
        let file = SourceFile::parse(path, text).unwrap();
        check(&[file]).into_iter().map(|f| f.rule).collect()
    }

    #[test]
    fn an_errno_belongs_into_its_table() {
        let text = "fn f() -> i32 { libc::EIO + fuser::Errno::ENOENT }";
        let found = rules_of("crates/gostream-fs/src/read.rs", text);
        assert_eq!(found, ["errno-place", "errno-place"]);
        assert_eq!(rules_of(ERRNO_PLACE, text), [""; 0]);
    }

    #[test]
    fn a_status_belongs_into_its_table() {
        let text = "fn f() { g(StatusCode::NOT_FOUND) }";
        let found = rules_of("crates/gostream-http/src/router.rs", text);
        assert_eq!(found, ["status-place"]);
        assert_eq!(rules_of(STATUS_PLACE, text), [""; 0]);
    }

    #[test]
    fn what_others_answered_is_compared_anywhere() {
        let text = "use rustix::io::Errno; fn f(e: Errno) -> bool { e == Errno::PERM }";
        assert_eq!(rules_of("crates/gostream-fs/src/mount.rs", text), [""; 0]);
        let text = "fn f(s: reqwest::StatusCode) -> bool { s == reqwest::StatusCode::OK }";
        assert_eq!(rules_of("crates/gostorm/src/tracker.rs", text), [""; 0]);
    }

    #[test]
    fn tests_and_conversions_pass() {
        let text = "#[cfg(test)]\nmod t { fn f() { libc::EIO; } }\nfn g() { Errno::from_i32(3); }";
        assert_eq!(rules_of("crates/a/src/a.rs", text), [""; 0]);
    }
}
