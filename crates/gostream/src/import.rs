//! `gostream import`: takes over what a TorrServer, or the earlier GoStream, kept.
//!
//! `source` finds the documents (files, a folder, a server that runs), `recognise` tells by its shape what each is;
//! `torrents`, `viewed`, `settings` and `blacklist` read one kind each through `node`, which names file, line and key of
//! a mistake, and `database` reads a TorrServer's config.db. Only when all could be read and the settings go together
//! with those that are here is anything written: by the running server if there is one (`save`, and the way of
//! `gostream config set`). What is here already stays as it is.

mod blacklist;
mod database;
mod found;
mod node;
mod recognise;
mod save;
mod settings;
mod source;
mod torrents;
mod viewed;

use self::found::Found;
use self::settings::Plan;
use crate::app::Reached;
use crate::cli::{Context, Failure, ImportArgs, change_settings, output};

/// Imports from a file, a folder or the address of a TorrServer, and says what came of it.
pub(crate) fn run(context: &Context, what: &ImportArgs) -> Result<(), Failure> {
    let mut found = Found::default();
    let documents = source::documents(&what.from, &mut found)?;
    let of_database = std::mem::take(&mut found.settings);
    for document in documents {
        recognise::read(&document, &mut found).map_err(Failure::BadInput)?;
    }
    // A settings.json is newer than what a database still has of them.
    found.settings.extend(of_database);
    if what.no_settings {
        found.settings.clear();
    }
    let settings = std::mem::take(&mut found.settings);
    let plan = Plan::of(&settings, &context.settings.told()?, what.force);
    check(context, &plan)?;
    let reached = Reached::find(context, what.dry_run)?;
    let (notes, is_empty) = (std::mem::take(&mut found.notes), found.is_empty());
    output::lines(save::all(
        &reached,
        &context.directories.library,
        found,
        what.dry_run,
    )?)?;
    output::lines(&notes)?;
    output::lines(plan.lines(context.settings.path(), what.dry_run))?;
    if is_empty && notes.is_empty() && settings.is_empty() {
        output::line("there was nothing to import")?;
    }
    if !what.dry_run && !plan.changes.is_empty() {
        output::lines(change_settings(context, &plan.changes)?)?;
    }
    Ok(())
}

/// Nothing is taken over when the settings cannot be.
fn check(context: &Context, plan: &Plan) -> Result<(), Failure> {
    context.settings.check(&plan.changes).map_err(|error| {
        Failure::BadInput(format!(
            "nothing was imported, since the settings do not go together with those that are here (--no-settings leaves \
             them out):\n{error}"
        ))
    })
}

#[cfg(test)]
mod tests;
