//! One value against one row of the table: refused with a reason, or applied.
//!
//! Called for each value of the file and of the environment. Nothing is
//! applied that the row does not allow; `null` and empty strings mean "not
//! set" and change nothing.

use std::{fmt::Display, net::Ipv4Addr};

use gostorm::net::Bind;
use gostream_http::Addresses;
use jsonc_parser::{ast::Value, common::Ranged};
use url::Url;

use super::{
    key::{Form, Key, Kind},
    settings::Config,
};

/// How much of a value a message repeats, in characters.
const SHOWN_MAX: usize = 40;

/// Checks a value of the file `text` and applies it.
///
/// # Errors
/// What is wrong, for the user.
pub(super) fn json(
    key: &Key,
    value: &Value<'_>,
    text: &str,
    config: &mut Config,
) -> Result<(), String> {
    let refused = || refusal(key, &shown(key, value, text));
    match (&key.kind, value) {
        (_, Value::NullKeyword(_)) => Ok(()),
        (Kind::Int { .. } | Kind::Number { .. }, Value::NumberLit(number)) => {
            number_text(key, number.value, config).map_err(|()| refused())
        }
        (Kind::Text { .. }, Value::StringLit(string)) => {
            plain_text(key, &string.value, config).map_err(|()| refused())
        }
        (Kind::TextList { form, set, .. }, Value::Array(list)) => {
            let text = |value: &Value<'_>| match value {
                Value::StringLit(text) => Some(text.value.to_string()),
                Value::NumberLit(_)
                | Value::BooleanLit(_)
                | Value::NullKeyword(_)
                | Value::Object(_)
                | Value::Array(_) => None,
            };
            let texts = list.elements.iter().map(text).collect::<Option<Vec<_>>>();
            let texts = texts.ok_or_else(refused)?;
            if let Some(wrong) = texts.iter().find(|text| !fits(*form, text)) {
                return Err(refusal(key, &quoted(key, wrong)));
            }
            if let Some(set) = set {
                set(config, texts);
            }
            Ok(())
        }
        (Kind::Flag { set, .. }, Value::BooleanLit(flag)) => {
            if let Some(set) = set {
                set(config, flag.value);
            }
            Ok(())
        }
        (Kind::Object, Value::Object(_)) => Ok(()),
        (
            Kind::Int { .. }
            | Kind::Number { .. }
            | Kind::Text { .. }
            | Kind::TextList { .. }
            | Kind::Flag { .. }
            | Kind::Object,
            _,
        ) => Err(refused()),
    }
}

/// Checks a value that came as plain text (a variable) and applies it.
///
/// # Errors
/// What is wrong, for the user.
pub(super) fn variable(key: &Key, value: &str, config: &mut Config) -> Result<(), String> {
    let applied = match &key.kind {
        Kind::Int { .. } | Kind::Number { .. } => number_text(key, value, config),
        Kind::Text { .. } => plain_text(key, value, config),
        Kind::Flag { .. } | Kind::TextList { .. } | Kind::Object => Err(()),
    };
    applied.map_err(|()| refusal(key, &quoted(key, value)))
}

/// Says what was expected instead of `got`.
pub(super) fn refusal(key: &Key, got: &dyn Display) -> String {
    if key.unit.is_empty() {
        format!("expected {}, got {got}", key.kind)
    } else {
        format!("expected {} ({}), got {got}", key.kind, key.unit)
    }
}

/// A text value as messages show it.
pub(super) fn quoted(key: &Key, value: &str) -> String {
    if key.secret {
        "something else (not shown)".to_owned()
    } else {
        shorten(&format!("{value:?}"))
    }
}

fn number_text(key: &Key, text: &str, config: &mut Config) -> Result<(), ()> {
    match &key.kind {
        Kind::Int { range, set, .. } => {
            let n: u64 = text.parse().map_err(drop)?;
            apply(range.contains(&n), || set.map(|set| set(config, n)))
        }
        Kind::Number { range, set, .. } => {
            // f64 reads "inf" and "nan" too; no range contains them.
            let n: f64 = text.parse().map_err(drop)?;
            apply(range.contains(&n), || set.map(|set| set(config, n)))
        }
        Kind::Text { .. } | Kind::TextList { .. } | Kind::Flag { .. } | Kind::Object => Err(()),
    }
}

fn plain_text(key: &Key, text: &str, config: &mut Config) -> Result<(), ()> {
    let Kind::Text { form, set, .. } = &key.kind else {
        return Err(());
    };
    if text.is_empty() {
        return Ok(());
    }
    apply(fits(*form, text), || set.map(|set| set(config, text)))
}

fn apply(allowed: bool, set: impl FnOnce() -> Option<()>) -> Result<(), ()> {
    if !allowed {
        return Err(());
    }
    // A row without effect has nothing to set.
    set();
    Ok(())
}

fn fits(form: Form, text: &str) -> bool {
    match form {
        Form::Any => true,
        Form::Path => !text.contains('\0'),
        Form::Url => Url::parse(text)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()),
        Form::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
        Form::Interface => text.parse::<Bind>().is_ok(),
        Form::Clients => text.parse::<Addresses>().is_ok(),
        Form::OneOf(names) => names.iter().any(|name| name.eq_ignore_ascii_case(text)),
    }
}

/// The value as it stands in the file, shortened; nothing of secrets, and of
/// objects and lists only that they are such.
fn shown(key: &Key, value: &Value<'_>, text: &str) -> String {
    let is_list_key = matches!(key.kind, Kind::TextList { .. });
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) if !is_list_key => "a list".to_owned(),
        Value::Array(_)
        | Value::StringLit(_)
        | Value::NumberLit(_)
        | Value::BooleanLit(_)
        | Value::NullKeyword(_) => {
            if key.secret {
                "something else (not shown)".to_owned()
            } else {
                shorten(value.text(text))
            }
        }
    }
}

fn shorten(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SHOWN_MAX)
        .collect();
    if text.chars().count() > SHOWN_MAX {
        shown.push('…');
    }
    shown
}
