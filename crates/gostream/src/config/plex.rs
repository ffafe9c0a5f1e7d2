//! The Plex server that may be asked what its webhooks mean.

use std::fmt;

use url::Url;

/// `plex.url` and `plex.token`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PlexSettings {
    /// Where it answers.
    pub url: Option<Url>,
    /// What it wants to be shown; empty: it is not asked.
    pub token: String,
}

impl PlexSettings {
    /// Nothing set.
    pub(super) const fn blank() -> Self {
        Self {
            url: None,
            token: String::new(),
        }
    }
}

impl fmt::Debug for PlexSettings {
    /// Neither a password in the URL nor the token gets into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlexSettings")
    }
}
