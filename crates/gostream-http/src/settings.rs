//! The settings over HTTP: the trait that the binary implements, whose routes are in `api/settings` and
//! `config_router`.
//!
//! | where | method, path | answer |
//! |---|---|---|
//! | control socket | `GET /api/v1/settings` | `[`[`SettingInfo`]`]` |
//! | control socket | `PATCH /api/v1/settings` (`{"key": value, …}`) | [`SettingsChange`] |
//! | metrics port | `GET /api/config` | the effective config.json |
//! | metrics port | `POST /api/config` (all or some of it) | [`SettingsChange`] |
//!
//! A change is taken whole or not at all. A secret is never given out: [`UNCHANGED`] stands for it, and stands for
//! "as it was" when it comes back.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Stands for a secret that is set.
pub const UNCHANGED: &str = "***";

/// The longest request that changes settings, in bytes: as long as config.json may be.
pub const SETTINGS_LEN_MAX: usize = 1024 * 1024;

/// The settings of a running server. Object-safe; all answers are owned.
pub trait SettingsControl: Send + Sync + 'static {
    /// Every key with what it may hold and what it holds now, secrets masked.
    fn describe(&self) -> Vec<SettingInfo>;

    /// The values in effect by dotted key, secrets masked.
    fn get(&self) -> Map<String, Value> {
        let infos = self.describe().into_iter();
        infos.map(|info| (info.name, info.value)).collect()
    }

    /// Changes the keys (dotted names) to these values, all of them or none; `null` puts a key back to its default, and
    /// a value as [`SettingsControl::get`] gives it changes nothing. Writes config.json, and applies what can be applied
    /// while the server runs.
    fn set(
        &self,
        changes: Map<String, Value>,
    ) -> BoxFuture<'_, Result<SettingsChange, SettingsError>>;
}

/// One key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingInfo {
    /// Its dotted name.
    pub name: String,
    /// The value that is set, masked if it is a secret.
    pub value: Value,
    /// The value without any setting.
    pub default: Value,
    /// What may be set, in words.
    pub allowed: String,
    /// Unit of a number, or empty.
    pub unit: String,
    /// What it does, in one sentence.
    pub help: String,
    /// When a change acts.
    pub applies: Applies,
    /// Whether its value is never given out.
    pub secret: bool,
    /// The variable of the environment that says the value, whatever config.json says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden_by: Option<String>,
    /// Whether the value waits for a restart of the server to act.
    pub waits_for_restart: bool,
}

/// When a change of a key acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Applies {
    /// At once.
    Live,
    /// When the server starts the next time.
    Restart,
    /// Not in this version.
    Never,
}

/// What a change did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingsChange {
    /// Keys that changed and act already.
    pub applied: Vec<String>,
    /// Keys whose value acts after a restart, those of earlier changes included.
    pub restart: Vec<String>,
    /// Keys that were written, and have no effect because a variable of the environment overrides them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overridden: Vec<Overridden>,
    /// Keys that changed and do nothing in this version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_effect: Vec<String>,
}

/// A key that is overridden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Overridden {
    /// Its dotted name.
    pub key: String,
    /// The variable of the environment.
    pub by: String,
}

/// Why settings were not changed. No text holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Values that cannot be; at least one, each with its key.
    #[error("{}", lines(.0))]
    Invalid(Vec<WrongSetting>),
    /// config.json itself is broken, so nothing can be added to it.
    #[error("{0}")]
    Broken(String),
    /// It could not be written.
    #[error("{0}")]
    Failed(String),
}

fn lines(wrong: &[WrongSetting]) -> String {
    let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// A value that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{key}: {detail}")]
pub struct WrongSetting {
    /// Its dotted key.
    pub key: String,
    /// What is wrong with it.
    pub detail: String,
}
