//! Short ways to write a row of the table, and to narrow its numbers.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use crate::config::{
    key::{Form, Key, Kind},
    settings::Config,
    units::ByteSize,
};

type SetInt = Option<fn(&mut Config, u64)>;
type SetNumber = Option<fn(&mut Config, f64)>;
type SetFlag = Option<fn(&mut Config, bool)>;
type SetText = Option<fn(&mut Config, &str)>;

/// All port numbers.
pub(super) const PORTS: RangeInclusive<u64> = 0..=65535;

const fn row(name: &'static str, kind: Kind, unit: &'static str, help: &'static str) -> Key {
    Key {
        name,
        alias: None,
        kind,
        unit,
        help,
        secret: false,
        live: false,
    }
}

impl Key {
    /// With an older name.
    pub(super) const fn or(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    /// Taken by a running server.
    pub(super) const fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// With a value that is never printed.
    pub(super) const fn hidden(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// A whole number of `unit`.
pub(super) const fn int(
    name: &'static str,
    default: u64,
    range: RangeInclusive<u64>,
    unit: &'static str,
    set: SetInt,
    help: &'static str,
) -> Key {
    let kind = Kind::Int {
        default,
        range,
        set,
    };
    row(name, kind, unit, help)
}

/// A number of seconds, with or without a fraction.
pub(super) const fn seconds(
    name: &'static str,
    default: f64,
    range: RangeInclusive<f64>,
    set: SetNumber,
    help: &'static str,
) -> Key {
    let kind = Kind::Number {
        default,
        range,
        set,
    };
    row(name, kind, "s", help)
}

/// True or false, without effect.
pub(super) const fn flag(name: &'static str, default: bool, help: &'static str) -> Key {
    switch(name, default, None, help)
}

/// True or false.
pub(super) const fn switch(
    name: &'static str,
    default: bool,
    set: SetFlag,
    help: &'static str,
) -> Key {
    row(name, Kind::Flag { default, set }, "", help)
}

/// A string.
pub(super) const fn text(
    name: &'static str,
    default: &'static str,
    form: Form,
    set: SetText,
    help: &'static str,
) -> Key {
    let kind = Kind::Text { default, form, set };
    row(name, kind, "", help)
}

/// A list of strings.
pub(super) const fn list(
    name: &'static str,
    default: &'static [&'static str],
    help: &'static str,
) -> Key {
    let kind = Kind::TextList {
        default,
        form: Form::Any,
        set: None,
    };
    row(name, kind, "", help)
}

/// A list of strings that has an effect; none by default.
pub(super) const fn texts(
    name: &'static str,
    set: fn(&mut Config, Vec<String>),
    help: &'static str,
) -> Key {
    texts_of(name, &[], Form::Any, set, help)
}

/// A list of strings of some form that has an effect.
pub(super) const fn texts_of(
    name: &'static str,
    default: &'static [&'static str],
    form: Form,
    set: fn(&mut Config, Vec<String>),
    help: &'static str,
) -> Key {
    let kind = Kind::TextList {
        default,
        form,
        set: Some(set),
    };
    row(name, kind, "", help)
}

/// An object that a later part reads.
pub(super) const fn object(name: &'static str, help: &'static str) -> Key {
    row(name, Kind::Object, "", help)
}

/// A port number. The table's range keeps it below 2^16.
pub(super) fn port(n: u64) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// A limit in KiB a second; 0 is none.
pub(super) fn limit(kib: u64) -> Option<ByteSize> {
    (kib > 0).then(|| ByteSize::kib(kib))
}

/// A number of the table whose range keeps it below 2^32.
pub(super) fn narrow(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A count of the table, as the platform counts.
pub(super) fn count(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Seconds of the table, whose range is finite and not negative.
pub(super) fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}

/// A path, or nothing when the string is empty.
pub(super) fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}
