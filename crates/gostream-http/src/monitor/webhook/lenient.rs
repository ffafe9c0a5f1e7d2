//! Values as media servers and templates write them: a number may be a text, and what is not known empty.

use serde_json::Value;

/// Longer texts say nothing to us.
const TEXT_LEN_MAX: usize = 1000;

/// The text of the first of `names` that has one.
pub(super) fn text(object: &Value, names: &[&str]) -> String {
    let texts = names.iter().filter_map(|name| match object.get(*name)? {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    });
    let mut texts = texts.filter(|text| !text.is_empty() && text.len() <= TEXT_LEN_MAX);
    texts.next().unwrap_or_default()
}

/// The number of the first of `names` that has one.
pub(super) fn number(object: &Value, names: &[&str]) -> Option<u32> {
    let text = text(object, names);
    // Jellyfin may write 3.0.
    text.split('.').next()?.parse().ok()
}

/// The list under a name; a single object stands for a list of one.
pub(super) fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    match object.get(name) {
        Some(Value::Array(values)) => values,
        Some(value @ Value::Object(_)) => std::slice::from_ref(value),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => &[],
    }
}
