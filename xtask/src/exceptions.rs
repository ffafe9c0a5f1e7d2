//! The list of allowed findings, which may only shrink.
//!
//! A line is `rule path item # reason`. An entry that no finding needs is itself a finding, so
//! the list cannot outlive what it excuses; the reason is required. Adding a line is a decision
//! that a reviewer sees in the diff.

use anyhow::{Result, bail};

use crate::finding::Finding;

/// Takes away the findings that `list` allows and adds one for each entry that allows nothing.
///
/// # Errors
/// A line of another shape, with its number.
pub(crate) fn subtract(findings: Vec<Finding>, list: &str, path: &str) -> Result<Vec<Finding>> {
    let mut entries = parse(list, path)?;
    let mut left = Vec::new();
    for finding in findings {
        let mut allowed = false;
        for entry in &mut entries {
            if entry.allows(&finding) {
                entry.used = true;
                allowed = true;
            }
        }
        if !allowed {
            left.push(finding);
        }
    }
    for entry in entries.iter().filter(|entry| !entry.used) {
        let text = format!(
            "this exception is not needed any more: remove it ({} {} {})",
            entry.rule, entry.path, entry.item
        );
        left.push(Finding::at("exceptions", path, entry.line, "-", text));
    }
    Ok(left)
}

struct Entry<'a> {
    rule: &'a str,
    path: &'a str,
    item: &'a str,
    line: usize,
    used: bool,
}

impl Entry<'_> {
    fn allows(&self, finding: &Finding) -> bool {
        self.rule == finding.rule && self.path == finding.path && self.item == finding.item
    }
}

fn parse<'a>(list: &'a str, path: &str) -> Result<Vec<Entry<'a>>> {
    let mut entries = Vec::new();
    for (index, text) in list.lines().enumerate() {
        let line = index + 1;
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        let Some((words, reason)) = text.split_once('#') else {
            bail!("{path}:{line}: no reason; write: rule path item # reason");
        };
        let words: Vec<&str> = words.split_whitespace().collect();
        let [rule, file, item] = words[..] else {
            bail!("{path}:{line}: expected: rule path item # reason");
        };
        if reason.trim().is_empty() {
            bail!("{path}:{line}: the reason is empty");
        }
        entries.push(Entry {
            rule,
            path: file,
            item,
            line,
            used: false,
        });
    }
    Ok(entries)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn finding() -> Finding {
        Finding::at("function-lines", "a.rs", 7, "long", "too long".to_owned())
    }

    #[test]
    fn an_exception_takes_its_finding_away() {
        let list = "# comment\n\nfunction-lines a.rs long # generated table\n";
        assert_eq!(subtract(vec![finding()], list, "x").unwrap(), []);
    }

    #[test]
    fn an_exception_of_another_item_changes_nothing() {
        let list = "function-lines a.rs other # reason\n";
        let left = subtract(vec![finding()], list, "x").unwrap();
        assert_eq!(left.len(), 2);
        assert_eq!(left[0], finding());
        assert_eq!((left[1].rule, left[1].line), ("exceptions", 1));
    }

    #[test]
    fn an_entry_without_a_reason_is_refused() {
        for list in [
            "file-lines a.rs -",
            "file-lines a.rs - #  ",
            "file-lines # why",
        ] {
            assert!(subtract(Vec::new(), list, "x").is_err(), "{list}");
        }
    }
}
