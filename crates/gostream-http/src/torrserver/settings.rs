//! `/settings`: the settings of TorrServer that mean something here, as those of GoStream.
//!
//! Clients read the whole object, change a little and send it back. Only what differs from now is changed, so that
//! what their words cannot say stays as it was; what they may set and has no meaning here is ignored.

use axum::{
    body::Body,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{api::Api, body};
use crate::error::ApiRefusal;

type Values = Map<String, Value>;

/// A number under both names, and how many of theirs are one of ours.
struct Number {
    theirs: &'static str,
    ours: &'static str,
    scale: u64,
    /// Their 0 asks for the default.
    zero_is_default: bool,
}

const fn number(theirs: &'static str, ours: &'static str) -> Number {
    Number {
        theirs,
        ours,
        scale: 1,
        zero_is_default: false,
    }
}

impl Number {
    const fn or_default(self) -> Self {
        Self {
            zero_is_default: true,
            ..self
        }
    }
}

const NUMBERS: [Number; 7] = [
    Number {
        scale: 1 << 20,
        ..number("CacheSize", "read_ahead_budget_mb").or_default()
    },
    number("RetrackersMode", "retrackers_mode"),
    number("TorrentDisconnectTimeout", "disconnect_timeout_seconds").or_default(),
    number("DownloadRateLimit", "download_limit_kb"),
    number("UploadRateLimit", "upload_limit_kb"),
    number("ConnectionsLimit", "connections_per_torrent").or_default(),
    number("PeersListenPort", "torrent_port"),
];

/// Their switch, our key, and what it holds when the switch is on and off.
const SWITCHES: [(&str, &str, Word, Word); 10] = [
    ("UseDisk", "warm_cache", Word::Flag(true), Word::Flag(false)),
    ("DisableUTP", "utp", Word::Flag(false), Word::Flag(true)),
    ("DisableDHT", "dht", Word::Flag(false), Word::Flag(true)),
    (
        "DisableUpload",
        "disable_upload",
        Word::Flag(true),
        Word::Flag(false),
    ),
    ("EnableLPD", "lsd", Word::Flag(true), Word::Flag(false)),
    (
        "DisableUPNP",
        "port_forwarding",
        Word::Text("off"),
        Word::Text("auto"),
    ),
    (
        "ResponsiveMode",
        "verification",
        Word::Text("responsive"),
        Word::Text("verified"),
    ),
    (
        "EnableDebug",
        "log_level",
        Word::Text("DEBUG"),
        Word::Text("INFO"),
    ),
    (
        "ForceEncrypt",
        "encryption_outgoing",
        Word::Text("require"),
        Word::Text("prefer"),
    ),
    (
        "ForceEncrypt",
        "encryption_incoming",
        Word::Text("require"),
        Word::Text("prefer"),
    ),
];

/// A text under both names.
const TEXTS: [(&str, &str); 1] = [("BlockListURL", "blocklist_url")];

#[derive(Clone, Copy)]
enum Word {
    Flag(bool),
    Text(&'static str),
}

impl Word {
    fn is(self, value: Option<&Value>) -> bool {
        match self {
            Self::Flag(flag) => value.and_then(Value::as_bool) == Some(flag),
            Self::Text(word) => value
                .and_then(Value::as_str)
                .is_some_and(|value| value.eq_ignore_ascii_case(word)),
        }
    }

    fn value(self) -> Value {
        match self {
            Self::Flag(flag) => flag.into(),
            Self::Text(word) => word.into(),
        }
    }
}

/// Our values in their words.
fn shown(ours: &Values) -> Values {
    // What cannot be set here, as it is.
    let fixed = json!({
        "ReaderReadAHead": 85, "PreloadCache": 10, "TorrentsSavePath": "", "RemoveCacheOnDrop": false,
        "EnableIPv6": true, "DisableTCP": false, "DisablePEX": false, "SslPort": 0, "SslCert": "", "SslKey": "",
        "ShowFSActiveTorr": true, "StoreSettingsInJson": true, "EnableDLNA": false, "FriendlyName": "",
        "EnableRutorSearch": false,
    });
    let mut sets = fixed.as_object().cloned().unwrap_or_default();
    for number in &NUMBERS {
        let value = whole(ours.get(number.ours)).unwrap_or_default();
        sets.insert(number.theirs.to_owned(), (value * number.scale).into());
    }
    for (theirs, key, on, _) in SWITCHES {
        let on = on.is(ours.get(key));
        let before = sets.get(theirs).and_then(Value::as_bool);
        // Of two keys behind one switch both must be on.
        sets.insert(theirs.to_owned(), (on && before != Some(false)).into());
    }
    for (theirs, key) in TEXTS {
        let text = ours.get(key).and_then(Value::as_str).unwrap_or_default();
        sets.insert(theirs.to_owned(), text.into());
    }
    sets
}

/// What is to be changed so that the values are as a client wants them.
fn changes(wanted: &Values, ours: &Values) -> Result<Values, ApiRefusal> {
    let now = shown(ours);
    let mut changes = Values::new();
    let differs = |name: &str| {
        wanted
            .get(name)
            .filter(|value| now.get(name) != Some(*value))
    };
    for number in &NUMBERS {
        let Some(value) = differs(number.theirs) else {
            continue;
        };
        let value = whole(Some(value)).ok_or(ApiRefusal::Malformed)?;
        let value = match value.div_ceil(number.scale) {
            0 if number.zero_is_default => Value::Null,
            value => value.into(),
        };
        changes.insert(number.ours.to_owned(), value);
    }
    for (theirs, key, on, off) in SWITCHES {
        let Some(value) = differs(theirs) else {
            continue;
        };
        let value = value.as_bool().ok_or(ApiRefusal::Malformed)?;
        if value != on.is(ours.get(key)) {
            let word = if value { on } else { off };
            changes.insert(key.to_owned(), word.value());
        }
    }
    for (theirs, key) in TEXTS {
        if let Some(value) = differs(theirs) {
            let text = value.as_str().ok_or(ApiRefusal::Malformed)?;
            changes.insert(key.to_owned(), text.into());
        }
    }
    Ok(changes)
}

/// All keys that they know, back to their defaults.
fn defaults() -> Values {
    let numbers = NUMBERS.iter().map(|number| number.ours);
    let switches = SWITCHES.iter().map(|(_, key, _, _)| *key);
    let texts = TEXTS.iter().map(|(_, key)| *key);
    let keys = numbers.chain(switches).chain(texts);
    keys.map(|key| (key.to_owned(), Value::Null)).collect()
}

/// A number without a fraction, whichever way it is written.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "checked to be whole, not negative and below 2^53"
)]
fn whole(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    let as_float = || {
        let number = value.as_f64()?.round();
        (0.0..(1_u64 << 53) as f64)
            .contains(&number)
            .then_some(number as u64)
    };
    value.as_u64().or_else(as_float)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    action: Option<String>,
    sets: Option<Values>,
}

pub(super) async fn settings(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiRefusal> {
    let wanted: Wanted = body::json(&headers, body).await?;
    let settings = api.settings.as_deref().ok_or(ApiRefusal::Unknown)?;
    let changes = match wanted.action.as_deref().unwrap_or_default() {
        "get" => return body::answer(&shown(&settings.get())),
        "set" => changes(&wanted.sets.ok_or(ApiRefusal::Malformed)?, &settings.get())?,
        "def" => defaults(),
        _ => return Err(ApiRefusal::Malformed),
    };
    if !changes.is_empty() {
        settings.set(changes).await?;
    }
    Ok(Body::empty().into_response())
}

/// `GET /storage/settings`: everything is kept in one way.
pub(super) async fn storage() -> Result<Response, ApiRefusal> {
    body::answer(&json!({"settings": "json", "viewed": "json"}))
}

/// `POST /storage/settings`: which nobody can change.
pub(super) async fn set_storage(headers: HeaderMap, body: Body) -> Result<Response, ApiRefusal> {
    let wanted: Values = body::json(&headers, body).await?;
    let known = |name: &str| name == "settings" || name == "viewed";
    let fits = |(name, value): (&String, &Value)| known(name) && value == "json";
    if wanted.is_empty() || !wanted.iter().all(fits) {
        return Err(ApiRefusal::Malformed);
    }
    body::answer(&json!({"status": "ok"}))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn object(value: Value) -> Values {
        value.as_object().unwrap().clone()
    }

    fn ours() -> Values {
        object(json!({
            "read_ahead_budget_mb": 256, "retrackers_mode": 1, "disconnect_timeout_seconds": 60.0,
            "download_limit_kb": 0, "upload_limit_kb": 1024, "connections_per_torrent": 25, "torrent_port": 8091,
            "warm_cache": true, "utp": false, "dht": true, "disable_upload": false, "lsd": true,
            "port_forwarding": "pcp", "verification": "verified", "log_level": "WARN",
            "encryption_outgoing": "prefer", "encryption_incoming": "off", "blocklist_url": "",
        }))
    }

    fn changed(wanted: Value) -> Values {
        changes(&object(wanted), &ours()).unwrap()
    }

    #[test]
    fn what_is_read_and_sent_back_changes_nothing() {
        assert_eq!(changes(&shown(&ours()), &ours()), Ok(Values::new()));
        assert_eq!(
            changed(json!({"CacheSize": 268_435_456, "NoSuchKey": [1]})),
            Values::new()
        );
    }

    #[test]
    fn their_words_say_what_is_set_here() {
        let shown = shown(&ours());
        for (name, value) in [
            ("CacheSize", json!(268_435_456)),
            ("TorrentDisconnectTimeout", json!(60)),
            ("DisableUTP", json!(true)),
            ("DisableDHT", json!(false)),
            ("DisableUPNP", json!(false)),
            ("ForceEncrypt", json!(false)),
            ("ResponsiveMode", json!(false)),
            ("UseDisk", json!(true)),
        ] {
            assert_eq!(shown[name], value, "{name}");
        }
    }

    #[test]
    fn only_what_differs_is_changed_and_zero_may_ask_for_the_default() {
        for (wanted, change) in [
            (
                json!({"CacheSize": 67_108_865}),
                json!({"read_ahead_budget_mb": 65}),
            ),
            (
                json!({"CacheSize": 0}),
                json!({"read_ahead_budget_mb": null}),
            ),
            (
                json!({"ConnectionsLimit": 0}),
                json!({"connections_per_torrent": null}),
            ),
            (json!({"UploadRateLimit": 0}), json!({"upload_limit_kb": 0})),
            (json!({"DisableUTP": false}), json!({"utp": true})),
            (
                json!({"DisableUPNP": true}),
                json!({"port_forwarding": "off"}),
            ),
            (
                json!({"ForceEncrypt": true}),
                json!({"encryption_outgoing": "require", "encryption_incoming": "require"}),
            ),
            (json!({"ForceEncrypt": false}), json!({})),
            (json!({"EnableDebug": false}), json!({})),
            (
                json!({"ResponsiveMode": true}),
                json!({"verification": "responsive"}),
            ),
            (
                json!({"BlockListURL": "http://l/"}),
                json!({"blocklist_url": "http://l/"}),
            ),
        ] {
            assert_eq!(changed(wanted), object(change));
        }
    }

    #[test]
    fn a_value_of_another_kind_is_refused() {
        for wanted in [
            json!({"CacheSize": -1}),
            json!({"CacheSize": "64"}),
            json!({"DisableDHT": 1}),
            json!({"BlockListURL": null}),
        ] {
            let refused = changes(&object(wanted), &ours());
            assert_eq!(refused, Err(ApiRefusal::Malformed));
        }
    }

    #[test]
    fn the_defaults_are_those_of_every_key_that_can_be_set() {
        let defaults = defaults();
        assert!(ours().keys().all(|key| defaults[key].is_null()));
        assert_eq!(defaults.len(), ours().len());
    }
}
