//! The table as text: what `gostream config --defaults` prints, a valid config.json whose comments carry the help, and
//! docs/SETTINGS.md.

use std::fmt::Write as _;

use gostream_http::Applies;

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
    notes.push(in_words(key.applies()).to_owned());
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "{indent}// {} [{}]\n{indent}\"{name}\": {},\n",
        key.help,
        notes.join("; "),
        key.default(),
    );
}

/// When a change of a key acts.
const fn in_words(applies: Applies) -> &'static str {
    match applies {
        Applies::Live => "at once",
        Applies::Restart => "after a restart",
        Applies::Never => "no effect in this version",
    }
}

/// The table as a page of Markdown: docs/SETTINGS.md.
#[cfg(test)]
fn page() -> String {
    let mut out = String::from(PAGE_HEAD);
    for key in keys::all() {
        let mut default = format!("`{}`", key.default());
        if key.secret {
            default.push_str(", a secret");
        }
        let unit = if key.unit.is_empty() { "" } else { " " };
        let allowed = format!("{}{unit}{}", key.kind, key.unit);
        let _ = writeln!(
            out,
            "| `{}` | {} | {default} | {} | {} |",
            key.name,
            allowed.replace('|', "\\|"),
            in_words(key.applies()),
            key.help.replace('|', "\\|"),
        );
    }
    out
}

#[cfg(test)]
const PAGE_HEAD: &str = "\
# Settings

All keys of config.json. This page is written from the table in the program (`crates/gostream/src/config/keys`) by
`GOSTREAM_WRITE_DOCS=1 cargo nextest run -p gostream the_page_of_settings`; the same with comments for a first
config.json: `gostream config --defaults`.

A key with a dot is a member of an object: `natpmp.enabled` is `{\"natpmp\": {\"enabled\": true}}`. *Changes act*
says whether a running server takes a change at once (by `gostream config set`, the API, or after `systemctl reload` or
SIGHUP when the file was edited) or when it starts the next time. A secret is never printed: `***` stands for it.

| key | allowed | default | changes act | |
|---|---|---|---|---|
";

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn the_page_of_settings_is_that_of_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/SETTINGS.md");
        if std::env::var_os("GOSTREAM_WRITE_DOCS").is_some() {
            fs::write(&path, super::page()).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap();
        let page = page();
        let differs = page
            .lines()
            .zip(written.lines())
            .find(|(new, old)| new != old);
        assert!(
            page == written,
            "docs/SETTINGS.md says how to write it anew: {differs:?}"
        );
    }

    #[test]
    fn every_key_says_when_a_change_of_it_acts() {
        let printed = defaults();
        let notes = printed
            .lines()
            .filter(|line| line.trim_start().starts_with("//"));
        let said = notes.filter(|note| {
            let mut words = ["at once]", "after a restart]", "no effect in this version]"].iter();
            words.any(|words| note.ends_with(*words))
        });
        assert_eq!(said.count(), keys::all().count());
    }
}
