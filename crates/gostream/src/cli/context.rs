//! What every command needs: the settings and the directories.
//!
//! Prepared once per process, before the command; also switches on logging.

use std::{path::PathBuf, sync::Arc};

use crate::{
    config::{Config, Ignored, SettingsFile, Sources, Values, load},
    logging::{self, LogPlan, LogSwitch},
    paths::{self, Directories, Place, choose},
};

use super::{args::PlaceArgs, failure::Failure};

/// Settings and directories of one GoStream.
pub struct Context {
    /// The settings.
    pub config: Config,
    /// The file that they came from, if any.
    pub config_file: Option<PathBuf>,
    /// The settings as keys hold them.
    pub values: Values,
    /// The level of the log.
    pub log: LogSwitch,
    /// Where settings are written and read again.
    pub settings: SettingsFile,
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
        Self::with(args, audience, false)
    }

    /// Like [`Context::prepare`], for who is about to make the file that was named.
    ///
    /// # Errors
    /// As [`Context::prepare`].
    pub(super) fn prepare_to_write(args: &PlaceArgs) -> Result<Self, Failure> {
        Self::with(args, logging::Audience::Person, true)
    }

    fn with(
        args: &PlaceArgs,
        audience: logging::Audience,
        may_be_missing: bool,
    ) -> Result<Self, Failure> {
        let variables = |name: &str| std::env::var_os(name);
        let program = std::env::current_exe().ok();
        let loaded = load(&Sources {
            file: args.config.clone(),
            variables: &variables,
            program: program.clone(),
            data_dir: Some(paths::new_data_dir(args.data_dir.as_deref(), &variables)),
            may_be_missing,
        })?;
        let directories = choose(&Place {
            data_dir: args.data_dir.clone(),
            settings: &loaded.config.directories,
            config_file: loaded.file.as_deref(),
            variables: &variables,
            program: program.as_deref(),
        })?;
        let plan = LogPlan {
            level: loaded.config.log_level,
            format: loaded.config.log.format,
            folder: directories.logs.clone(),
            files: loaded.config.log.files,
            file_len_max: loaded.config.log.file_max.as_bytes(),
        };
        let log = logging::start(&plan, audience);
        for ignored in &loaded.ignored {
            let (key, at) = (&ignored.key, ignored.at);
            match ignored.meant {
                Some(meant) => tracing::warn!("{at}: unknown setting {key}, did you mean {meant}?"),
                None => tracing::debug!("{at}: setting {key} has no effect"),
            }
        }
        Ok(Self {
            config: loaded.config,
            values: loaded.values,
            log,
            settings: SettingsFile::new(loaded.home, Arc::new(|name| std::env::var_os(name))),
            config_file: loaded.file,
            ignored: loaded.ignored,
            directories,
        })
    }
}
