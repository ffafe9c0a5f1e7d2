//! The settings of a running server: changed by the API and read again at SIGHUP, applied where that can be done.
//!
//! What always holds: what is in force is what the start said, but for the live keys, which are as the file and the
//! environment say now; a change that is refused changes nothing. Which keys are live is said by their rows
//! ([`Key::live`]), and what they reach is gathered in [`Live`]; a test holds the two together.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use gostorm::{Engine, Tuning};
use gostream_http::{
    Access, Applies, Event, Events, LiveAccess, Overridden, SettingInfo, SettingsChange,
    SettingsControl, SettingsError,
};
use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::parts::engine_config;
use super::playback::LivePlex;
use crate::cli::Context;
use crate::config::{Config, Key, Loaded, LogLevel, PlexSettings, SettingsFile, Values, keys};
use crate::logging::LogSwitch;
use crate::paths::Directories;

/// What a running server takes over of the settings.
#[derive(Debug, Clone, PartialEq)]
struct Live {
    tuning: Tuning,
    access: Access,
    plex: PlexSettings,
    log_level: LogLevel,
}

impl Live {
    fn of(config: &Config, directories: &Directories) -> Self {
        Self {
            tuning: engine_config(config, directories).tuning(),
            access: config.web.access.clone(),
            plex: config.plex.clone(),
            log_level: config.log_level,
        }
    }
}

/// See the module. Clones share it.
#[derive(Clone)]
pub(crate) struct LiveSettings(Arc<Inner>);

struct Inner {
    file: SettingsFile,
    directories: Directories,
    engine: Engine,
    access: LiveAccess,
    plex: LivePlex,
    log: LogSwitch,
    /// What the process started with.
    started: Values,
    state: Mutex<State>,
    /// Who is told of changes.
    events: OnceLock<Events>,
}

struct State {
    /// What the file and the environment said last.
    said: Values,
    /// What is in force.
    live: Live,
    /// The file was there: it does not vanish for good reason.
    had_file: bool,
}

impl LiveSettings {
    /// Has changes told to these; the first that are given stay.
    pub(super) fn tell(&self, events: Events) {
        // Others are not taken.
        let _ = self.0.events.set(events);
    }

    /// Those that `context` was started with.
    pub(super) fn new(context: &Context, engine: Engine, access: LiveAccess) -> Self {
        let state = State {
            said: context.values.clone(),
            live: Live::of(&context.config, &context.directories),
            had_file: context.config_file.is_some(),
        };
        Self(Arc::new(Inner {
            file: context.settings.clone(),
            directories: context.directories.clone(),
            engine,
            access,
            plex: LivePlex::new(ArcSwap::from_pointee(context.config.plex.clone())),
            log: context.log.clone(),
            started: context.values.clone(),
            state: Mutex::new(state),
            events: OnceLock::new(),
        }))
    }

    /// The Plex server, as it is set at the time.
    pub(super) fn plex(&self) -> LivePlex {
        LivePlex::clone(&self.0.plex)
    }

    /// Reads the file again, and applies what changed. What is wrong with it is logged, and then nothing changes.
    pub(super) async fn reload(&self) {
        let this = self.clone();
        let read = tokio::task::spawn_blocking(move || this.0.reload()).await;
        match read {
            Ok(Ok(change)) => tracing::info!(
                applied = ?change.applied,
                after_a_restart = ?change.restart,
                "settings were read again"
            ),
            Ok(Err(error)) => tracing::error!("settings stay as they were: {error}"),
            Err(panic) => tracing::error!(%panic, "settings stay as they were"),
        }
    }
}

impl Inner {
    fn reload(&self) -> Result<SettingsChange, String> {
        let mut state = self.state.lock();
        let loaded = self.file.load().map_err(|error| error.to_string())?;
        if state.had_file && loaded.file.is_none() {
            return Err(format!("{}: is gone", self.file.path().display()));
        }
        Ok(self.take(&mut state, &loaded))
    }

    fn change(&self, asked: &Map<String, Value>) -> Result<SettingsChange, SettingsError> {
        let mut state = self.state.lock();
        let loaded = self.file.change(asked)?;
        let mut change = self.take(&mut state, &loaded);
        change.overridden = self.overridden(asked, &loaded.values);
        Ok(change)
    }

    /// Applies what the file and the environment say now, and tells of it.
    fn take(&self, state: &mut State, loaded: &Loaded) -> SettingsChange {
        let said = &loaded.values;
        let names = |keys: &mut dyn Iterator<Item = &'static Key>, applies: Applies| {
            keys.filter(|key| key.applies() == applies)
                .map(|key| key.name.to_owned())
                .collect()
        };
        let change = SettingsChange {
            applied: names(&mut said.differing(&state.said), Applies::Live),
            restart: names(&mut said.differing(&self.started), Applies::Restart),
            without_effect: names(&mut said.differing(&state.said), Applies::Never),
            overridden: Vec::new(),
        };
        let mut in_force = self.started.clone();
        for key in keys::all().filter(|key| key.applies() == Applies::Live) {
            in_force.take(key, said);
        }
        let live = Live::of(&in_force.config(), &self.directories);
        if live.tuning != state.live.tuning {
            self.engine.retune(live.tuning.clone());
        }
        if live.log_level != state.live.log_level {
            self.log.set(live.log_level);
        }
        self.access.set(live.access.clone());
        self.plex.store(Arc::new(live.plex.clone()));
        let changed = said.differing(&state.said);
        let keys: Vec<String> = changed.map(|key| key.name.to_owned()).collect();
        if let Some(events) = self.events.get().filter(|_| !keys.is_empty()) {
            events.tell(Event::SettingsChanged { keys });
        }
        *state = State {
            said: said.clone(),
            live,
            had_file: state.had_file || loaded.file.is_some(),
        };
        change
    }

    /// Keys that were asked for and hold something else, because of the environment.
    fn overridden(&self, asked: &Map<String, Value>, said: &Values) -> Vec<Overridden> {
        let asked = asked.iter().filter_map(|(name, value)| {
            let key = keys::find(name).or_else(|| keys::find_alias(name))?;
            let by = self.file.overrides(key)?;
            (*value != said.shown(key)).then(|| Overridden {
                key: key.name.to_owned(),
                by: by.to_owned(),
            })
        });
        asked.collect()
    }

    fn describe(&self) -> Vec<SettingInfo> {
        let state = self.state.lock();
        let info = |key: &'static Key| SettingInfo {
            name: key.name.to_owned(),
            value: state.said.shown(key),
            default: key.default(),
            allowed: key.kind.to_string(),
            unit: key.unit.to_owned(),
            help: key.help.to_owned(),
            applies: key.applies(),
            secret: key.secret,
            overridden_by: self.file.overrides(key).map(str::to_owned),
            waits_for_restart: key.applies() == Applies::Restart
                && state.said.of(key) != self.started.of(key),
        };
        keys::all().map(info).collect()
    }
}

impl SettingsControl for LiveSettings {
    fn describe(&self) -> Vec<SettingInfo> {
        self.0.describe()
    }

    fn set(
        &self,
        changes: Map<String, Value>,
    ) -> BoxFuture<'_, Result<SettingsChange, SettingsError>> {
        let this = self.clone();
        Box::pin(async move {
            // A file is written, and another writer may be waited for.
            let done = tokio::task::spawn_blocking(move || this.0.change(&changes)).await;
            done.unwrap_or_else(|panic| Err(SettingsError::Failed(panic.to_string())))
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::config::{Form, Kind};

    /// Another value than the default that a key may hold.
    fn other(key: &Key) -> Value {
        match &key.kind {
            Kind::Int { default, range, .. } => json!(if default == range.start() {
                range.end()
            } else {
                range.start()
            }),
            Kind::Number { default, range, .. } => json!(if default == range.start() {
                range.end()
            } else {
                range.start()
            }),
            Kind::Flag { default, .. } => json!(!default),
            Kind::Text { default, form, .. } => match form {
                Form::Any => json!("other"),
                Form::Path => json!("/other"),
                Form::Url => json!("http://other/"),
                Form::Ipv4 => json!("192.0.2.1"),
                Form::Interface => json!("tun9"),
                Form::Clients => json!("loopback"),
                Form::Origin => json!("http://other"),
                Form::OneOf(names) => {
                    json!(names.iter().find(|name| *name != default).unwrap())
                }
            },
            Kind::TextList {
                form: Form::Origin, ..
            } => json!(["http://other"]),
            Kind::TextList { .. } => json!(["192.0.2.1"]),
            Kind::Object => json!({"a": 1}),
        }
    }

    #[test]
    fn a_row_says_live_exactly_if_a_running_server_takes_the_key() {
        let directory = tempfile::tempdir().unwrap();
        let directories = Directories {
            library: directory.path().join("library"),
            mount: directory.path().join("mount"),
            state: directory.path().join("state"),
            logs: None,
        };
        // Some keys do something only beside others.
        let mut base = Values::default();
        let beside = json!({"blocklist_enabled": true, "blocklist_url": "http://list/"});
        for (name, value) in beside.as_object().unwrap() {
            base.set(keys::find(name).unwrap(), value.clone());
        }
        let taken = |values: &Values| Live::of(&values.config(), &directories);
        for key in keys::all() {
            let mut changed = base.clone();
            let value = if key.name == "blocklist_enabled" {
                json!(false)
            } else if key.name.ends_with("_trackers") {
                json!(["udp://tracker:1"])
            } else {
                other(key)
            };
            changed.set(key, value);
            let reaches = taken(&changed) != taken(&base);
            let says = key.applies() == Applies::Live;
            assert_eq!(reaches, says, "{}", key.name);
        }
    }
}
