//! The settings of a TorrServer (BTSets), and what has a counterpart here.
//!
//! A setting at TorrServer's default says nothing of what its user wants, and is left out.

use gostream_http::btsets::{
    self, BLOCKLIST_ENABLED, BLOCKLIST_URL, Meaning, NOTHING_LIKE_IT, Side,
};

use crate::config::{Kind, keys};

use super::found::{Found, Setting};
use super::node::Node;

/// Adds what the object says.
pub(super) fn read(sets: &Node<'_>, found: &mut Found) -> Result<(), String> {
    for (name, value) in sets.members()? {
        one(name, &value, &mut found.settings)?;
    }
    Ok(())
}

fn one(name: &str, value: &Node<'_>, settings: &mut Vec<Setting>) -> Result<(), String> {
    let Some(row) = btsets::find(name) else {
        settings.push(Setting::Nowhere(name.to_owned(), NOTHING_LIKE_IT));
        return Ok(());
    };
    if let Some(why) = row.not_imported {
        settings.push(Setting::Nowhere(name.to_owned(), why));
        return Ok(());
    }
    match &row.meaning {
        Meaning::Number(number) => {
            let theirs = value.as_whole()?;
            if !number.their_defaults.contains(&theirs) {
                settings.push(whole(name, number.key, number.ours(theirs)));
            }
        }
        Meaning::Flag(sides) => {
            // A flag that is not set is at the default of all of these.
            let sides = if value.as_flag()? { *sides } else { &[] };
            let on = |side: &Side| Setting::Here(side.key, side.on.value().to_string());
            settings.extend(sides.iter().map(on));
        }
        Meaning::Blocklist => {
            let url = value.as_text()?;
            if !url.is_empty() {
                let url = serde_json::Value::from(url).to_string();
                settings.push(Setting::Here(BLOCKLIST_URL, url));
                settings.push(Setting::Here(BLOCKLIST_ENABLED, "true".to_owned()));
            }
        }
        Meaning::Nothing(_) => {}
    }
    Ok(())
}

fn whole(name: &str, key: &'static str, value: u64) -> Setting {
    let fits = keys::find(key).is_none_or(|key| match &key.kind {
        Kind::Int { range, .. } => range.contains(&value),
        Kind::Number { .. }
        | Kind::Text { .. }
        | Kind::Flag { .. }
        | Kind::TextList { .. }
        | Kind::Object => true,
    });
    if fits {
        Setting::Here(key, value.to_string())
    } else {
        Setting::Nowhere(
            name.to_owned(),
            "its value is out of the range of its counterpart",
        )
    }
}

/// What to tell the user.
pub(super) fn lines(settings: &[Setting]) -> Vec<String> {
    if settings.is_empty() {
        return Vec::new();
    }
    let mut here = Vec::new();
    let mut nowhere = Vec::new();
    for setting in settings {
        match setting {
            Setting::Here(key, value) => here.push(format!("  \"{key}\": {value},")),
            Setting::Nowhere(name, why) => nowhere.push(format!("  {name}: {why}")),
        }
    }
    let mut lines = Vec::new();
    if here.is_empty() {
        lines.push("settings: all that have a counterpart here are at their defaults".to_owned());
    } else {
        lines.push("settings: put these lines into config.json, if you want them".to_owned());
        lines.extend(here);
    }
    if !nowhere.is_empty() {
        lines.push("settings without a counterpart here:".to_owned());
        lines.extend(nowhere);
    }
    lines
}
