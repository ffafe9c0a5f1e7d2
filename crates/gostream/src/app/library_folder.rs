//! The library folder before it is used: there, or made.

use crate::cli::{Context, Failure};

/// Makes the library folder when nobody named it. One that was named and is missing may be a disk that is
/// not mounted: films must not land beneath it.
pub(super) fn prepare(context: &Context) -> Result<(), Failure> {
    let library = &context.directories.library;
    if library.is_dir() {
        return Ok(());
    }
    if context.config.directories.library.is_some() {
        let path = library.display();
        return Err(Failure::BadInput(format!(
            "the library folder {path} (physical_source_path) is not there: mount its disk, or make it"
        )));
    }
    std::fs::create_dir_all(library).map_err(|error| {
        Failure::Failed(format!(
            "cannot make the library folder {}: {error}",
            library.display()
        ))
    })
}
