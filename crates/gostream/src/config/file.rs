//! config.json while a server runs: read again, and changed.
//!
//! Used by the server's settings and by `gostream config set`. What always holds: a change is checked as a whole before
//! anything is written; the file is replaced in one step, so that a reader sees the old text or the new one; between
//! reading and replacing it nobody else that uses this module changes it (a lock on its directory); only its owner may
//! read it, since it holds secrets.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs::{self, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use gostream_http::{SettingsError, WrongSetting};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Map, Value};

use super::{
    check, document,
    edit::{self, Edit},
    environment,
    error::{ConfigError, Place},
    key::Key,
    keys,
    load::{self, Loaded},
    resemble,
    values::{self, Values},
};

/// How often a lock that another has is asked for, and how long to wait in between: a change takes milliseconds.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(100);
/// A file that has nothing in it yet.
const EMPTY: &str = "{\n}\n";

/// The environment.
pub type Variables = Arc<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// See the module.
#[derive(Clone)]
pub struct SettingsFile {
    path: PathBuf,
    variables: Variables,
}

impl SettingsFile {
    /// The file at `path`, whether it is there yet or not.
    pub fn new(path: PathBuf, variables: Variables) -> Self {
        Self { path, variables }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The variable that says what a key holds, whatever the file says.
    pub fn overrides(&self, key: &Key) -> Option<&'static str> {
        environment::overrides(&*self.variables, key)
    }

    /// Reads it as at the start; a file that is not there is one without keys.
    ///
    /// # Errors
    /// As [`load`](super::load).
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        load::from(self.path.clone(), load::read(&self.path)?, &*self.variables)
    }

    /// What is set, and where.
    ///
    /// # Errors
    /// As [`SettingsFile::load`].
    pub(crate) fn told(&self) -> Result<Told, ConfigError> {
        let text = load::read(&self.path)?;
        let values = load::from(self.path.clone(), text.clone(), &*self.variables)?.values;
        let set = document::set_keys(text.as_deref().unwrap_or(EMPTY));
        let mut places: HashMap<&'static str, Place> = set
            .into_iter()
            .map(|(key, at)| (key.name, Place::File(self.path.clone(), at)))
            .collect();
        let overridden = keys::all().filter_map(|key| Some((key.name, self.overrides(key)?)));
        places.extend(overridden.map(|(key, by)| (key, Place::Variable(by))));
        Ok(Told { values, places })
    }

    /// Whether a change could be made; nothing is written.
    ///
    /// # Errors
    /// As [`SettingsFile::change`].
    pub(crate) fn check(&self, asked: &Map<String, Value>) -> Result<(), SettingsError> {
        self.plan(asked).map(|_| ())
    }

    /// Changes keys, all or none, and returns what the file says then. `null` puts a key back to its default; a secret
    /// that is masked changes nothing. Makes the file, and its directory, when there is none. Blocks for up to ten
    /// seconds.
    ///
    /// # Errors
    /// All values that cannot be, by key; or that the file is broken, or cannot be written.
    pub fn change(&self, asked: &Map<String, Value>) -> Result<Loaded, SettingsError> {
        // A link stays one.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let failed = |error: io::Error| {
            SettingsError::Failed(format!("{}: cannot be written: {error}", path.display()))
        };
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        // That of a first start is not there yet.
        fs::create_dir_all(directory).map_err(failed)?;
        let _lock = lock(directory).map_err(failed)?;
        let (loaded, new) = self.plan(asked)?;
        if let Some(new) = new {
            replace(&path, directory, &new).map_err(failed)?;
        }
        Ok(loaded)
    }

    /// What a change would make of the settings, and the text of the file then, if it is another one.
    fn plan(&self, asked: &Map<String, Value>) -> Result<(Loaded, Option<String>), SettingsError> {
        let broken = |error: ConfigError| SettingsError::Broken(error.to_string());
        let text = load::read(&self.path).map_err(broken)?;
        let values = load::values(&self.path, text.as_deref(), &*self.variables).map_err(broken)?;
        let edits = edits(asked, &values.values).map_err(SettingsError::Invalid)?;
        let old = text.as_deref().unwrap_or(EMPTY);
        let new = edit::edit(old, &edits)
            .map_err(|error| SettingsError::Broken(format!("{}: {error}", self.path.display())))?;
        let loaded = load::from(self.path.clone(), Some(new.clone()), &*self.variables)
            .map_err(|error| refused(&error))?;
        Ok((loaded, Some(new).filter(|_| !edits.is_empty())))
    }
}

/// What the settings say, and where each key stands that is set at all.
pub(crate) struct Told {
    pub(crate) values: Values,
    pub(crate) places: HashMap<&'static str, Place>,
}

/// What is to be written; what would change nothing is left out.
fn edits(asked: &Map<String, Value>, values: &Values) -> Result<Vec<Edit>, Vec<WrongSetting>> {
    let mut edits = Vec::new();
    let mut wrong = Vec::new();
    for (name, value) in asked {
        let Some(key) = keys::find(name).or_else(|| keys::find_alias(name)) else {
            let meant = resemble::known_key(name);
            let hint = meant.map(|meant| format!("; did you mean {meant}?"));
            let detail = "is not a setting".to_owned() + &hint.unwrap_or_default();
            wrong.push(WrongSetting {
                key: name.clone(),
                detail,
            });
            continue;
        };
        // What is sent back as it was shown stays as it is.
        if *value == values::masked(key, values.of(key)) {
            continue;
        }
        let value = values::meant(key, value, values.of(key));
        match check::json(key, &value) {
            Ok(value) => edits.push((key, value)),
            Err(detail) => wrong.push(WrongSetting {
                key: name.clone(),
                detail,
            }),
        }
    }
    // A value that is held already is not written, so that what is sent back whole stays as short as it was.
    edits.retain(|(key, value)| value.as_ref() != Some(values.of(key)));
    if wrong.is_empty() {
        Ok(edits)
    } else {
        Err(wrong)
    }
}

/// The values do not go together, or the text became too long.
fn refused(error: &ConfigError) -> SettingsError {
    match error {
        ConfigError::Invalid { problems } => {
            let wrong = problems.iter().map(|problem| WrongSetting {
                key: problem.key.clone().unwrap_or_default(),
                detail: problem.what.clone(),
            });
            SettingsError::Invalid(wrong.collect())
        }
        ConfigError::Missing { .. }
        | ConfigError::Unreadable { .. }
        | ConfigError::TooLong { .. } => SettingsError::Broken(error.to_string()),
    }
}

/// The only one to change a file of this directory, until it is dropped.
fn lock(directory: &Path) -> io::Result<File> {
    let directory = File::open(directory)?;
    let mut tries = 0;
    loop {
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(directory),
            Err(rustix::io::Errno::WOULDBLOCK) if tries < LOCK_TRIES => {
                tries += 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Puts a text in the place of a file. It belongs to whom the file belonged to, and others than its owner may read it
/// only if that was a group that its owner had let in, and nobody else.
fn replace(path: &Path, directory: &Path, text: &str) -> io::Result<()> {
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(path) {
        let mine = new.as_file().metadata()?;
        if (old.uid(), old.gid()) != (mine.uid(), mine.gid()) {
            // Only root may give files away; where that fails, who wrote it is who runs the server.
            if let Err(error) = fchown(new.as_file(), Some(old.uid()), Some(old.gid())) {
                tracing::debug!(%error, "config.json keeps its new owner");
            }
        }
        let for_a_group = old.mode() & 0o007 == 0 && old.mode() & 0o040 != 0;
        let mode = if for_a_group { 0o640 } else { 0o600 };
        new.as_file()
            .set_permissions(Permissions::from_mode(mode))?;
    }
    new.as_file().sync_all()?;
    new.persist(path)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests;
