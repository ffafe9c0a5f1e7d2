//! The settings of a TorrServer (BTSets), and what becomes of those that have a counterpart here.
//!
//! A setting at TorrServer's default says nothing of what its user wants, and is left out. What the user set here by
//! hand stays, unless told otherwise.

use std::path::Path;

use gostream_http::btsets::{
    self, BLOCKLIST_ENABLED, BLOCKLIST_URL, Meaning, NOTHING_LIKE_IT, Side,
};
use serde_json::{Map, Value};

use super::found::{Found, Setting};
use super::node::Node;
use crate::config::{Key, Kind, Place, Told, Values, keys};

/// Adds what the object says.
pub(super) fn read(sets: &Node<'_>, found: &mut Found) -> Result<(), String> {
    for (name, value) in sets.members()? {
        one(name, &value, &mut found.settings)?;
    }
    Ok(())
}

fn one(name: &str, value: &Node<'_>, settings: &mut Vec<Setting>) -> Result<(), String> {
    let nowhere = |why| Setting::Nowhere {
        theirs: name.to_owned(),
        why,
    };
    let here = |key, value: Value| Setting::Here {
        theirs: name.to_owned(),
        key,
        value,
    };
    let Some(row) = btsets::find(name) else {
        settings.push(nowhere(NOTHING_LIKE_IT));
        return Ok(());
    };
    if let Some(why) = row.not_imported {
        settings.push(nowhere(why));
        return Ok(());
    }
    match &row.meaning {
        Meaning::Number(number) => {
            let theirs = value.as_whole()?;
            let ours = number.ours(theirs);
            if number.their_defaults.contains(&theirs) {
                return Ok(());
            }
            settings.push(if fits(number.key, ours) {
                here(number.key, ours.into())
            } else {
                nowhere("its value is out of the range of its counterpart")
            });
        }
        Meaning::Flag(sides) => {
            // A flag that is not set is at the default of all of these.
            let sides = if value.as_flag()? { *sides } else { &[] };
            let on = |side: &Side| here(side.key, side.on.value());
            settings.extend(sides.iter().map(on));
        }
        Meaning::Blocklist => {
            let url = value.as_text()?;
            if !url.is_empty() {
                settings.push(here(BLOCKLIST_URL, url.into()));
                settings.push(here(BLOCKLIST_ENABLED, true.into()));
            }
        }
        Meaning::Nothing(_) => {}
    }
    Ok(())
}

fn fits(key: &str, value: u64) -> bool {
    keys::find(key).is_none_or(|key| match &key.kind {
        Kind::Int { range, .. } => range.contains(&value),
        Kind::Number { .. }
        | Kind::Text { .. }
        | Kind::Flag { .. }
        | Kind::TextList { .. }
        | Kind::Object => true,
    })
}

/// What is to become of the settings that were found.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What is to be written, as one change.
    pub(super) changes: Map<String, Value>,
    /// The same, a line each.
    taken: Vec<String>,
    /// What stays as the user set it, a line each.
    kept: Vec<String>,
    /// How many are as they are here.
    same: usize,
    /// What has no counterpart, a line each.
    nowhere: Vec<String>,
}

impl Plan {
    /// Compares them with what is set here. Of two for one key the first counts.
    pub(super) fn of(settings: &[Setting], told: &Told, force: bool) -> Self {
        let mut plan = Self::default();
        let mut seen = Vec::new();
        for setting in settings {
            match setting {
                Setting::Here { theirs, key, value } => {
                    if let Some(key) = keys::find(key).filter(|key| !seen.contains(&key.name)) {
                        seen.push(key.name);
                        plan.one(theirs, key, value, told, force);
                    }
                }
                Setting::Nowhere { theirs, why } => {
                    plan.nowhere.push(format!("  {theirs}: {why}"));
                }
            }
        }
        plan
    }

    fn one(&mut self, theirs: &str, key: &'static Key, value: &Value, told: &Told, force: bool) {
        if told.values.of(key) == value {
            self.same += 1;
            return;
        }
        // As it may be given out.
        let mut shown = Values::default();
        shown.set(key, value.clone());
        let (name, shown) = (key.name, shown.shown(key));
        match told.places.get(key.name) {
            Some(place) if !force => {
                let (at, ours) = (words(place), told.values.shown(key));
                self.kept.push(format!(
                    "  {at}: {name} is {ours}, by {theirs} it would be {shown}"
                ));
            }
            Some(_) | None => {
                self.taken.push(format!("  {name} = {shown} ({theirs})"));
                self.changes.insert(name.to_owned(), value.clone());
            }
        }
    }

    /// What to tell the user, before it is done.
    pub(super) fn lines(&self, file: &Path, dry_run: bool) -> Vec<String> {
        let mut lines = Vec::new();
        let mut list = |title: String, of: &[String]| {
            if !of.is_empty() {
                lines.push(title);
                lines.extend_from_slice(of);
            }
        };
        let file = file.display();
        let taken = if dry_run {
            format!("settings that would be written to {file}:")
        } else {
            format!("settings for {file}:")
        };
        list(taken, &self.taken);
        let kept = "settings that stay as you set them (--force takes the others):";
        list(kept.to_owned(), &self.kept);
        list(
            "settings without a counterpart here:".to_owned(),
            &self.nowhere,
        );
        if self.same > 0 {
            lines.push(format!("settings that are so here already: {}", self.same));
        }
        lines
    }
}

fn words(place: &Place) -> String {
    match place {
        Place::File(path, position) => format!("{}:{position}", path.display()),
        Place::Variable(name) => (*name).to_owned(),
        Place::Together => "together".to_owned(),
    }
}
