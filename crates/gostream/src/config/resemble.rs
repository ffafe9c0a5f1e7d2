//! Which known key an unknown one was perhaps meant to be.
//!
//! A key that nobody reads is ignored by design; a mistyped one is a setting
//! that silently does nothing, so it deserves a hint.

use super::keys;

/// Edits (letters added, left out or changed) that still count as a slip.
const SLIPS_MAX: usize = 2;

/// Shorter names resemble too much.
const LEN_MIN: usize = 5;

/// The nearest key, if it is near.
pub(super) fn known_key(name: &str) -> Option<&'static str> {
    if name.len() < LEN_MIN {
        return None;
    }
    let name = name.to_lowercase();
    keys::all()
        .map(|key| (distance(&name, &key.name.to_lowercase()), key.name))
        .filter(|(slips, _)| *slips <= SLIPS_MAX)
        .min()
        .map(|(_, known)| known)
}

/// Levenshtein's distance, in bytes.
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > SLIPS_MAX {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.bytes().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_seen_and_another_word_is_not() {
        assert_eq!(
            known_key("read_ahead_buget_mb"),
            Some("read_ahead_budget_mb")
        );
        assert_eq!(known_key("NatPMP.enabled"), Some("natpmp.enabled"));
        assert_eq!(known_key("Log_Level"), Some("log_level"));
        assert_eq!(known_key("telemetry_url"), None);
        assert_eq!(known_key("uidd"), None);
    }

    #[test]
    fn distances_are_those_of_the_textbook() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ab"), 2);
        assert_eq!(distance("same", "same"), 0);
    }
}
