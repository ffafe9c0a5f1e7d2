//! One value against one row of the table: refused with a reason, or as the table holds it.
//!
//! Called for each value of the file, of the environment and of a change. `null` and empty strings mean "not set".

use std::{borrow::Cow, fmt::Display, net::Ipv4Addr};

use gostorm::net::Bind;
use gostream_http::{Addresses, Origin};
use jsonc_parser::{ast, common::Ranged};
use serde_json::Value;
use url::Url;

use super::key::{Form, Key, Kind};

/// How much of a value a message repeats, in characters.
const SHOWN_MAX: usize = 40;

/// A value before it is checked, wherever it came from.
enum Given<'a> {
    Nothing,
    /// As it was written.
    Number(Cow<'a, str>),
    Text(&'a str),
    Flag(bool),
    /// `None` for what is no string.
    List(Vec<Option<String>>),
    Object(Value),
}

/// What is wrong with a value.
enum Wrong {
    /// It is not what the key may hold.
    Whole,
    /// This one of a list is not.
    Entry(String),
}

/// Checks a value of the file `text`; `None`: it is not set.
///
/// # Errors
/// What is wrong, for the user.
pub(super) fn ast(key: &Key, value: &ast::Value<'_>, text: &str) -> Result<Option<Value>, String> {
    let given = match value {
        ast::Value::NullKeyword(_) => Given::Nothing,
        ast::Value::NumberLit(number) => Given::Number(number.value.into()),
        ast::Value::StringLit(string) => Given::Text(&string.value),
        ast::Value::BooleanLit(flag) => Given::Flag(flag.value),
        ast::Value::Array(list) => {
            let texts = list.elements.iter().map(|value| match value {
                ast::Value::StringLit(text) => Some(text.value.to_string()),
                ast::Value::NumberLit(_)
                | ast::Value::BooleanLit(_)
                | ast::Value::NullKeyword(_)
                | ast::Value::Object(_)
                | ast::Value::Array(_) => None,
            });
            Given::List(texts.collect())
        }
        ast::Value::Object(_) => Given::Object(value.clone().into()),
    };
    check(key, given).map_err(|wrong| match wrong {
        Wrong::Entry(entry) => refusal(key, &quoted(key, &entry)),
        Wrong::Whole => {
            let kind = (value.as_object().is_some(), value.as_array().is_some());
            refusal(key, &shown(key, kind, value.text(text)))
        }
    })
}

/// Checks a value of a change; `None`: it is to be as if it were not set.
///
/// # Errors
/// What is wrong, for the user.
pub(super) fn json(key: &Key, value: &Value) -> Result<Option<Value>, String> {
    let given = match value {
        Value::Null => Given::Nothing,
        Value::Number(number) => Given::Number(number.to_string().into()),
        Value::String(text) => Given::Text(text),
        Value::Bool(flag) => Given::Flag(*flag),
        Value::Array(list) => {
            let texts = list.iter().map(|value| value.as_str().map(str::to_owned));
            Given::List(texts.collect())
        }
        Value::Object(_) => Given::Object(value.clone()),
    };
    check(key, given).map_err(|wrong| match wrong {
        Wrong::Entry(entry) => refusal(key, &quoted(key, &entry)),
        Wrong::Whole => {
            let kind = (value.is_object(), value.is_array());
            refusal(key, &shown(key, kind, &value.to_string()))
        }
    })
}

/// Checks a value that came as plain text (a variable); `None`: it is not set.
///
/// # Errors
/// What is wrong, for the user.
pub(super) fn variable(key: &Key, value: &str) -> Result<Option<Value>, String> {
    let given = match &key.kind {
        Kind::Int { .. } | Kind::Number { .. } => Given::Number(value.into()),
        Kind::Text { .. } => Given::Text(value),
        Kind::Flag { .. } | Kind::TextList { .. } | Kind::Object => Given::Nothing,
    };
    check(key, given).map_err(|_| refusal(key, &quoted(key, value)))
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
    if hides(key, value) {
        HIDDEN.to_owned()
    } else {
        shorten(&format!("{value:?}"))
    }
}

fn check(key: &Key, given: Given<'_>) -> Result<Option<Value>, Wrong> {
    match (&key.kind, given) {
        (_, Given::Nothing) => Ok(None),
        (Kind::Int { range, .. }, Given::Number(text)) => {
            let n: u64 = text.parse().map_err(|_| Wrong::Whole)?;
            allowed(range.contains(&n), n)
        }
        (Kind::Number { range, .. }, Given::Number(text)) => {
            // f64 reads "inf" and "nan" too; no range contains them.
            let n: f64 = text.parse().map_err(|_| Wrong::Whole)?;
            allowed(range.contains(&n), n)
        }
        (Kind::Text { .. }, Given::Text("")) => Ok(None),
        (Kind::Text { form, .. }, Given::Text(text)) => allowed(fits(*form, text), text),
        (Kind::Flag { .. }, Given::Flag(flag)) => Ok(Some(flag.into())),
        (Kind::TextList { form, .. }, Given::List(list)) => {
            let list: Option<Vec<String>> = list.into_iter().collect();
            let list = list.ok_or(Wrong::Whole)?;
            match list.iter().find(|text| !fits(*form, text)) {
                Some(wrong) => Err(Wrong::Entry(wrong.clone())),
                None => Ok(Some(list.into())),
            }
        }
        (Kind::Object, Given::Object(object)) => Ok(Some(object)),
        (
            Kind::Int { .. }
            | Kind::Number { .. }
            | Kind::Text { .. }
            | Kind::TextList { .. }
            | Kind::Flag { .. }
            | Kind::Object,
            _,
        ) => Err(Wrong::Whole),
    }
}

fn allowed(allowed: bool, value: impl Into<Value>) -> Result<Option<Value>, Wrong> {
    if allowed {
        Ok(Some(value.into()))
    } else {
        Err(Wrong::Whole)
    }
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
        Form::Origin => text.parse::<Origin>().is_ok(),
        Form::OneOf(names) => names.iter().any(|name| name.eq_ignore_ascii_case(text)),
    }
}

/// What stands for a value that must not be shown.
const HIDDEN: &str = "something else (not shown)";

/// Whether a message must not repeat the value. An address with an @ may hold a password.
fn hides(key: &Key, value: &str) -> bool {
    let is_url = matches!(
        key.kind,
        Kind::Text {
            form: Form::Url,
            ..
        }
    );
    key.secret || is_url && value.contains('@')
}

/// The value as it was written, shortened; nothing of secrets, and of objects and lists only that they are such.
fn shown(key: &Key, (is_object, is_array): (bool, bool), written: &str) -> String {
    let is_list_key = matches!(key.kind, Kind::TextList { .. });
    if is_object {
        "an object".to_owned()
    } else if is_array && !is_list_key {
        "a list".to_owned()
    } else if hides(key, written) {
        HIDDEN.to_owned()
    } else {
        shorten(written)
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
