//! Which clients the web ports refuse: those that `bip.txt` in the state directory names, and where there is a `wip.txt`,
//! all that it does not name.
//!
//! Read once, at the start. A line that cannot be used is left out and named in the log; a file of which none can be used,
//! or that cannot be read, keeps the server from starting: who wrote it meant to keep somebody out.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use gostorm::{ListError, read_blocklist};
use gostorm_wire::{BlocklistError, BlocklistReport};
use gostream_http::{Bans, Names};

use crate::cli::Failure;
use crate::paths::Directories;

/// Reads the lists.
pub(super) fn read(directories: &Directories) -> Result<Bans, Failure> {
    Ok(Bans {
        denied: list(&directories.denied_clients())?,
        allowed: list(&directories.allowed_clients())?,
    })
}

/// One of them; none when it is not there, or says nothing.
fn list(file: &Path) -> Result<Option<Names>, Failure> {
    let opened = match File::open(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(ListError::Read),
    };
    let list = match opened.and_then(|opened| read_blocklist(&opened, &|| true)) {
        Ok((list, report)) => {
            tell(file, &report);
            list
        }
        // Blank lines and comments.
        Err(ListError::NoList(BlocklistError::Empty(report))) if report.skipped == 0 => {
            return Ok(None);
        }
        Err(error) => {
            let text = format!("{}: {error}", file.display());
            return Err(Failure::BadInput(text));
        }
    };
    Ok(Some(Arc::new(move |client| list.contains(client))))
}

fn tell(file: &Path, report: &BlocklistReport) {
    let BlocklistReport {
        ranges, skipped, ..
    } = report;
    tracing::info!(file = %file.display(), ranges, "clients are refused by a list");
    if let Some(line) = report.first_bad_line {
        tracing::warn!(
            file = %file.display(), line, skipped,
            "lines of the list cannot be used and are left out; this is the first of them"
        );
    }
}
