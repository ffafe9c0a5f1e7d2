//! The lines of an smb.conf, as Samba reads them.
//!
//! Called by `document`. Follows smb.conf(5) and what Samba's `testparm` was
//! seen to do: comments stand on lines of their own, a backslash before the
//! end of a line joins the next one, blanks in a row count as one, and a line
//! without `=` is passed over in silence. Any text is taken; what Samba
//! refuses to load is an entry of its own.

/// What one line says, and which line it is, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) line: usize,
    pub(super) says: Says,
}

/// What a line can say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Says {
    /// `[name]`
    Section(String),
    /// `name = value`
    Parameter { name: String, value: String },
    /// Neither: Samba passes over it.
    Nothing,
    /// Samba stops here and loads nothing.
    Broken(&'static str),
}

/// All lines but the empty ones and the comments.
pub(super) fn parse(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, first)) = lines.next() {
        let first = first.trim();
        if first.is_empty() || first.starts_with([';', '#']) {
            continue;
        }
        let says = if let Some(rest) = first.strip_prefix('[') {
            section(rest)
        } else {
            let mut whole = first.to_owned();
            while let Some(before) = whole.strip_suffix('\\') {
                let Some((_, next)) = lines.next() else { break };
                whole = format!("{before}{}", next.trim_end());
            }
            parameter(&whole)
        };
        let line = number + 1;
        entries.push(Entry { line, says });
    }
    entries
}

/// What follows the bracket is ignored.
fn section(rest: &str) -> Says {
    let Some((name, _)) = rest.split_once(']') else {
        return Says::Broken("a section whose ] is missing");
    };
    let name = single_blanks(name);
    if name.is_empty() {
        return Says::Broken("a section without a name");
    }
    Says::Section(name)
}

fn parameter(line: &str) -> Says {
    let Some((name, value)) = line.split_once('=') else {
        return Says::Nothing;
    };
    let name = single_blanks(name);
    if name.is_empty() {
        return Says::Broken("a value without a name");
    }
    Says::Parameter {
        name,
        value: single_blanks(value),
    }
}

fn single_blanks(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

/// How a parameter is looked up: without blanks, in small letters, under the
/// first of its names. The second part says that the value has to be turned
/// round.
pub(super) fn canonical(name: &str) -> (String, bool) {
    let plain: String = name
        .chars()
        .filter(|character| !character.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect();
    let first = match &*plain {
        "writeable" | "writable" | "writeok" => return ("readonly".to_owned(), true),
        "directory" => "path",
        "public" => "guestok",
        "browsable" => "browseable",
        "vfsobject" => "vfsobjects",
        _ => return (plain, false),
    };
    (first.to_owned(), false)
}

/// What Samba takes for yes and no; nothing for any other text.
pub(super) fn boolean(value: &str) -> Option<bool> {
    match &*value.to_ascii_lowercase() {
        "yes" | "true" | "on" | "1" => Some(true),
        "no" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// The part of a value before what looks like a comment. Samba knows no
/// comments behind a value: all of it is the value.
pub(super) fn before_comment(value: &str) -> Option<&str> {
    let mut starts = value.match_indices([';', '#']);
    let (at, _) = starts.find(|(at, _)| *at == 0 || value[..*at].ends_with(' '))?;
    Some(value[..at].trim_end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(text: &str) -> Vec<Says> {
        parse(text).into_iter().map(|entry| entry.says).collect()
    }

    fn parameter(name: &str, value: &str) -> Says {
        Says::Parameter {
            name: name.to_owned(),
            value: value.to_owned(),
        }
    }

    #[test]
    fn a_backslash_joins_the_next_line_and_blanks_in_a_row_are_one() {
        assert_eq!(
            said("comment = a \\  \n   b = c\n path=/tm\\\np\n"),
            [parameter("comment", "a b = c"), parameter("path", "/tmp")]
        );
        assert_eq!(said("read\\\n  only = no"), [parameter("read only", "no")]);
    }

    #[test]
    fn a_comment_goes_on_to_the_end_of_its_line_only() {
        let entries = parse("# one \\\n; two\n\n path = /x\r\n");
        assert_eq!(
            entries,
            [Entry {
                line: 4,
                says: parameter("path", "/x")
            }]
        );
    }

    #[test]
    fn what_looks_like_a_comment_behind_a_value_is_value() {
        assert_eq!(said("oplocks = no # x"), [parameter("oplocks", "no # x")]);
        assert_eq!(before_comment("no # x"), Some("no"));
        assert_eq!(before_comment("no ;x # y"), Some("no"));
        assert_eq!(before_comment("; x"), Some(""));
        assert_eq!(before_comment("/srv/a#b;c"), None);
    }

    #[test]
    fn sections_end_at_their_bracket_and_must_have_a_name() {
        assert_eq!(
            said("[ My  Films ] path=/x"),
            [Says::Section("My Films".into())]
        );
        for broken in ["[gs", "[]", "[ ]", "= no"] {
            assert!(matches!(said(broken)[..], [Says::Broken(_)]), "{broken}");
        }
        assert_eq!(said("no equals sign"), [Says::Nothing]);
    }

    #[test]
    fn names_are_found_under_all_their_spellings() {
        let canonical = |name| canonical(name).0;
        assert_eq!(canonical("R e a d\tOnly"), "readonly");
        assert_eq!(canonical("FileID : Algorithm"), "fileid:algorithm");
        assert_eq!(super::canonical("write ok"), ("readonly".to_owned(), true));
        assert_eq!(canonical("directory"), "path");
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "[\\[\\]=;#\\\\ \\t\\r\\na-c\u{e4}\u{0}]{0,80}") {
            let lines = text.lines().count();
            for entry in parse(&text) {
                prop_assert!((1..=lines).contains(&entry.line));
                if let Says::Parameter { value, .. } = entry.says {
                    let before = before_comment(&value);
                    prop_assert!(before.is_none_or(|part| value.starts_with(part)));
                }
            }
        }
    }
}
