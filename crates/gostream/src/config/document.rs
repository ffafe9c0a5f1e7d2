//! The text of config.json, walked with the table in hand.
//!
//! Called by `load`. JSON with `//` and `/* */` comments and trailing commas;
//! nothing else is lenient, and a name that is given twice is refused, also
//! among keys that we do not know. What writes the file is `edit`.

use std::collections::HashMap;

use jsonc_parser::{
    CollectOptions, ParseOptions,
    ast::{Object, Value},
    common::Ranged,
    errors::ParseErrorKind,
    parse_to_ast,
};

use super::{check, error::Position, key::Key, keys, values::Values};

/// Some editors begin a file with it.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// A mistake, before the name of the file is known.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) at: Position,
    pub(super) key: Option<String>,
    pub(super) what: String,
}

/// A key that changed nothing.
#[derive(Debug)]
pub(super) struct Unused {
    pub(super) at: Position,
    pub(super) key: String,
    /// Whether the table has it.
    pub(super) known: bool,
}

/// Checks the whole text, applies it to `values` and returns what changed
/// nothing.
///
/// # Errors
/// All mistakes, in the order of the text; then `values` is worthless.
pub(super) fn read(text: &str, values: &mut Values) -> Result<Vec<Unused>, Vec<Mistake>> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let parsed = parse_to_ast(text, &CollectOptions::default(), &strict()).map_err(|error| {
        vec![Mistake {
            at: Position::of(text, error.range().start),
            key: None,
            what: syntax_message(error.kind()),
        }]
    })?;
    let Some(Value::Object(root)) = &parsed.value else {
        let start = parsed.value.as_ref().map_or(0, Ranged::start);
        return Err(vec![Mistake {
            at: Position::of(text, start),
            key: None,
            what: "expected an object: { \"key\": value, … }".to_owned(),
        }]);
    };
    let mut walk = Walk {
        text,
        found: Vec::new(),
        unused: Vec::new(),
        mistakes: Vec::new(),
    };
    walk.object("", root);
    walk.apply(values)
}

/// The keys that a text sets, each with its place; none of a text that [`read`] refuses.
pub(super) fn set_keys(text: &str) -> Vec<(&'static Key, Position)> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let parsed = parse_to_ast(text, &CollectOptions::default(), &strict());
    let Ok(Some(Value::Object(root))) = parsed.map(|parsed| parsed.value) else {
        return Vec::new();
    };
    let mut walk = Walk {
        text,
        found: Vec::new(),
        unused: Vec::new(),
        mistakes: Vec::new(),
    };
    walk.object("", &root);
    let found = walk.found.iter();
    // As if it were not there.
    let found = found.filter(|found| !matches!(found.value, Value::NullKeyword(_)));
    found
        .map(|found| (found.key, walk.at(found.value)))
        .collect()
}

/// What the text may be: JSON with comments and trailing commas, and nothing else.
pub(crate) fn strict() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// The parser's message, begun in lower case as ours are.
fn syntax_message(kind: &ParseErrorKind) -> String {
    let message = kind.to_string();
    let mut rest = message.chars();
    rest.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(rest).collect()
    })
}

struct Found<'a> {
    key: &'static Key,
    name: String,
    value: &'a Value<'a>,
}

struct Walk<'a> {
    text: &'a str,
    found: Vec<Found<'a>>,
    unused: Vec<Unused>,
    mistakes: Vec<Mistake>,
}

impl<'a> Walk<'a> {
    /// Sorts the members of an object into known and unknown ones. `prefix` is
    /// empty or ends with a dot.
    fn object(&mut self, prefix: &str, object: &'a Object<'a>) {
        self.refuse_doubles(prefix, object);
        for member in &object.properties {
            let own = member.name.as_str();
            let name = format!("{prefix}{own}");
            // The dot of a dotted name stands between objects, never in a name.
            let row = (!own.contains('.')).then(|| keys::find(&name)).flatten();
            let alias = keys::find_alias(&name);
            match (row.or(alias), &member.value) {
                (Some(key), value) => {
                    if let Value::Object(inner) = value {
                        self.doubles_below(&name, inner);
                    }
                    self.found.push(Found { key, name, value });
                }
                (None, Value::Object(inner)) if keys::is_section(&name) => {
                    self.object(&format!("{name}."), inner);
                }
                (None, Value::NullKeyword(_)) if keys::is_section(&name) => {}
                (None, value) if keys::is_section(&name) => self.mistakes.push(Mistake {
                    at: self.at(value),
                    what: "expected an object".to_owned(),
                    key: Some(name),
                }),
                (None, value) => {
                    if let Value::Object(inner) = value {
                        self.doubles_below(&name, inner);
                    }
                    self.unused.push(Unused {
                        at: self.at(&member.name),
                        key: name,
                        known: false,
                    });
                }
            }
        }
    }

    /// Finds names given twice in objects that nothing else looks into.
    fn doubles_below(&mut self, name: &str, object: &Object<'_>) {
        let prefix = format!("{name}.");
        self.refuse_doubles(&prefix, object);
        for member in &object.properties {
            if let Value::Object(inner) = &member.value {
                self.doubles_below(&format!("{prefix}{}", member.name.as_str()), inner);
            }
        }
    }

    fn refuse_doubles(&mut self, prefix: &str, object: &Object<'_>) {
        let mut first = HashMap::new();
        for member in &object.properties {
            let at = self.at(&member.name);
            if let Some(before) = first.insert(member.name.as_str(), at) {
                self.mistakes.push(Mistake {
                    at,
                    key: Some(format!("{prefix}{}", member.name.as_str())),
                    what: format!("is given twice, first at {before}"),
                });
            }
        }
    }

    /// Applies what was found: older names first, so that the newer ones win.
    fn apply(mut self, values: &mut Values) -> Result<Vec<Unused>, Vec<Mistake>> {
        self.found.sort_by_key(|found| found.name == found.key.name);
        for found in std::mem::take(&mut self.found) {
            let at = self.at(found.value);
            match check::ast(found.key, found.value, self.text) {
                Ok(Some(value)) => values.set(found.key, value),
                Ok(None) => {}
                Err(what) => {
                    let key = Some(found.name);
                    self.mistakes.push(Mistake { at, key, what });
                    continue;
                }
            }
            if !found.key.kind.has_effect() {
                self.unused.push(Unused {
                    at,
                    key: found.name,
                    known: true,
                });
            }
        }
        if self.mistakes.is_empty() {
            self.unused.sort_by_key(|unused| unused.at);
            Ok(self.unused)
        } else {
            self.mistakes.sort_by_key(|mistake| mistake.at);
            Err(self.mistakes)
        }
    }

    fn at(&self, node: &impl Ranged) -> Position {
        Position::of(self.text, node.start())
    }
}
