//! One row of the table of settings: what a key is called, what it may hold,
//! what it sets, and one sentence about it.
//!
//! The tables are in `keys`; the checks, the messages and the reference read
//! rows and know no key by name.

use std::{fmt, ops::RangeInclusive};

use gostream_http::Applies;
use serde_json::{Map, Value};

use super::settings::Config;

/// A key of config.json.
#[derive(Debug)]
pub struct Key {
    /// Its name; a dot separates the name of an object and that of its member.
    pub name: &'static str,
    /// An older name, read when `name` is absent or empty.
    pub alias: Option<&'static str>,
    /// Type, range, default and effect.
    pub kind: Kind,
    /// Unit of a number, or empty.
    pub unit: &'static str,
    /// What it does, in one sentence.
    pub help: &'static str,
    /// Its value is never printed.
    pub secret: bool,
    /// Whether a running server takes a change of it; else it waits for a restart.
    pub live: bool,
}

impl Key {
    /// When a change acts.
    pub fn applies(&self) -> Applies {
        match (self.kind.has_effect(), self.live) {
            (false, _) => Applies::Never,
            (true, true) => Applies::Live,
            (true, false) => Applies::Restart,
        }
    }

    /// The value when nothing is set.
    pub fn default(&self) -> Value {
        match &self.kind {
            Kind::Int { default, .. } => (*default).into(),
            Kind::Number { default, .. } => (*default).into(),
            Kind::Flag { default, .. } => (*default).into(),
            Kind::Text { default, .. } => (*default).into(),
            Kind::TextList { default, .. } => (*default).into(),
            Kind::Object => Value::Object(Map::new()),
        }
    }
}

/// What a key may hold. A key without `set` is accepted and has no effect in
/// this version.
#[derive(Debug)]
pub enum Kind {
    /// A whole number.
    Int {
        /// Used when the key is absent.
        default: u64,
        /// What is allowed.
        range: RangeInclusive<u64>,
        /// Its effect.
        set: Option<fn(&mut Config, u64)>,
    },
    /// A number, with or without a fraction.
    Number {
        /// Used when the key is absent.
        default: f64,
        /// What is allowed.
        range: RangeInclusive<f64>,
        /// Its effect.
        set: Option<fn(&mut Config, f64)>,
    },
    /// True or false.
    Flag {
        /// Used when the key is absent.
        default: bool,
        /// Its effect.
        set: Option<fn(&mut Config, bool)>,
    },
    /// A string.
    Text {
        /// Used when the key is absent.
        default: &'static str,
        /// What is allowed.
        form: Form,
        /// Its effect.
        set: Option<fn(&mut Config, &str)>,
    },
    /// A list of strings.
    TextList {
        /// Used when the key is absent.
        default: &'static [&'static str],
        /// What each is allowed to be.
        form: Form,
        /// Its effect.
        set: Option<fn(&mut Config, Vec<String>)>,
    },
    /// An object whose members belong to a part that is not in this version.
    Object,
}

/// What a string may be. Empty is always allowed and means "not set".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Anything.
    Any,
    /// An absolute http or https URL.
    Url,
    /// A path of the file system.
    Path,
    /// An IPv4 address.
    Ipv4,
    /// The name of a network interface, or an IP address.
    Interface,
    /// Whom the web ports serve: `loopback`, `private`, an address or a network.
    Clients,
    /// Whose web pages may ask: an origin, or `*`.
    Origin,
    /// One of these, in any case.
    OneOf(&'static [&'static str]),
}

impl Kind {
    /// Whether the key does anything in this version.
    pub fn has_effect(&self) -> bool {
        match self {
            Self::Int { set, .. } => set.is_some(),
            Self::Number { set, .. } => set.is_some(),
            Self::Text { set, .. } => set.is_some(),
            Self::Flag { set, .. } => set.is_some(),
            Self::TextList { set, .. } => set.is_some(),
            Self::Object => false,
        }
    }
}

/// What is allowed: `10..=65536`, `true or false`, `one of a, b`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int { range, .. } => write!(f, "{range:?}"),
            Self::Number { range, .. } => write!(f, "{}..={}", range.start(), range.end()),
            Self::Flag { .. } => f.write_str("true or false"),
            Self::Text { form, .. } => form.fmt(f),
            Self::TextList {
                form: Form::Any, ..
            } => f.write_str("a list of strings"),
            Self::TextList { form, .. } => write!(f, "a list, each {form}"),
            Self::Object => f.write_str("an object"),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("a string"),
            Self::Url => f.write_str("an http:// or https:// URL"),
            Self::Path => f.write_str("a path"),
            Self::Ipv4 => f.write_str("an IPv4 address"),
            Self::Interface => f.write_str("the name of a network interface or an IP address"),
            Self::Clients => {
                f.write_str("loopback, private, an address or a network such as 192.168.1.0/24")
            }
            Self::Origin => f.write_str("an origin such as https://lampa.example, or *"),
            Self::OneOf(names) => {
                f.write_str("one of")?;
                for (i, name) in names.iter().filter(|name| !name.is_empty()).enumerate() {
                    f.write_str(if i == 0 { " " } else { ", " })?;
                    f.write_str(name)?;
                }
                Ok(())
            }
        }
    }
}
