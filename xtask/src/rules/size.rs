//! How long files and functions may be, and that every module says what it is.
//!
//! Limits are those of the style guide: no file over 500 lines, nine in ten non-test files at
//! most 400, no function over 70 (its signature and braces included), `//!` on top.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::finding::Finding;
use crate::source::SourceFile;

const FILE_LINES_MAX: usize = 500;
const FILE_LINES_P90_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut lengths = Vec::new();
    for file in files {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            let text = format!("{lines} lines; a file has at most {FILE_LINES_MAX}");
            findings.push(Finding::of_file("file-lines", &file.path, text));
        }
        if !file.is_test {
            lengths.push(lines);
        }
        let inner = file.syntax.attrs.iter();
        if !inner
            .into_iter()
            .any(|attribute| attribute.path().is_ident("doc"))
        {
            let text = "the module does not open with `//!` lines that say what it is".to_owned();
            findings.push(Finding::of_file("module-docs", &file.path, text));
        }
        let mut functions = Functions {
            path: &file.path,
            findings: &mut findings,
        };
        functions.visit_file(&file.syntax);
    }
    lengths.sort_unstable();
    if let Some(&p90) = lengths.get(lengths.len().saturating_sub(1) * 9 / 10)
        && p90 > FILE_LINES_P90_MAX
    {
        let text = format!("p90 of file lengths is {p90}; at most {FILE_LINES_P90_MAX} is wanted");
        findings.push(Finding::of_file("file-lines-p90", "crates", text));
    }
    findings
}

struct Functions<'a> {
    path: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let first = signature.span().start().line;
        let last = block.brace_token.span.close().end().line;
        let lines = last + 1 - first;
        if lines > FUNCTION_LINES_MAX {
            let name = signature.ident.to_string();
            let text =
                format!("fn {name} has {lines} lines; a function has at most {FUNCTION_LINES_MAX}");
            let finding = Finding::at("function-lines", self.path, first, &name, text);
            self.findings.push(finding);
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn rules_of(path: &str, text: &str) -> Vec<(&'static str, String)> {
        let file = SourceFile::parse(path, text).unwrap();
        let found = check(&[file]);
        found.into_iter().map(|f| (f.rule, f.item)).collect()
    }

    fn lines(count: usize) -> String {
        "    x();\n".repeat(count)
    }

    #[test]
    fn a_function_of_seventy_lines_passes_and_of_seventy_one_does_not() {
        let fits = format!("//! Doc.\nfn f() {{\n{}}}\n", lines(68));
        assert_eq!(rules_of("crates/a/src/a.rs", &fits), []);
        let long = format!("//! Doc.\nimpl A {{ fn g() {{\n{}}} }}\n", lines(69));
        let expected = [("function-lines", "g".to_owned())];
        assert_eq!(rules_of("crates/a/src/a.rs", &long), expected);
    }

    #[test]
    fn a_file_of_more_than_five_hundred_lines_is_found() {
        let fits = format!("//! Doc.\n{}", "// x\n".repeat(499));
        assert_eq!(rules_of("crates/a/tests/a.rs", &fits), []);
        let long = format!("{fits}// x\n");
        let expected = [("file-lines", "-".to_owned())];
        assert_eq!(rules_of("crates/a/tests/a.rs", &long), expected);
    }

    #[test]
    fn many_files_near_the_limit_break_the_percentile() {
        let near = format!("//! Doc.\n{}", "// x\n".repeat(449));
        let expected = [("file-lines-p90", "-".to_owned())];
        assert_eq!(rules_of("crates/a/src/a.rs", &near), expected);
    }

    #[test]
    fn a_module_without_a_header_is_found() {
        let expected = [("module-docs", "-".to_owned())];
        assert_eq!(
            rules_of("crates/a/src/a.rs", "/// Doc.\nfn f() {}\n"),
            expected
        );
    }
}
