//! Nothing is left for later, switched off, or timed by sleeping.
//!
//! Looks for marks of unfinished work in every text, for the macros that stand for missing code,
//! for tests that are ignored, and for sleeping in test code (tests wait for a condition or jump
//! a virtual clock). The marks are put together here so that this file does not find itself.

use syn::visit::{self, Visit};

use crate::finding::Finding;
use crate::source::{SourceFile, TextFile, is_cfg_test, is_test_function};

const MARKS: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

pub(crate) fn check(files: &[SourceFile], scripts: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        marks(&file.path, &file.text, &mut findings);
        let mut code = Code {
            path: &file.path,
            in_test: file.is_test,
            findings: &mut findings,
        };
        code.visit_file(&file.syntax);
    }
    for script in scripts {
        marks(&script.path, &script.text, &mut findings);
    }
    findings
}

fn marks(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(mark) = words.find(|word| MARKS.contains(word)) {
            let text = format!("{mark}: finish it, or open an issue");
            findings.push(Finding::at("unfinished", path, index + 1, mark, text));
        }
    }
}

struct Code<'a> {
    path: &'a str,
    in_test: bool,
    findings: &'a mut Vec<Finding>,
}

impl Code<'_> {
    fn add(&mut self, rule: &'static str, line: usize, item: &str, text: &str) {
        let finding = Finding::at(rule, self.path, line, item, text.to_owned());
        self.findings.push(finding);
    }

    fn sleeping(&mut self, words: &[String], line: usize) {
        let sleeps = match words {
            [.., from, last] => last == "sleep" && (from == "thread" || from == "time"),
            _ => false,
        };
        if self.in_test && sleeps {
            let text = "a test waits for a condition or drives a clock; it does not sleep";
            self.add("test-sleep", line, "sleep", text);
        }
    }

    fn use_tree(&mut self, before: &mut Vec<String>, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.use_tree(before, &path.tree);
                before.pop();
            }
            syn::UseTree::Name(name) => self.use_leaf(before, &name.ident),
            syn::UseTree::Rename(name) => self.use_leaf(before, &name.ident),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(before, tree);
                }
            }
            syn::UseTree::Glob(_) => {}
        }
    }

    fn use_leaf(&mut self, before: &[String], ident: &syn::Ident) {
        let mut words = before.to_vec();
        words.push(ident.to_string());
        self.sleeping(&words, ident.span().start().line);
    }
}

impl<'ast> Visit<'ast> for Code<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let outside = self.in_test;
        self.in_test |= is_cfg_test(&item.attrs);
        visit::visit_item_mod(self, item);
        self.in_test = outside;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let outside = self.in_test;
        self.in_test |= is_test_function(&item.attrs) || is_cfg_test(&item.attrs);
        visit::visit_item_fn(self, item);
        self.in_test = outside;
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let Some(ident) = attribute.path().get_ident()
            && ident == "ignore"
        {
            let line = ident.span().start().line;
            self.add(
                "ignored-test",
                line,
                "ignore",
                "a test is mended or removed, not ignored",
            );
        }
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        if let Some(last) = item.path.segments.last() {
            let name = last.ident.to_string();
            if name == concat!("to", "do") || name == concat!("unimple", "mented") {
                let line = last.ident.span().start().line;
                self.add("unfinished", line, &name, "this code is missing");
            }
        }
        visit::visit_macro(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&mut Vec::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if let Some(last) = path.segments.last() {
            self.sleeping(&words, last.ident.span().start().line);
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
        check(&[file], &[]).into_iter().map(|f| f.rule).collect()
    }

    #[test]
    fn marks_are_found_as_whole_words() {
        let mark = MARKS[0];
        let text = format!("// {mark}: later\nfn f() {{}}\n// {mark}S and METHODS\n");
        assert_eq!(rules_of("crates/a/src/a.rs", &text), ["unfinished"]);
    }

    #[test]
    fn marks_are_found_in_scripts() {
        let script = TextFile {
            path: "run".to_owned(),
            text: format!("echo\n# {}\n", MARKS[1]),
        };
        let found = check(&[], &[script]);
        assert_eq!((found[0].rule, found[0].line), ("unfinished", 2));
    }

    #[test]
    fn missing_code_is_found() {
        let text = format!("fn f() {{ {}!() }}", concat!("unimple", "mented"));
        assert_eq!(rules_of("crates/a/src/a.rs", &text), ["unfinished"]);
    }

    #[test]
    fn ignored_tests_are_found() {
        let text = "#[test]\n#[ignore = \"slow\"]\nfn f() {}";
        assert_eq!(rules_of("crates/a/src/a.rs", text), ["ignored-test"]);
    }

    #[test]
    fn sleeping_is_found_in_test_code_only() {
        let call = "fn f() { std::thread::sleep(x); }";
        assert_eq!(rules_of("crates/a/src/a.rs", call), [""; 0]);
        assert_eq!(rules_of("crates/a/tests/a.rs", call), ["test-sleep"]);
        let inner = "#[cfg(test)]\nmod t { use tokio::time::{Duration, sleep}; }";
        assert_eq!(rules_of("crates/a/src/a.rs", inner), ["test-sleep"]);
        let marked = "#[tokio::test]\nasync fn f() { tokio::time::sleep(x).await; }";
        assert_eq!(rules_of("crates/a/src/a.rs", marked), ["test-sleep"]);
    }
}
