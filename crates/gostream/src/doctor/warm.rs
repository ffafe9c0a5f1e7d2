//! Where the warm cache lies, and what it holds.

use std::{io, path::Path};

use gostream_store::warm::{self, Usage};

use super::finding::Finding;
use crate::config::{ByteSize, WarmSettings};

/// What the folder holds.
pub(super) fn look(folder: &Path) -> io::Result<Usage> {
    warm::usage(folder)
}

pub(super) fn judge(folder: &Path, usage: &io::Result<Usage>, settings: WarmSettings) -> Finding {
    let about = format!("warm cache {}", folder.display());
    if !settings.enabled {
        return Finding::ok(about, "off");
    }
    match usage {
        Ok(usage) => {
            let mib = ByteSize::bytes(usage.bytes).as_mib();
            let most = settings.quota;
            Finding::ok(
                about,
                format!("{mib} MiB of {} titles, at most {most}", usage.titles),
            )
        }
        Err(error) => Finding::warning(
            about,
            format!("cannot be read: {error}"),
            "give the folder to the user that runs GoStream (chown), or delete it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_folder_that_cannot_be_read_is_a_warning_unless_the_cache_is_off() {
        let mut settings = WarmSettings {
            enabled: true,
            quota: ByteSize::mib(1024),
            head: ByteSize::mib(64),
        };
        let broken = Err(io::ErrorKind::PermissionDenied.into());
        let folder = Path::new("/state/warm");
        assert_eq!(judge(folder, &broken, settings).level, Level::Warning);
        let usage = Ok(Usage {
            titles: 3,
            bytes: 5 << 20,
        });
        let finding = judge(folder, &usage, settings);
        assert_eq!(finding.level, Level::Ok);
        assert_eq!(finding.seen, "5 MiB of 3 titles, at most 1 GiB");
        settings.enabled = false;
        assert_eq!(judge(folder, &broken, settings).level, Level::Ok);
    }
}
