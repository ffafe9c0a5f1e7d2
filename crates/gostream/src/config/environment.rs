//! Variables of the environment that override config.json.
//!
//! Called by `load` after the file. A variable that is empty counts as not
//! set; one that does not fit is refused by name. MKV_PROXY_CONFIG_PATH is
//! not here: it names the file.

use std::ffi::OsString;

use super::{
    check,
    error::{Place, Problem},
    key::Key,
    keys,
    values::Values,
};

/// A variable and the key that it overrides.
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) key: &'static str,
    form: Form,
}

enum Form {
    /// As in config.json.
    Plain,
    /// Bytes, or a number with K, M or G; the key is in MiB.
    Bytes,
}

/// All of them.
pub(super) const VARIABLES: &[Variable] = &[
    plain("MKV_PROXY_CONCURRENCY", "master_concurrency_limit"),
    Variable {
        name: "MKV_PROXY_READ_AHEAD_BUDGET",
        key: "read_ahead_budget_mb",
        form: Form::Bytes,
    },
    plain("MKV_PROXY_GOSTORM_URL", "gostorm_url"),
    plain("MKV_PROXY_LOG_LEVEL", "log_level"),
    plain("MKV_PROXY_UID", "uid"),
    plain("MKV_PROXY_GID", "gid"),
];

const fn plain(name: &'static str, key: &'static str) -> Variable {
    Variable {
        name,
        key,
        form: Form::Plain,
    }
}

/// Applies all variables that are set and returns what is wrong with them.
pub(super) fn apply(
    variables: &dyn Fn(&str) -> Option<OsString>,
    values: &mut Values,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for variable in VARIABLES {
        let Some(value) = variables(variable.name).filter(|value| !value.is_empty()) else {
            continue;
        };
        if let Err(what) = apply_one(variable, value, values) {
            problems.push(Problem {
                place: Place::Variable(variable.name),
                key: None,
                what,
            });
        }
    }
    problems
}

/// The variable that says what a key holds, if one is set.
pub(super) fn overrides(
    variables: &dyn Fn(&str) -> Option<OsString>,
    key: &Key,
) -> Option<&'static str> {
    let mut named = VARIABLES.iter().filter(|variable| variable.key == key.name);
    let set =
        named.find(|variable| variables(variable.name).is_some_and(|value| !value.is_empty()));
    set.map(|variable| variable.name)
}

fn apply_one(variable: &Variable, value: OsString, values: &mut Values) -> Result<(), String> {
    let value = value
        .into_string()
        .map_err(|_| "is not valid UTF-8".to_owned())?;
    let key = keys::find(variable.key).ok_or_else(|| "overrides no setting".to_owned())?;
    let checked = match variable.form {
        Form::Plain => check::variable(key, &value)?,
        Form::Bytes => {
            let got = || {
                format!(
                    "{}; write bytes, or 512M, or 2G",
                    check::quoted(key, &value)
                )
            };
            let mib = mib(&value).ok_or_else(|| check::refusal(key, &got()))?;
            check::variable(key, &mib.to_string()).map_err(|_| check::refusal(key, &got()))?
        }
    };
    if let Some(checked) = checked {
        values.set(key, checked);
    }
    Ok(())
}

/// `1073741824`, `1048576K`, `1024MB` or `1G` in whole MiB, rounded down.
fn mib(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "K" | "KB" => 10,
        "M" | "MB" => 20,
        "G" | "GB" => 30,
        _ => return None,
    };
    let number: u64 = digits.parse().ok()?;
    Some(number.checked_mul(1 << shift)? >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary_and_rounded_down() {
        assert_eq!(mib("268435456"), Some(256));
        assert_eq!(mib("1048575"), Some(0));
        assert_eq!(mib("262144K"), Some(256));
        assert_eq!(mib("512MB"), Some(512));
        assert_eq!(mib("2G"), Some(2048));
        for bad in ["", "M", "-1M", "1m", "1.5G", "1T", "99999999999999G", "1 G"] {
            assert_eq!(mib(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_variable_overrides_a_known_key() {
        for variable in VARIABLES {
            assert!(keys::find(variable.key).is_some(), "{}", variable.name);
        }
    }
}
