//! The text of config.json with some keys changed, and everything else as it was: comments, order, unknown keys.
//!
//! Called by `file` with a text that `document` accepts. Pure.

use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use serde_json::Value;

use super::{
    document::{BYTE_ORDER_MARK, strict},
    key::Key,
};

/// A key and what it is to hold; `None`: it is to be as if it were not set.
pub(super) type Edit = (&'static Key, Option<Value>);

/// The changed text.
///
/// # Errors
/// What the parser says of a text that is not JSON with an object in it.
pub(super) fn edit(text: &str, edits: &[Edit]) -> Result<String, String> {
    let plain = text.strip_prefix(BYTE_ORDER_MARK);
    let root = CstRootNode::parse(plain.unwrap_or(text), &strict())
        .map_err(|error| error.kind().to_string())?;
    let object = root.object_value().ok_or("expected an object")?;
    for (key, value) in edits {
        match value {
            Some(value) => put(&object, key, input(value)),
            None => remove(&object, key),
        }
    }
    let mark = plain.map(|_| BYTE_ORDER_MARK.to_string());
    Ok(mark.unwrap_or_default() + &root.to_string())
}

/// An older name that is there keeps its place, so that no key is there by two names.
fn put(root: &CstObject, key: &Key, value: CstInputValue) {
    if let Some((section, member)) = key.name.split_once('.') {
        let section = root.object_value_or_set(section);
        return put_own(&section, member, value);
    }
    match key.alias.filter(|alias| root.get(alias).is_some()) {
        Some(alias) if root.get(key.name).is_none() => put_own(root, alias, value),
        Some(_) | None => put_own(root, key.name, value),
    }
}

fn put_own(object: &CstObject, name: &str, value: CstInputValue) {
    match object.get(name) {
        Some(there) => there.set_value(value),
        None => {
            object.append(name, value);
        }
    }
}

fn remove(root: &CstObject, key: &Key) {
    let there = match key.name.split_once('.') {
        Some((section, member)) => root
            .object_value(section)
            .and_then(|section| section.get(member)),
        None => root.get(key.name),
    };
    let older = key.alias.and_then(|alias| root.get(alias));
    for property in there.into_iter().chain(older) {
        property.remove();
    }
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(flag) => CstInputValue::Bool(*flag),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(list) => CstInputValue::Array(list.iter().map(input).collect()),
        Value::Object(object) => {
            let members = object
                .iter()
                .map(|(name, value)| (name.clone(), input(value)));
            CstInputValue::Object(members.collect())
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::config::{document, keys, values::Values};

    fn edited(text: &str, edits: &[(&str, Value)]) -> String {
        let edits: Vec<Edit> = edits
            .iter()
            .map(|(name, value)| {
                let value = Some(value.clone()).filter(|value| !value.is_null());
                (keys::find(name).unwrap(), value)
            })
            .collect();
        edit(text, &edits).unwrap()
    }

    #[test]
    fn comments_order_and_unknown_keys_stay() {
        let text = "\u{feff}{\n  // mine\n  \"uid\": 5, // the owner\n  \"ai_url\": \"http://x//y\",\n  \
                    \"natpmp\": {\n    /* the VPN */ \"enabled\": false\n  },\n}\n";
        let changes = [
            ("uid", json!(33)),
            ("natpmp.enabled", json!(true)),
            ("natpmp.refresh", json!(5)),
            ("listen", json!(["loopback"])),
            ("plex.token", json!("a \"b\"\n")),
        ];
        insta::assert_snapshot!(edited(text, &changes));
    }

    #[test]
    fn an_older_name_keeps_its_place() {
        let text = "{\"UploadRateLimit\": 5}";
        let limit = |text: &str| edited(text, &[("upload_limit_kb", json!(7))]);
        assert_eq!(limit(text), "{\"UploadRateLimit\": 7}");
        let both = "{\"UploadRateLimit\": 5, \"upload_limit_kb\": 6}";
        assert_eq!(
            limit(both),
            "{\"UploadRateLimit\": 5, \"upload_limit_kb\": 7}"
        );
    }

    #[test]
    fn null_takes_a_key_out_by_both_names() {
        let text = "{\n  \"uid\": 1,\n  \"UploadRateLimit\": 5,\n  \"upload_limit_kb\": 6,\n  \"natpmp\": {\"refresh\": 1}\n}";
        let names = ["upload_limit_kb", "natpmp.refresh", "plex.token", "gid"];
        let changes = names.map(|name| (name, Value::Null));
        assert_eq!(
            edited(text, &changes),
            "{\n  \"uid\": 1,\n  \"natpmp\": {}\n}"
        );
    }

    #[test]
    fn a_section_that_is_null_becomes_an_object() {
        let text = edited("{\"natpmp\": null}", &[("natpmp.refresh", json!(5))]);
        let mut values = Values::default();
        document::read(&text, &mut values).unwrap();
        assert_eq!(values.of(keys::find("natpmp.refresh").unwrap()), &json!(5));
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_as_it_was(text in "\\PC{0,40}|[\\\\\"\\n\\t\\u{0}-\\u{1f}]{0,8}", n in 0..65536_u64) {
            let changes = [("web_user", json!(text)), ("dht_port", json!(n)), ("default_trackers", json!([text, "b"]))];
            let written = edited("{\n}", &changes);
            let mut values = Values::default();
            document::read(&written, &mut values).unwrap();
            for (name, value) in &changes {
                prop_assert_eq!(values.of(keys::find(name).unwrap()), value);
            }
        }
    }
}
