//! `gostream import`: takes over what a TorrServer, or the earlier GoStream, kept.
//!
//! `source` finds the documents (files, a folder, a server that runs), `recognise` tells by its shape what each is,
//! `torrents`, `viewed`, `settings` and `blacklist` read one kind each through `node`, which names file, line and key of
//! a mistake. Only when all could be read is anything written (`save`): what is here already stays as it is. No server
//! may run, since the state lock is taken.

mod blacklist;
mod found;
mod node;
mod recognise;
mod save;
mod settings;
mod source;
mod torrents;
mod viewed;

use gostream_store::{StateLock, Store};

use self::found::Found;
use crate::cli::{Context, Failure, output};
use crate::clock::now_unix;

/// Imports from a file, a folder or the address of a TorrServer, and says what came of it.
pub(crate) fn run(context: &Context, from: &str) -> Result<(), Failure> {
    let now = now_unix();
    let mut found = Found::default();
    for document in source::documents(from, &mut found)? {
        recognise::read(&document, now, &mut found).map_err(Failure::BadInput)?;
    }
    let directories = &context.directories;
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let _lock = StateLock::acquire(&directories.state).map_err(|error| failed(&error))?;
    let store = Store::open(&directories.database()).map_err(|error| failed(&error))?;
    let settings = std::mem::take(&mut found.settings);
    let mut lines =
        save::all(&store, &directories.library, found).map_err(|error| failed(&error))?;
    lines.extend(settings::lines(&settings));
    output::lines(lines)
}

#[cfg(test)]
mod tests;
