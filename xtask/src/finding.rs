//! One broken rule: which, where, and in words.
//!
//! `item` names the function, module or crate at fault, so that an exception (which must survive
//! edits above it) can name it without a line number.

use std::fmt;

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Name of the rule, as the list of exceptions writes it.
    pub rule: &'static str,
    /// File, relative to the root of the workspace, with `/`.
    pub path: String,
    /// Line, from 1; 1 where the whole file is at fault.
    pub line: usize,
    /// What is at fault, in one word; `-` where it is the file itself.
    pub item: String,
    /// What is wrong, for a person.
    pub text: String,
}

impl Finding {
    /// A finding about a whole file.
    pub(crate) fn of_file(rule: &'static str, path: &str, text: String) -> Self {
        Self::at(rule, path, 1, "-", text)
    }

    /// A finding about a line of a file.
    pub(crate) fn at(
        rule: &'static str,
        path: &str,
        line: usize,
        item: &str,
        text: String,
    ) -> Self {
        Self {
            rule,
            path: path.to_owned(),
            line,
            item: item.to_owned(),
            text,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {} [{} {}]",
            self.path, self.line, self.text, self.rule, self.item
        )
    }
}
