//! What is wrong with an smb.conf that shares the mount.
//!
//! Called by `gostream samba-config --check`. Paths are compared by name
//! only: nothing is looked up in a file system, since a mount may hang.

use std::{
    io,
    path::{Component, Path, PathBuf},
};

use crate::{
    doctor::{Finding, Level},
    paths::Directories,
};

use super::{
    document::{Document, Given, Section},
    rules::{DEADTIME, DEADTIME_MAX, RULES, Rule, Wanted},
    syntax::{before_comment, boolean},
};

/// Settings that are yes or no, besides those of [`RULES`].
const SWITCHES: &[&str] = &[
    "readonly",
    "guestok",
    "browseable",
    "available",
    "locking",
    "guestonly",
    "printable",
];

/// Everything that is wrong with the smb.conf at `path` for a share of these
/// directories' mount, and what is right when nothing is. Each is said to be
/// in a file and line.
///
/// # Errors
/// When the file cannot be read.
pub fn check(path: &Path, directories: &Directories) -> io::Result<Vec<Finding>> {
    let mut document = Document::read(path)?;
    let mut findings = std::mem::take(&mut document.findings);
    for given in &document.all {
        findings.extend(comment(given).or_else(|| switch(given)));
    }
    let mount = plain(&directories.mount);
    let mut shows_mount = false;
    for share in &document.shares {
        let Some(folder) = share.get("path") else {
            continue;
        };
        let shared = path_of(folder);
        if shared.starts_with(plain(&directories.library)) {
            findings.push(Finding::error(
                folder.place.to_string(),
                format!(
                    "[{}] shares the library: clients get stubs, small text files, instead of films",
                    share.name
                ),
                format!("path = {}", mount.display()),
            ));
        } else if shared.starts_with(&mount) {
            shows_mount = true;
            judge(share, &mount.to_string_lossy(), &mut findings);
        }
    }
    if !shows_mount {
        findings.push(Finding::error(
            path.display().to_string(),
            format!("no share has the path {}", mount.display()),
            "append what `gostream samba-config` prints",
        ));
    } else {
        findings.extend(deadtime(&document, path));
    }
    if findings.iter().all(|finding| finding.level == Level::Ok) {
        let seen = "shares the mount as it should be";
        findings.push(Finding::ok(path.display().to_string(), seen));
    }
    Ok(findings)
}

/// Which settings a share has that it should not have, and which it lacks.
fn judge(share: &Section, mount: &str, findings: &mut Vec<Finding>) {
    for rule in RULES {
        findings.extend(against(rule, share, mount));
    }
    if let Some(misplaced) = share.own("deadtime") {
        findings.push(Finding::warning(
            misplaced.place.to_string(),
            "deadtime is a global setting and has no effect in a share",
            "move the line to [global]",
        ));
    }
    if let Some(given) = share.get("available")
        && boolean(&given.value) == Some(false)
    {
        findings.push(Finding::error(
            given.place.to_string(),
            format!("[{}] is switched off", share.name),
            "available = yes",
        ));
    }
    let may_write = share
        .get("readonly")
        .and_then(|given| boolean(&given.value))
        == Some(false);
    let bin = share
        .get("vfsobjects")
        .filter(|given| words(&given.value).any(|word| word == "recycle"));
    if let (true, Some(given)) = (may_write, bin) {
        findings.push(Finding::warning(
            given.place.to_string(),
            "with `recycle` a film that a client deletes is moved to a bin and stays in the library",
            "take recycle out of vfs objects",
        ));
    }
}

fn against(rule: &Rule, share: &Section, mount: &str) -> Option<Finding> {
    let key = rule.name.replace(' ', "");
    let given = share.get(&key);
    let value = given.map_or(rule.default, |given| &given.value);
    // What comes before a comment is what was meant; the comment has a finding of its own.
    let value = before_comment(value).unwrap_or(value);
    let (written, value) = (value, value.to_lowercase());
    let is_right = match rule.wanted {
        Wanted::No => boolean(&value) == Some(false),
        Wanted::Positive => value.parse::<u64>().is_ok_and(|number| number > 0),
        Wanted::Lists(word) => words(&value).any(|one| one == word),
        Wanted::OneOf(values) => values.contains(&&*value),
        Wanted::Mount => written.contains(mount) || share.get("fileid:fstypeallow").is_some(),
    };
    if is_right {
        return None;
    }
    let (place, state) = match given {
        Some(given) => (&given.place, "is"),
        None => (&share.place, "is not set, which means"),
    };
    let shown = if value.is_empty() { "nothing" } else { &value };
    let seen = format!(
        "[{}] {} {state} {shown}: {}",
        share.name, rule.name, rule.why
    );
    let remedy = match (&rule.wanted, value.is_empty()) {
        (Wanted::Lists(word), false) => format!("{} = {value} {word}", rule.name),
        _ => format!("{} = {}", rule.name, rule.value(mount)),
    };
    // Elsewhere it may be right for other shares.
    let remedy = match share.own(&key) {
        Some(_) => remedy,
        None => format!("{remedy} in [{}]", share.name),
    };
    let finding = if rule.is_grave {
        Finding::error
    } else {
        Finding::warning
    };
    Some(finding(place.to_string(), seen, remedy))
}

/// Samba divides lists by blanks and commas.
fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split([' ', ',']).filter(|word| !word.is_empty())
}

/// A comment behind a value, where it does harm.
fn comment(given: &Given) -> Option<Finding> {
    let meant = before_comment(&given.value)?;
    let is_switch = boolean(meant).is_some() || meant.parse::<u64>().is_ok() || is_switch(given);
    let harm = if is_switch {
        "Samba then loads no share at all"
    } else if super::syntax::canonical(&given.name).0 == "path" {
        "Samba then looks for a directory of that name"
    } else {
        return None;
    };
    Some(Finding::error(
        given.place.to_string(),
        format!(
            "what looks like a comment is a part of the value of {}: {harm}",
            given.name
        ),
        "put the comment on a line of its own",
    ))
}

/// A value that is neither yes nor no where it must be.
fn switch(given: &Given) -> Option<Finding> {
    (is_switch(given) && boolean(&given.value).is_none()).then(|| {
        Finding::error(
            given.place.to_string(),
            format!(
                "{} is {:?}, neither yes nor no: Samba then loads no share at all",
                given.name, given.value
            ),
            "yes or no",
        )
    })
}

fn is_switch(given: &Given) -> bool {
    let (name, _) = super::syntax::canonical(&given.name);
    // Of ours these two take more than yes and no.
    let is_ours = RULES.iter().any(|rule| {
        matches!(rule.wanted, Wanted::No)
            && !["strict locking", "use sendfile"].contains(&rule.name)
            && rule.name.replace(' ', "") == name
    });
    is_ours || SWITCHES.contains(&&*name)
}

fn deadtime(document: &Document, path: &Path) -> Option<Finding> {
    let given = document.global.get("deadtime");
    let (place, seen) = match given {
        Some(given) => {
            let value = before_comment(&given.value).unwrap_or(&given.value);
            let minutes = value.parse().unwrap_or(0);
            if (1..=DEADTIME_MAX).contains(&minutes) {
                return None;
            }
            (given.place.to_string(), format!("deadtime is {value}"))
        }
        None => (
            path.display().to_string(),
            "deadtime is not set, which means a week".to_owned(),
        ),
    };
    let seen = format!("{seen}: clients that hold no file open stay connected");
    Some(Finding::warning(
        place,
        seen,
        format!("deadtime = {DEADTIME} in [global]"),
    ))
}

/// What a share shows, as far as its name tells.
fn path_of(given: &Given) -> PathBuf {
    let value = before_comment(&given.value).unwrap_or(&given.value);
    plain(Path::new(value.trim_matches('"')))
}

/// Without `.`, `..` and doubled slashes.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests;
