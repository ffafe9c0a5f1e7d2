//! Between dotted keys and the nested objects of config.json. Pure.

use serde_json::{Map, Value};

/// `{"natpmp.enabled": true}` as `{"natpmp": {"enabled": true}}`.
pub(super) fn nest(keys: Map<String, Value>) -> Map<String, Value> {
    let mut document = Map::new();
    for (key, value) in keys {
        match key.split_once('.') {
            None => {
                document.insert(key, value);
            }
            Some((section, member)) => {
                let section = document
                    .entry(section)
                    .or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(section) = section {
                    section.insert(member.to_owned(), value);
                }
            }
        }
    }
    document
}

/// The keys of a document that are among `known`, dotted; all others are left out, as older control pages send what
/// they know. Sections are found in any case: some pages send `NatPMP`.
pub(super) fn flatten(
    document: Map<String, Value>,
    known: &Map<String, Value>,
) -> Map<String, Value> {
    let mut keys = Map::new();
    for (name, value) in document {
        if known.contains_key(&name) {
            keys.insert(name, value);
        } else if let Value::Object(section) = value {
            let name = name.to_lowercase();
            for (member, value) in section {
                let key = format!("{name}.{member}");
                if known.contains_key(&key) {
                    keys.insert(key, value);
                }
            }
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn sections_are_objects_outside_and_dotted_names_inside() {
        let keys = map(json!({"uid": 1, "natpmp.enabled": true, "natpmp.refresh": 5}));
        let document = json!({"uid": 1, "natpmp": {"enabled": true, "refresh": 5}});
        assert_eq!(Value::Object(nest(keys.clone())), document);
        assert_eq!(flatten(map(document), &keys), keys);
    }

    #[test]
    fn what_nobody_knows_is_left_out_and_a_section_has_any_case() {
        let known = map(json!({"uid": 1, "natpmp.enabled": true, "quality_scoring.movies": {}}));
        let sent = json!({
            "NatPMP": {"enabled": false, "mine": 1},
            "ai_url": "x",
            "natpmp.enabled.x": 1,
            "quality_scoring": {"movies": {"a": 1}},
        });
        let wanted = json!({"natpmp.enabled": false, "quality_scoring.movies": {"a": 1}});
        assert_eq!(Value::Object(flatten(map(sent), &known)), wanted);
    }
}
