//! The table of settings.
//!
//! Keys of our own (those of connections in a file of their own), keys of the
//! seed era, keys of the later upstream. A name occurs once. Read by everything else of `config`.

mod discovery;
mod later;
mod logs;
mod ours;
mod row;
mod seed;
mod transports;
mod web;

use super::key::Key;

/// All keys: ours first, then by era.
pub fn all() -> impl Iterator<Item = &'static Key> {
    ours::KEYS
        .iter()
        .chain(transports::KEYS)
        .chain(web::KEYS)
        .chain(discovery::KEYS)
        .chain(logs::KEYS)
        .chain(seed::KEYS)
        .chain(later::KEYS)
}

/// The key of that (dotted) name.
pub fn find(name: &str) -> Option<&'static Key> {
    all().find(|key| key.name == name)
}

/// The key whose older name this is.
pub fn find_alias(name: &str) -> Option<&'static Key> {
    all().find(|key| key.alias == Some(name))
}

/// Whether keys are called `name.something`.
pub fn is_section(name: &str) -> bool {
    all().any(|key| {
        key.name
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::config::key::{Form, Kind};

    #[test]
    fn a_name_or_alias_occurs_once() {
        let mut seen = HashSet::new();
        for name in all().flat_map(|key| [Some(key.name), key.alias]).flatten() {
            assert!(seen.insert(name), "{name} is there twice");
            assert!(!is_section(name), "{name} is a key and a section");
        }
    }

    #[test]
    fn defaults_lie_within_their_ranges() {
        for key in all() {
            let within = match &key.kind {
                Kind::Int { default, range, .. } => range.contains(default),
                Kind::Number { default, range, .. } => range.contains(default),
                Kind::Text { default, form, .. } => match form {
                    Form::OneOf(names) => names.contains(default),
                    Form::Any
                    | Form::Url
                    | Form::Path
                    | Form::Ipv4
                    | Form::Interface
                    | Form::Clients
                    | Form::Origin => true,
                },
                Kind::Flag { .. } | Kind::TextList { .. } | Kind::Object => true,
            };
            assert!(within, "{}", key.name);
        }
    }

    #[test]
    fn help_is_one_sentence() {
        for key in all() {
            assert!(key.help.ends_with('.'), "{}: {}", key.name, key.help);
            assert!(!key.help.contains('\n'), "{}", key.name);
        }
    }
}
