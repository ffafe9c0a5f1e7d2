//! What every command needs: the settings and the directories.
//!
//! Prepared once per process, before the command; also switches on logging.

use std::path::PathBuf;

use crate::{
    config::{Config, Ignored, Sources, load},
    paths::{Directories, Place, choose},
};

use super::{args::PlaceArgs, failure::Failure, logging};

/// Settings and directories of one GoStream.
#[derive(Debug)]
pub struct Context {
    /// The settings.
    pub config: Config,
    /// The file that they came from, if any.
    pub config_file: Option<PathBuf>,
    /// Keys of that file that changed nothing.
    pub ignored: Vec<Ignored>,
    /// Where things are.
    pub directories: Directories,
}

impl Context {
    /// Reads the settings and chooses the directories. Makes no directory.
    ///
    /// # Errors
    /// [`Failure::BadInput`] when a setting or a path cannot be used.
    pub(super) fn prepare(args: &PlaceArgs, audience: logging::Audience) -> Result<Self, Failure> {
        let variables = |name: &str| std::env::var_os(name);
        let program = std::env::current_exe().ok();
        let loaded = load(&Sources {
            file: args.config.clone(),
            variables: &variables,
            program: program.clone(),
        })?;
        logging::start(loaded.config.log_level, audience);
        let directories = choose(&Place {
            data_dir: args.data_dir.clone(),
            settings: &loaded.config.directories,
            config_file: loaded.file.as_deref(),
            variables: &variables,
            program: program.as_deref(),
        })?;
        for ignored in &loaded.ignored {
            let (key, at) = (&ignored.key, ignored.at);
            match ignored.meant {
                Some(meant) => tracing::warn!("{at}: unknown setting {key}, did you mean {meant}?"),
                None => tracing::debug!("{at}: setting {key} has no effect"),
            }
        }
        Ok(Self {
            config: loaded.config,
            config_file: loaded.file,
            ignored: loaded.ignored,
            directories,
        })
    }
}
