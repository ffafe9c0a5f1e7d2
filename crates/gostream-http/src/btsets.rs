//! TorrServer's settings object (BTSets), name by name, and what each means in keys of config.json.
//!
//! Pure, and the only such table: `/settings` translates both ways with it, `gostream import` one way.

use serde_json::{Map, Value};

mod row;
mod table;

pub use row::{Meaning, Number, Row, Side, Word};
pub use table::{NOTHING_LIKE_IT, TABLE};

type Values = Map<String, Value>;

/// Holds the URL of the blocklist.
pub const BLOCKLIST_URL: &str = "blocklist_url";
/// Says whether there is a blocklist.
pub const BLOCKLIST_ENABLED: &str = "blocklist_enabled";
/// Holds the path of a blocklist, which goes before the URL and is not known to BTSets.
const BLOCKLIST_FILE: &str = "blocklist_file";

/// A value of another kind than its name has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: expected {expected}")]
pub struct WrongKind {
    name: &'static str,
    expected: &'static str,
}

/// The row of that name.
pub fn find(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

/// The values under the names as the table writes them: clients may write them in any case.
pub fn as_named(sent: Values) -> Values {
    let named = |name: String| {
        let row = TABLE
            .iter()
            .find(|row| row.name.eq_ignore_ascii_case(&name));
        row.map_or(name, |row| row.name.to_owned())
    };
    let (mut values, others): (Values, Values) =
        sent.into_iter().partition(|(name, _)| find(name).is_some());
    for (name, value) in others {
        values.entry(named(name)).or_insert(value);
    }
    values
}

/// The whole object, made of our values by key.
pub fn shown(ours: &Values) -> Values {
    let named = |row: &Row| (row.name.to_owned(), row.meaning.shown(ours));
    TABLE.iter().map(named).collect()
}

/// Which of our keys are to change, so that a client gets what it wants; `null` is the default.
///
/// Only what differs from now is changed, so that what BTSets cannot say stays as it was; names that are absent stay too.
///
/// # Errors
/// A value of the wrong kind. Whether it is in the range of its key is for whoever makes the change to say.
pub fn changes(wanted: &Values, ours: &Values) -> Result<Values, WrongKind> {
    let mut changes = Values::new();
    for row in TABLE {
        let Some(wanted) = wanted.get(row.name).filter(|_| !is_clamped(row, wanted)) else {
            continue;
        };
        let kind = row.meaning.kind();
        let wrong = WrongKind {
            name: row.name,
            expected: kind.words(),
        };
        let wanted = kind.read(wanted).ok_or(wrong)?;
        if wanted != row.meaning.shown(ours) {
            row.meaning.change(&wanted, ours, &mut changes);
        }
    }
    Ok(changes)
}

/// Every key that BTSets knows, back to its default.
pub fn defaults() -> Values {
    let keys = TABLE.iter().flat_map(|row| row.meaning.keys());
    keys.map(|key| (key.to_owned(), Value::Null)).collect()
}

/// `UseDisk` with an empty path beside it: TorrServer keeps its disk out of use then.
fn is_clamped(row: &Row, wanted: &Values) -> bool {
    let path = wanted.get("TorrentsSavePath").and_then(Value::as_str);
    row.name == "UseDisk" && path == Some("") && wanted.get(row.name) == Some(&Value::Bool(true))
}

impl Number {
    /// Their number as ours; a part of a unit counts as a whole one, so that 0 alone is 0.
    pub const fn ours(&self, theirs: u64) -> u64 {
        theirs.div_ceil(self.scale)
    }
}

impl Word {
    /// As JSON.
    pub fn value(self) -> Value {
        match self {
            Self::Flag(flag) => flag.into(),
            Self::Text(text) => text.into(),
            Self::Whole(number) => number.into(),
        }
    }

    fn is(self, value: Option<&Value>) -> bool {
        match (self, value) {
            // Words in config.json may be written in any case.
            (Self::Text(word), Some(Value::String(text))) => text.eq_ignore_ascii_case(word),
            (word, value) => value == Some(&word.value()),
        }
    }
}

impl Meaning {
    fn keys(&self) -> Vec<&'static str> {
        match self {
            Self::Number(number) => vec![number.key],
            Self::Flag(sides) => sides.iter().map(|side| side.key).collect(),
            Self::Blocklist => vec![BLOCKLIST_URL, BLOCKLIST_ENABLED],
            Self::Nothing(_) => Vec::new(),
        }
    }

    const fn kind(&self) -> Kind {
        match self {
            Self::Number(_) | Self::Nothing(Word::Whole(_)) => Kind::Whole,
            Self::Flag(_) | Self::Nothing(Word::Flag(_)) => Kind::Flag,
            Self::Blocklist | Self::Nothing(Word::Text(_)) => Kind::Text,
        }
    }

    fn shown(&self, ours: &Values) -> Value {
        match self {
            Self::Number(number) => {
                let value = ours.get(number.key).and_then(rounded_up);
                value
                    .unwrap_or_default()
                    .saturating_mul(number.scale)
                    .into()
            }
            Self::Flag(sides) => sides
                .iter()
                .all(|side| side.on.is(ours.get(side.key)))
                .into(),
            Self::Blocklist => text(ours, BLOCKLIST_URL).into(),
            Self::Nothing(word) => word.value(),
        }
    }

    /// Adds the keys that are to change, for a value that is of the kind and differs from what is shown.
    fn change(&self, wanted: &Value, ours: &Values, changes: &mut Values) {
        let mut change = |key: &str, value: Value| changes.insert(key.to_owned(), value);
        match self {
            Self::Number(number) => {
                let value = match number.ours(wanted.as_u64().unwrap_or_default()) {
                    0 if number.zero_is_default => Value::Null,
                    value => value.into(),
                };
                change(number.key, value);
            }
            Self::Flag(sides) => {
                let on = *wanted == true;
                let other = sides
                    .iter()
                    .filter(|side| side.on.is(ours.get(side.key)) != on);
                for side in other {
                    change(side.key, if on { side.on } else { side.off }.value());
                }
            }
            Self::Blocklist => {
                change(BLOCKLIST_URL, wanted.clone());
                let listed = *wanted != "" || !text(ours, BLOCKLIST_FILE).is_empty();
                if ours.get(BLOCKLIST_ENABLED) != Some(&listed.into()) {
                    change(BLOCKLIST_ENABLED, listed.into());
                }
            }
            Self::Nothing(_) => {}
        }
    }
}

/// What a value of BTSets is.
#[derive(Clone, Copy)]
enum Kind {
    Whole,
    Flag,
    Text,
}

impl Kind {
    const fn words(self) -> &'static str {
        match self {
            Self::Whole => "a whole number that is not negative",
            Self::Flag => "true or false",
            Self::Text => "a text",
        }
    }

    /// The value, if it is of this kind; a whole number however it is written.
    fn read(self, value: &Value) -> Option<Value> {
        match self {
            Self::Whole => {
                let whole = rounded_up(value)?;
                let same = value.is_u64()
                    || value
                        .as_f64()
                        .is_some_and(|as_float| as_float.fract() == 0.0);
                same.then(|| whole.into())
            }
            Self::Flag => value.is_boolean().then(|| value.clone()),
            Self::Text => value.is_string().then(|| value.clone()),
        }
    }
}

fn text<'a>(ours: &'a Values, key: &str) -> &'a str {
    ours.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A number as a whole one; none if it is negative, or so large that floating point skips whole numbers.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "checked to be whole, not negative and below 2^53"
)]
fn rounded_up(value: &Value) -> Option<u64> {
    let from_float = || {
        let number = value.as_f64()?.ceil();
        let fits = (0.0..(1_u64 << 53) as f64).contains(&number);
        fits.then_some(number as u64)
    };
    value.as_u64().or_else(from_float)
}

#[cfg(test)]
mod tests;
