//! Names that say nothing are not used: no `common`, `util`, `helper` or `manager`.
//!
//! Also that a test is named after the behaviour it shows, without a `test_` in front.

use syn::visit::{self, Visit};

use crate::finding::Finding;
use crate::source::{SourceFile, is_test_function};

const EMPTY_NAMES: [&str; 7] = [
    "common", "util", "utils", "helper", "helpers", "manager", "managers",
];

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        for part in file.path.trim_end_matches(".rs").split('/') {
            if let Some(word) = empty_word(part) {
                let text = format!("a crate or module named {word} says nothing about it");
                findings.push(Finding::of_file("empty-name", &file.path, text));
            }
        }
        let mut names = Names {
            path: &file.path,
            findings: &mut findings,
        };
        names.visit_file(&file.syntax);
    }
    findings
}

fn empty_word(name: &str) -> Option<&'static str> {
    let mut words = name.split(['_', '-']);
    words.find_map(|word| EMPTY_NAMES.into_iter().find(|empty| *empty == word))
}

struct Names<'a> {
    path: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        if item.content.is_some()
            && let Some(word) = empty_word(&name)
        {
            let line = item.ident.span().start().line;
            let text = format!("a module named {word} says nothing about it");
            let finding = Finding::at("empty-name", self.path, line, &name, text);
            self.findings.push(finding);
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let name = item.sig.ident.to_string();
        if is_test_function(&item.attrs) && name.starts_with("test_") {
            let line = item.sig.ident.span().start().line;
            let text = "name a test after the behaviour it shows, without test_".to_owned();
            let finding = Finding::at("test-name", self.path, line, &name, text);
            self.findings.push(finding);
        }
        visit::visit_item_fn(self, item);
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
    fn empty_names_are_found_in_paths_and_modules() {
        assert_eq!(rules_of("crates/a/src/utils.rs", ""), ["empty-name"]);
        assert_eq!(
            rules_of("crates/a/src/peer_manager/x.rs", ""),
            ["empty-name"]
        );
        assert_eq!(
            rules_of("crates/a/src/a.rs", "mod helpers {}"),
            ["empty-name"]
        );
    }

    #[test]
    fn a_word_that_only_contains_one_passes() {
        assert_eq!(
            rules_of("crates/a/src/utility_poles.rs", "mod commonly {}"),
            [""; 0]
        );
    }

    #[test]
    fn the_prefix_is_found_on_tests_only() {
        let test = "#[tokio::test]\nasync fn test_x() {}";
        assert_eq!(rules_of("crates/a/src/a.rs", test), ["test-name"]);
        assert_eq!(rules_of("crates/a/src/a.rs", "fn test_card() {}"), [""; 0]);
    }
}
