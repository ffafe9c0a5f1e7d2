//! Which directories are used.
//!
//! Called once by the command line with the settings. The data directory is
//! the first of: `--data-dir`, the key `data_dir`, `$STATE_DIRECTORY` (given
//! by systemd), the directory of the program when a config.json lies beside
//! it (the seed's layout, whose state is in `../STATE`), `./data`. Library,
//! mount and state are below it unless a setting names them. All paths that
//! come out are absolute, and none lies in the way of another.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use crate::config::DirectorySettings;

/// Where everything is when nothing says where.
const DATA: &str = "data";

/// The directories of one GoStream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// The stub tree.
    pub library: PathBuf,
    /// The mount point.
    pub mount: PathBuf,
    /// Database, lock and control socket.
    pub state: PathBuf,
    /// Files of the log; nowhere: none are written.
    pub logs: Option<PathBuf>,
}

impl Directories {
    /// The socket of a running server.
    pub fn control_socket(&self) -> PathBuf {
        self.state.join("control.sock")
    }

    /// The blocklist as it was downloaded.
    pub fn blocklist(&self) -> PathBuf {
        self.state.join("blocklist")
    }

    /// Trackers that are asked for every torrent.
    pub fn trackers(&self) -> PathBuf {
        self.state.join("trackers.txt")
    }

    /// Clients that the web ports refuse.
    pub fn denied_clients(&self) -> PathBuf {
        self.state.join("bip.txt")
    }

    /// The only clients that the web ports serve.
    pub fn allowed_clients(&self) -> PathBuf {
        self.state.join("wip.txt")
    }

    /// The folder of the warm cache.
    pub fn warm(&self) -> PathBuf {
        self.state.join("warm")
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.state.join("gostream.db")
    }
}

/// What is known when the directories are chosen.
pub struct Place<'a> {
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// The settings.
    pub settings: &'a DirectorySettings,
    /// The file that the settings came from: its directory is where relative
    /// paths in it begin.
    pub config_file: Option<&'a Path>,
    /// The environment.
    pub variables: &'a dyn Fn(&str) -> Option<OsString>,
    /// The running executable, if known.
    pub program: Option<&'a Path>,
}

/// Why the directories cannot be used; the user's to mend.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// One lies in the way of another.
    #[error(
        "the {inner} directory {} must not be inside the {outer} directory {}",
        inner_path.display(),
        outer_path.display()
    )]
    Nested {
        /// What the inner one is for.
        inner: &'static str,
        /// The inner one.
        inner_path: PathBuf,
        /// What the outer one is for.
        outer: &'static str,
        /// The outer one.
        outer_path: PathBuf,
    },
    /// The current directory is unknown.
    #[error("cannot make {} absolute: {source}", path.display())]
    Relative {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Chooses the directories. Makes and touches none of them.
///
/// # Errors
/// [`PathError`] when one would hide another, or cannot be made absolute.
pub fn choose(place: &Place<'_>) -> Result<Directories, PathError> {
    let base = place.config_file.and_then(Path::parent);
    let setting = |path: &Option<PathBuf>| {
        path.as_ref().map(|path| match base {
            Some(base) => base.join(path),
            None => path.clone(),
        })
    };
    let (data, seed_state) = data_directory(place, setting(&place.settings.data));
    let below = |named: Option<PathBuf>, name| named.unwrap_or_else(|| data.join(name));
    let state = setting(&place.settings.state).or(seed_state);
    let logs = setting(&place.settings.logs)
        .or_else(|| systemd_directory(place.variables, "LOGS_DIRECTORY"));
    let directories = Directories {
        logs: logs.as_deref().map(absolute).transpose()?,
        library: absolute(&below(setting(&place.settings.library), "library"))?,
        mount: absolute(&below(setting(&place.settings.mount), "mount"))?,
        state: absolute(&below(state, "state"))?,
    };
    refuse_nesting(&directories)?;
    Ok(directories)
}

/// The data directory of somebody who has set nothing yet: where a first config.json is made.
pub fn new_data_dir(named: Option<&Path>, variables: &dyn Fn(&str) -> Option<OsString>) -> PathBuf {
    let named = named.map(Path::to_owned);
    let chosen = named.or_else(|| systemd_directory(variables, "STATE_DIRECTORY"));
    chosen.unwrap_or_else(|| PathBuf::from(DATA))
}

fn systemd_directory(
    variables: &dyn Fn(&str) -> Option<OsString>,
    variable: &str,
) -> Option<PathBuf> {
    let list = variables(variable)?;
    // systemd.exec(5): several directories are separated by a colon.
    let first = std::env::split_paths(&list).next()?;
    (!first.as_os_str().is_empty()).then_some(first)
}

/// The data directory and, in the seed's layout, where the state is.
fn data_directory(place: &Place<'_>, setting: Option<PathBuf>) -> (PathBuf, Option<PathBuf>) {
    let systemd = || systemd_directory(place.variables, "STATE_DIRECTORY");
    if let Some(named) = place.data_dir.clone().or(setting).or_else(systemd) {
        return (named, None);
    }
    match place.program.and_then(Path::parent) {
        Some(beside) if beside.join("config.json").is_file() => {
            let state = beside.parent().map(|root| root.join("STATE"));
            (beside.to_owned(), state)
        }
        Some(_) | None => (PathBuf::from(DATA), None),
    }
}

fn absolute(path: &Path) -> Result<PathBuf, PathError> {
    let absolute = std::path::absolute(path).map_err(|source| PathError::Relative {
        path: path.to_owned(),
        source,
    })?;
    // `..` is kept by the above, for the sake of symbolic links; the checks
    // below compare names, and a mount point must have one spelling.
    let mut plain = PathBuf::new();
    for part in absolute.components() {
        match part {
            std::path::Component::ParentDir => {
                plain.pop();
            }
            std::path::Component::Prefix(_)
            | std::path::Component::RootDir
            | std::path::Component::CurDir
            | std::path::Component::Normal(_) => plain.push(part),
        }
    }
    Ok(plain)
}

/// What lies inside the mount is hidden by it, and a mount inside the library
/// would show the library in itself. A log in the library would be a side-car.
fn refuse_nesting(directories: &Directories) -> Result<(), PathError> {
    let Directories {
        library,
        mount,
        state,
        logs,
    } = directories;
    let logs = logs.iter().flat_map(|logs| {
        let outer = [("mount", mount), ("library", library)];
        outer.map(|outer| (("log", logs), outer))
    });
    let forbidden = [
        (("library", library), ("mount", mount)),
        (("state", state), ("mount", mount)),
        (("mount", mount), ("library", library)),
        (("mount", mount), ("state", state)),
        (("state", state), ("library", library)),
    ];
    for ((inner, inner_path), (outer, outer_path)) in forbidden.into_iter().chain(logs) {
        if inner_path.starts_with(outer_path) {
            return Err(PathError::Nested {
                inner,
                inner_path: inner_path.clone(),
                outer,
                outer_path: outer_path.clone(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn nothing(_: &str) -> Option<OsString> {
        None
    }

    fn place(settings: &DirectorySettings) -> Place<'_> {
        Place {
            data_dir: None,
            settings,
            config_file: None,
            variables: &nothing,
            program: None,
        }
    }

    fn all_below(root: &str) -> Directories {
        Directories {
            library: format!("{root}/library").into(),
            mount: format!("{root}/mount").into(),
            state: format!("{root}/state").into(),
            logs: None,
        }
    }

    #[test]
    fn without_any_word_all_is_in_data_of_the_current_directory() {
        let here = std::env::current_dir().unwrap();
        let expected = all_below(here.join("data").to_str().unwrap());
        let settings = DirectorySettings::default();
        assert_eq!(choose(&place(&settings)).unwrap(), expected);
    }

    #[test]
    fn the_command_line_wins_over_the_setting_and_that_over_systemd() {
        let variables = |name: &str| {
            (name == "STATE_DIRECTORY").then(|| OsString::from("/var/lib/one:/var/lib/two"))
        };
        let mut settings = DirectorySettings::default();
        let chosen = |settings: &DirectorySettings, data_dir: Option<&str>| {
            let place = Place {
                data_dir: data_dir.map(PathBuf::from),
                variables: &variables,
                ..place(settings)
            };
            choose(&place).unwrap()
        };
        assert_eq!(chosen(&settings, None), all_below("/var/lib/one"));
        settings.data = Some("/srv/gs".into());
        assert_eq!(chosen(&settings, None), all_below("/srv/gs"));
        assert_eq!(chosen(&settings, Some("/tmp/x")), all_below("/tmp/x"));
    }

    #[test]
    fn a_config_beside_the_program_means_the_seeds_layout() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("GoStream");
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join("config.json"), "{}").unwrap();
        let program = home.join("gostream");
        let settings = DirectorySettings {
            library: Some("/mnt/real".into()),
            mount: Some("/mnt/virtual".into()),
            ..DirectorySettings::default()
        };
        let seed = choose(&Place {
            program: Some(&program),
            ..place(&settings)
        });
        let expected = Directories {
            library: "/mnt/real".into(),
            mount: "/mnt/virtual".into(),
            state: root.path().join("STATE"),
            logs: None,
        };
        assert_eq!(seed.unwrap(), expected);
    }

    #[test]
    fn the_log_has_no_files_unless_a_setting_or_systemd_says_where() {
        let variables = |name: &str| {
            let log = OsString::from("/var/log/gostream");
            (name == "LOGS_DIRECTORY").then_some(log)
        };
        let mut settings = DirectorySettings::default();
        let logs = |settings: &DirectorySettings, variables| {
            let place = Place {
                variables,
                config_file: Some(Path::new("/etc/gostream/config.json")),
                ..place(settings)
            };
            choose(&place).unwrap().logs
        };
        assert_eq!(logs(&settings, &nothing), None);
        assert_eq!(
            logs(&settings, &variables),
            Some("/var/log/gostream".into())
        );
        settings.logs = Some("logs".into());
        assert_eq!(
            logs(&settings, &variables),
            Some("/etc/gostream/logs".into())
        );
        for inside in ["/srv/gs/mount/logs", "/srv/gs/library"] {
            let settings = DirectorySettings {
                data: Some("/srv/gs".into()),
                logs: Some(inside.into()),
                ..DirectorySettings::default()
            };
            let refused = choose(&place(&settings)).unwrap_err().to_string();
            assert!(refused.starts_with("the log directory"), "{refused}");
        }
    }

    #[test]
    fn relative_settings_begin_at_the_file_that_has_them() {
        let settings = DirectorySettings {
            data: Some("../gs".into()),
            ..DirectorySettings::default()
        };
        let chosen = choose(&Place {
            config_file: Some(Path::new("/etc/gostream/config.json")),
            ..place(&settings)
        });
        assert_eq!(chosen.unwrap(), all_below("/etc/gs"));
    }

    #[test]
    fn a_mount_that_would_hide_or_repeat_the_library_is_refused() {
        for (library, mount) in [
            ("/m", "/m"),
            ("/m/library", "/m"),
            ("/l", "/l/sub/../mount"),
        ] {
            let settings = DirectorySettings {
                library: Some(library.into()),
                mount: Some(mount.into()),
                ..DirectorySettings::default()
            };
            let refused = choose(&place(&settings)).unwrap_err();
            assert!(matches!(refused, PathError::Nested { .. }), "{refused}");
        }
    }
}
