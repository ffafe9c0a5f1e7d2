//! `gostream config get`, `set` and `unset`.
//!
//! A change goes to the running server, which applies what it can, and into the file itself when none runs.

use gostream_http::{SettingsChange, SettingsError};
use serde_json::{Map, Value};

use super::{
    args::{ConfigAction, PlaceArgs},
    context::Context,
    failure::Failure,
    output,
};
use crate::{
    config::{Key, Kind, keys},
    control::ControlClient,
    logging::Audience,
};
use gostream_http::SocketError;

/// Does it.
pub(super) fn run(place: &PlaceArgs, action: ConfigAction) -> Result<(), Failure> {
    match action {
        ConfigAction::Get { keys } => get(&Context::prepare(place, Audience::Person)?, &keys),
        ConfigAction::Set { pairs } => {
            let changes = read_pairs(&pairs)?;
            output::lines(apply(&Context::prepare_to_write(place)?, &changes)?)
        }
        ConfigAction::Unset { keys } => {
            let changes = keys.into_iter().map(|key| (key, Value::Null));
            let context = Context::prepare_to_write(place)?;
            output::lines(apply(&context, &changes.collect())?)
        }
    }
}

fn get(context: &Context, names: &[String]) -> Result<(), Failure> {
    let values = context.settings.load()?.values;
    if names.is_empty() {
        let all = keys::all().map(|key| format!("{} = {}", key.name, values.shown(key)));
        return output::lines(all);
    }
    let found: Vec<(&str, Option<&'static Key>)> = names
        .iter()
        .map(|name| (name.as_str(), known(name)))
        .collect();
    if let Some((unknown, _)) = found.iter().find(|(_, key)| key.is_none()) {
        return Err(Failure::BadInput(format!("{unknown}: is not a setting")));
    }
    let shown = found.into_iter().filter_map(|(name, key)| {
        let value = values.shown(key?);
        // Alone it is for a script, which wants a string without its quotes.
        let plain = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        Some(if names.len() == 1 {
            plain
        } else {
            format!("{name} = {value}")
        })
    });
    output::lines(shown)
}

/// Has the running server make a change, or makes it in the file itself; what came of it, a line each.
pub(crate) fn apply(
    context: &Context,
    changes: &Map<String, Value>,
) -> Result<Vec<String>, Failure> {
    match ControlClient::find(&context.directories.control_socket()) {
        Ok(server) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| Failure::Failed(format!("cannot start the runtime: {error}")))?;
            let done = runtime.block_on(server.change_settings(changes));
            Ok(report(&done.map_err(Failure::from)?))
        }
        Err(SocketError::NoServer { .. }) => {
            context.settings.change(changes)?;
            let path = context.settings.path().display();
            Ok(vec![format!("written to {path}")])
        }
        Err(error) => Err(error.into()),
    }
}

/// What a change did, a line each.
fn report(change: &SettingsChange) -> Vec<String> {
    let lists = [
        ("in effect", &change.applied),
        ("after a restart", &change.restart),
        ("without effect in this version", &change.without_effect),
    ];
    let listed = lists.into_iter().filter(|(_, keys)| !keys.is_empty());
    let mut lines: Vec<String> = listed
        .map(|(when, keys)| format!("{when}: {}", keys.join(", ")))
        .collect();
    let overridden = change.overridden.iter();
    lines.extend(overridden.map(|one| format!("{} is overridden by {}", one.key, one.by)));
    if lines.is_empty() {
        lines.push("nothing changed".to_owned());
    }
    lines
}

/// The words of the command line as keys and values. One value may come from the standard input, where no other user
/// sees it.
fn read_pairs(words: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut changes = Map::new();
    let mut pairs = words.chunks_exact(2);
    for pair in &mut pairs {
        let (name, text) = (&pair[0], &pair[1]);
        let value = if text == "-" {
            read_value(name, &first_line()?)
        } else {
            read_value(name, text)
        };
        if changes.insert(name.clone(), value).is_some() {
            return Err(Failure::BadInput(format!("{name}: is given twice")));
        }
    }
    match pairs.remainder() {
        [alone, ..] => Err(Failure::BadInput(format!("{alone}: has no value"))),
        [] => Ok(changes),
    }
}

fn first_line() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::Failed(format!("cannot read the standard input: {error}")))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

fn known(name: &str) -> Option<&'static Key> {
    keys::find(name).or_else(|| keys::find_alias(name))
}

/// A word as the key takes it. What does not fit stays a string, for the check to say what is expected.
fn read_value(name: &str, text: &str) -> Value {
    let as_json = || serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    match known(name).map(|key| &key.kind) {
        Some(Kind::Int { .. } | Kind::Number { .. } | Kind::Flag { .. } | Kind::Object) => {
            as_json()
        }
        Some(Kind::TextList { .. }) if text.starts_with('[') => as_json(),
        Some(Kind::TextList { .. }) => {
            let parts = text.split(',').map(str::trim);
            parts.filter(|part| !part.is_empty()).collect()
        }
        Some(Kind::Text { .. }) | None => Value::from(text),
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Invalid(_) | SettingsError::Broken(_) => {
                Self::BadInput(error.to_string())
            }
            SettingsError::Failed(_) => Self::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_are_read_as_their_key_takes_them() {
        let words = [
            "uid",
            "5",
            "attr_timeout_seconds",
            "1.5",
            "dht",
            "false",
            "web_user",
            "007",
            "listen",
            "loopback, 10.0.0.0/8",
            "default_trackers",
            "[\"udp://a,b\"]",
            "log_level",
            "null",
        ];
        let read = read_pairs(&words.map(str::to_owned));
        let wanted = json!({
            "uid": 5, "attr_timeout_seconds": 1.5, "dht": false, "web_user": "007",
            "listen": ["loopback", "10.0.0.0/8"], "default_trackers": ["udp://a,b"],
            "log_level": "null",
        });
        assert_eq!(read.map(Value::Object), Ok(wanted));
        assert_eq!(read_value("uid", "many"), json!("many"));
    }

    #[test]
    fn a_key_without_a_value_or_with_two_is_refused() {
        for words in [
            &["uid"][..],
            &["uid", "1", "gid"],
            &["uid", "1", "uid", "2"],
        ] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert!(matches!(read_pairs(&words), Err(Failure::BadInput(_))));
        }
    }
}
