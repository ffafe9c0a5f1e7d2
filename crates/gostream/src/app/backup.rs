//! `gostream backup` and `gostream restore`.
//!
//! Both work beside a running server without asking it: a backup needs no lock, and a restored state waits in the
//! state folder until somebody who holds the lock puts it in place, this command or the next start
//! ([`take_waiting`], before the database is opened).

use std::fs;
use std::path::Path;

use gostream_store::{
    BackupError, Contents, LockError, Placed, Saved, Staged, StateLock, StubTree, WAITING,
};

use super::library_folder;
use crate::cli::{Context, Failure, output};
use crate::clock::now_unix;
use crate::config::ByteSize;
use crate::paths::Directories;

/// Paths that are named when they could not be restored.
const NAMED_MAX: usize = 10;

/// Writes a backup and says what is in it.
pub(crate) fn backup(context: &Context, file: &Path) -> Result<(), Failure> {
    let directories = &context.directories;
    let contents = Contents {
        database: &directories.database(),
        library: &directories.library,
        settings: context.config_file.as_deref(),
        trackers: &directories.trackers(),
        version: env!("CARGO_PKG_VERSION"),
    };
    let saved = gostream_store::backup::write(contents, file).map_err(failure)?;
    output::lines(saved_lines(&saved, file))
}

fn saved_lines(saved: &Saved, file: &Path) -> Vec<String> {
    let Saved {
        stubs, side_cars, ..
    } = saved;
    let mut what = format!("the database, {stubs} stubs, {side_cars} side-cars");
    for (there, name) in [
        (saved.settings, "settings"),
        (saved.trackers, "trackers.txt"),
    ] {
        if there {
            what = format!("{what}, {name}");
        }
    }
    let size = ByteSize::kib(saved.bytes.div_ceil(1024));
    let mut lines = vec![format!("{}: {what} ({size})", file.display())];
    if saved.left_out > 0 {
        let count = saved.left_out;
        lines.push(format!(
            "{count} other files of the library (pictures, real films, links) are not in it"
        ));
    }
    if !saved.steady {
        lines.push(
            "the library changed all the time: make another backup when it is quiet".to_owned(),
        );
    }
    if saved.settings {
        lines.push(
            "only you may read it (mode 0600): it holds the passwords of your settings".to_owned(),
        );
    }
    lines
}

/// Takes a backup in, at once if nothing runs, else at the next start.
pub(crate) fn restore(context: &Context, file: &Path) -> Result<(), Failure> {
    let directories = &context.directories;
    let staged = Staged::unpack(file, &directories.state, now_unix()).map_err(failure)?;
    let settings = staged
        .settings()
        .filter(|new| differs(new, context.config_file.as_deref()));
    let lines = match StateLock::acquire(&directories.state) {
        Ok(_lock) => {
            library_folder::prepare(context)?;
            staged.wait().map_err(failure)?;
            let placed = put_in_place(directories)?.unwrap_or_default();
            placed_lines(&placed)
        }
        Err(LockError::Held { pid, .. }) => {
            let waiting = staged.wait().map_err(failure)?;
            let pid = pid
                .map(|pid| format!(" (process {pid})"))
                .unwrap_or_default();
            vec![
                format!(
                    "GoStream is running{pid}: nothing is changed until it is started anew, and then this state takes the place of what is there by then"
                ),
                format!("to think better of it, remove {}", waiting.display()),
            ]
        }
        Err(error) => return Err(Failure::Failed(error.to_string())),
    };
    output::lines(lines)?;
    if settings.is_some() {
        let beside = directories
            .state
            .join(gostream_store::restore::SETTINGS_BESIDE);
        let now = context.config_file.as_ref().map_or_else(
            || "there is no settings file now".to_owned(),
            |file| format!("{} was not changed", file.display()),
        );
        output::line(format!(
            "the settings of the backup are in {} from then on; {now}",
            beside.display()
        ))?;
    }
    Ok(())
}

/// Whether the settings of a backup are other ones than those in use.
fn differs(new: &Path, now: Option<&Path>) -> bool {
    let now = now.and_then(|now| fs::read(now).ok());
    now.is_none() || fs::read(new).ok() != now
}

/// Puts a restored state in place that waits for this start. The lock is held, the database is not open yet.
pub(super) fn take_waiting(directories: &Directories) -> Result<(), Failure> {
    if let Some(placed) = put_in_place(directories)? {
        for line in placed_lines(&placed) {
            tracing::info!("{line}");
        }
    }
    Ok(())
}

fn put_in_place(directories: &Directories) -> Result<Option<Placed>, Failure> {
    let library = StubTree::new(&directories.library);
    gostream_store::put_in_place(&directories.state, &directories.database(), &library).map_err(
        |error| {
            let waiting = directories.state.join(WAITING);
            Failure::Failed(format!(
                "the restored state cannot be put in place: {error}. It is done at the next start; to go on without it, remove {}",
                waiting.display()
            ))
        },
    )
}

fn placed_lines(placed: &Placed) -> Vec<String> {
    let Placed {
        created,
        replaced,
        unchanged,
        ..
    } = placed;
    let mut lines = vec![format!(
        "the backup is in place: the database, and of the library {created} files that were missing, {replaced} that were others, {unchanged} that were the same"
    )];
    let more = placed.refused.len().saturating_sub(NAMED_MAX);
    let named = placed.refused.iter().take(NAMED_MAX);
    lines.extend(named.map(|path| format!("{path} was not restored: something else is there")));
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    if let Some(aside) = &placed.aside {
        lines.push(format!("what was there before is in {}", aside.display()));
    }
    lines
}

fn failure(error: BackupError) -> Failure {
    let text = error.to_string();
    match error {
        BackupError::NoDatabase { .. }
        | BackupError::Taken { .. }
        | BackupError::Foreign { .. }
        | BackupError::Newer { .. }
        | BackupError::Damaged { .. } => Failure::BadInput(text),
        BackupError::Waiting { .. }
        | BackupError::LibraryGone { .. }
        | BackupError::Store(_)
        | BackupError::Io { .. } => Failure::Failed(text),
    }
}
