//! The settings: read from config.json and the environment, checked, typed.
//!
//! The command line calls [`load`] once, before anything else; the parts get
//! their values from the [`Config`] that comes back. [`SettingsFile`] reads the
//! file again and changes it while a server runs. One table ([`keys`])
//! holds each key's type, range, unit, default and help, and drives parsing,
//! messages and the printed reference alike. A value that does not fit is
//! refused with its file, line, column and key, never replaced in silence;
//! keys that we do not know are left alone.
//!
//! Precedence: default < config.json < environment < command line.

mod check;
mod document;
mod edit;
mod environment;
mod error;
mod file;
mod forwarding;
mod key;
pub mod keys;
mod load;
mod plex;
mod reference;
mod resemble;
mod settings;
mod together;
mod units;
mod values;

pub(crate) use document::strict;
pub use error::{ConfigError, Place, Position, Problem};
pub(crate) use file::Told;
pub use file::{SettingsFile, Variables};
pub use forwarding::{ForwardingSettings, PortForwarding};
pub use key::{Form, Key, Kind};
pub use load::{Ignored, Loaded, Sources, load};
pub use plex::PlexSettings;
pub use reference::defaults;
pub use settings::{
    BlocklistSettings, Config, DirectorySettings, EngineSettings, FsSettings, WarmSettings,
    WebSettings,
};
pub use units::{ByteSize, LogFormat, LogLevel, Verification};
pub use values::Values;

#[cfg(test)]
mod tests;
