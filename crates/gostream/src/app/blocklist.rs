//! The blocklist that the settings want.

use std::time::Duration;

use gostorm::{BlocklistConfig, BlocklistSource};

use crate::cli::{Context, Failure};

/// How often a list that the user keeps is looked at: a stat, which touches no disk.
const LOOK: Duration = Duration::from_secs(10);

/// `None`: none.
pub(super) fn wanted(context: &Context) -> Result<Option<BlocklistConfig>, Failure> {
    let settings = &context.config.blocklist;
    if !settings.enabled {
        return Ok(None);
    }
    let source = match (&settings.file, &settings.url) {
        (Some(file), _) => BlocklistSource::File {
            path: file.clone(),
            look: LOOK,
        },
        (None, Some(url)) => BlocklistSource::Url {
            url: url.clone(),
            kept: context.directories.blocklist(),
            refresh: settings.refresh,
        },
        (None, None) => {
            let why = "blocklist_enabled is true, but neither blocklist_file nor blocklist_url names a list";
            return Err(Failure::BadInput(why.to_owned()));
        }
    };
    Ok(Some(BlocklistConfig {
        source,
        required: settings.required,
    }))
}
