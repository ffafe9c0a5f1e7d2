//! The blocklist that the settings want.

use std::time::Duration;

use gostorm::{BlocklistConfig, BlocklistSource};

use crate::config::BlocklistSettings;
use crate::paths::Directories;

/// How often a list that the user keeps is looked at: a stat, which touches no disk.
const LOOK: Duration = Duration::from_secs(10);

/// `None`: none.
pub(super) fn wanted(
    settings: &BlocklistSettings,
    directories: &Directories,
) -> Option<BlocklistConfig> {
    if !settings.enabled {
        return None;
    }
    let source = match (&settings.file, &settings.url) {
        (Some(file), _) => BlocklistSource::File {
            path: file.clone(),
            look: LOOK,
        },
        (None, Some(url)) => BlocklistSource::Url {
            url: url.clone(),
            kept: directories.blocklist(),
            refresh: settings.refresh,
        },
        // The settings are not taken then.
        (None, None) => return None,
    };
    Some(BlocklistConfig {
        source,
        required: settings.required,
    })
}
