//! What each key holds: the settings before they are typed.
//!
//! Made of the defaults, then changed by the file and the environment with values that were checked against the
//! table. [`Values::config`] gives the typed settings; comparing two of them tells which keys changed.

use std::collections::BTreeMap;

use gostorm::redact;
use serde_json::Value;
use url::Url;

use super::{
    key::{Form, Key, Kind},
    keys,
    settings::Config,
};

/// Stands for a secret, or for the password in a URL.
const MASK: &str = "***";

/// The value of every key of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Values(BTreeMap<&'static str, Value>);

impl Default for Values {
    fn default() -> Self {
        Self(keys::all().map(|key| (key.name, key.default())).collect())
    }
}

impl Default for Config {
    fn default() -> Self {
        Values::default().config()
    }
}

impl Values {
    /// What a key holds.
    pub fn of(&self, key: &Key) -> &Value {
        // Every key of the table is there from the start.
        self.0.get(key.name).unwrap_or(&Value::Null)
    }

    /// What a key holds, without what must not be given out.
    pub fn shown(&self, key: &Key) -> Value {
        masked(key, self.of(key))
    }

    /// Sets a key to a value that was checked against its row.
    pub(crate) fn set(&mut self, key: &Key, value: Value) {
        if let Some(held) = self.0.get_mut(key.name) {
            *held = value;
        }
    }

    /// Takes the value of a key from others.
    pub fn take(&mut self, key: &Key, from: &Self) {
        self.set(key, from.of(key).clone());
    }

    /// Keys that hold something else here than there, in the order of the table.
    pub fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'static Key> + 'a {
        keys::all().filter(|key| self.of(key) != other.of(key))
    }

    /// The typed settings.
    pub fn config(&self) -> Config {
        let mut config = Config::blank();
        for key in keys::all() {
            let value = self.of(key);
            match &key.kind {
                Kind::Int { set: Some(set), .. } => {
                    set(&mut config, value.as_u64().unwrap_or_default());
                }
                Kind::Number { set: Some(set), .. } => {
                    set(&mut config, value.as_f64().unwrap_or_default());
                }
                Kind::Text { set: Some(set), .. } => {
                    set(&mut config, value.as_str().unwrap_or_default());
                }
                Kind::Flag { set: Some(set), .. } => {
                    set(&mut config, value.as_bool().unwrap_or_default());
                }
                Kind::TextList { set: Some(set), .. } => {
                    let texts = value.as_array().into_iter().flatten();
                    let texts = texts.filter_map(Value::as_str).map(str::to_owned);
                    set(&mut config, texts.collect());
                }
                Kind::Int { set: None, .. }
                | Kind::Number { set: None, .. }
                | Kind::Text { set: None, .. }
                | Kind::Flag { set: None, .. }
                | Kind::TextList { set: None, .. }
                | Kind::Object => {}
            }
        }
        config
    }
}

/// A value as it may be given out: a secret that is set as [`MASK`], and so the password and the query of a URL, and
/// whatever may be a passkey in a list of them.
pub(super) fn masked(key: &Key, value: &Value) -> Value {
    if key.secret {
        let unset = value.as_str() == Some("");
        return Value::from(if unset { "" } else { MASK });
    }
    match (&key.kind, value) {
        (
            Kind::Text {
                form: Form::Url, ..
            },
            Value::String(text),
        ) => Value::from(without_password(text)),
        (Kind::TextList { .. }, Value::Array(list)) => list.iter().map(masked_item).collect(),
        _ => value.clone(),
    }
}

/// The value that is meant by one that was given out, and perhaps changed since: in a list, what is still masked is what
/// it was.
pub(super) fn meant(key: &Key, value: &Value, held: &Value) -> Value {
    match (&key.kind, value, held) {
        (Kind::TextList { .. }, Value::Array(list), Value::Array(held)) => {
            let was = |item: &Value| held.iter().find(|held| masked_item(held) == *item);
            let items = list.iter().map(|item| was(item).unwrap_or(item).clone());
            items.collect()
        }
        _ => value.clone(),
    }
}

fn masked_item(item: &Value) -> Value {
    match item.as_str() {
        Some(text) if text.contains("://") => Value::from(redact::url(text)),
        Some(_) | None => item.clone(),
    }
}

fn without_password(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else {
        return text.to_owned();
    };
    if url.password().is_none() && url.query().is_none() {
        return text.to_owned();
    }
    if url.query().is_some() {
        url.set_query(Some(MASK));
    }
    // A URL that has a password has a host, so it can be changed.
    if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
        return MASK.to_owned();
    }
    url.into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_and_the_password_of_a_url_are_not_shown() {
        let shown = |name: &str, value: &str| masked(keys::find(name).unwrap(), &json!(value));
        assert_eq!(shown("web_password", "pw"), "***");
        assert_eq!(shown("web_password", ""), "");
        assert_eq!(shown("web_user", "ann"), "ann");
        assert_eq!(
            shown("blocklist_url", "https://me:pw@host/list"),
            "https://me:***@host/list"
        );
        assert_eq!(shown("blocklist_url", "https://host"), "https://host");
        assert_eq!(
            shown("blocklist_url", "https://host/?id=7&pin=1"),
            "https://host/?***"
        );
        let trackers = keys::find("extra_trackers").unwrap();
        let held = json!(["udp://a:1/announce", "http://b/k3yk3y/announce"]);
        let given_out = masked(trackers, &held);
        assert_eq!(
            given_out,
            json!(["udp://a:1/announce", "http://b/***/announce"])
        );
        assert_eq!(meant(trackers, &given_out, &held), held);
        let longer = json!(["http://b/***/announce", "udp://c:1"]);
        let wanted = json!(["http://b/k3yk3y/announce", "udp://c:1"]);
        assert_eq!(meant(trackers, &longer, &held), wanted);
        let origins = json!(["https://lampa.example", "*"]);
        assert_eq!(
            masked(keys::find("cors_origins").unwrap(), &origins),
            origins
        );
    }

    #[test]
    fn what_differs_is_told_in_the_order_of_the_table() {
        let mut changed = Values::default();
        assert_eq!(changed.config(), Config::default());
        for name in ["gid", "uid"] {
            changed.set(keys::find(name).unwrap(), json!(7));
        }
        let default = Values::default();
        let names: Vec<&str> = changed.differing(&default).map(|key| key.name).collect();
        assert_eq!(names, ["uid", "gid"]);
        changed.take(keys::find("uid").unwrap(), &default);
        assert_eq!(changed.differing(&default).count(), 1);
        assert_eq!(changed.config().fs.gid, 7);
    }
}
