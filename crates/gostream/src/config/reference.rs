//! The table as text: what `gostream config` prints.
//!
//! Both texts are valid config.json: comments carry the help.

use std::fmt::Write as _;

use super::{environment, key::Key, keys};

/// All keys with their defaults, as a config.json with comments. Members of
/// objects are grouped under them.
pub fn defaults() -> String {
    let mut out = String::from(
        "// Every setting with its default. Precedence: default < this file < environment\n\
         // < command line. Keys that are not listed are left alone.\n{\n",
    );
    let plain = keys::all().filter(|key| !key.name.contains('.'));
    for key in plain {
        entry(&mut out, key, key.name, "  ");
    }
    let mut sections: Vec<&str> = Vec::new();
    for (section, _) in keys::all().filter_map(|key| key.name.split_once('.')) {
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    for section in sections {
        out.push_str(&format!("  \"{section}\": {{\n"));
        for key in keys::all() {
            if let Some((of, member)) = key.name.split_once('.')
                && of == section
            {
                entry(&mut out, key, member, "    ");
            }
        }
        out.push_str("  },\n");
    }
    out.push_str("}\n");
    out
}

fn entry(out: &mut String, key: &Key, name: &str, indent: &str) {
    let mut notes = vec![key.kind.to_string()];
    if !key.unit.is_empty() {
        notes[0] = format!("{} {}", key.kind, key.unit);
    }
    if let Some(alias) = key.alias {
        notes.push(format!("older name: {alias}"));
    }
    notes.extend(
        environment::VARIABLES
            .iter()
            .filter(|variable| variable.key == key.name)
            .map(|variable| format!("variable: {}", variable.name)),
    );
    if !key.kind.has_effect() {
        notes.push("no effect in this version".to_owned());
    }
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "{indent}// {} [{}]\n{indent}\"{name}\": {},\n",
        key.help,
        notes.join("; "),
        key.kind.default_text(),
    );
}
