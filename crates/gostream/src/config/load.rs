//! Finds config.json, reads it and lays the environment over it.
//!
//! Called once by the command line. What the process knows about itself comes
//! in as [`Sources`], so that tests need no process of their own.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{
    document, environment,
    error::{ConfigError, Place, Position, Problem},
    resemble,
    settings::Config,
};

/// Longest file that is read, in bytes (1 MiB).
const LEN_MAX: u64 = 1024 * 1024;

/// The variable that names the file.
const PATH_VARIABLE: &str = "MKV_PROXY_CONFIG_PATH";

/// Where settings come from.
pub struct Sources<'a> {
    /// The file named on the command line.
    pub file: Option<PathBuf>,
    /// The environment.
    pub variables: &'a dyn Fn(&str) -> Option<OsString>,
    /// The running executable, if known: config.json may lie beside it.
    pub program: Option<PathBuf>,
}

/// The settings, and where they came from.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The file that was read; none = there is none, all is default.
    pub file: Option<PathBuf>,
    /// Keys of the file that changed nothing, in its order.
    pub ignored: Vec<Ignored>,
}

/// A key that changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// Its dotted name.
    pub key: String,
    /// Where.
    pub at: Position,
    /// Whether we know the key, and only do not use it in this version.
    pub known: bool,
    /// The key that an unknown one was perhaps meant to be.
    pub meant: Option<&'static str>,
}

/// Reads the settings.
///
/// # Errors
/// [`ConfigError`] when a named file is missing, when the file cannot be
/// read, and with everything in it and in the environment that does not fit.
pub fn load(sources: &Sources<'_>) -> Result<Loaded, ConfigError> {
    let mut config = Config::default();
    let mut ignored = Vec::new();
    let mut problems = Vec::new();
    let file = find(sources)?;
    if let Some((path, text)) = &file {
        match document::read(text, &mut config) {
            Ok(unused) => ignored.extend(unused.into_iter().map(|unused| Ignored {
                meant: if unused.known {
                    None
                } else {
                    resemble::known_key(&unused.key)
                },
                key: unused.key,
                at: unused.at,
                known: unused.known,
            })),
            Err(mistakes) => problems.extend(mistakes.into_iter().map(|mistake| Problem {
                place: Place::File(path.clone(), mistake.at),
                key: mistake.key,
                what: mistake.what,
            })),
        }
    }
    problems.extend(environment::apply(sources.variables, &mut config));
    if !problems.is_empty() {
        return Err(ConfigError::Invalid { problems });
    }
    Ok(Loaded {
        config,
        file: file.map(|(path, _)| path),
        ignored,
    })
}

/// The file and its text; none when it is in none of the usual places.
fn find(sources: &Sources<'_>) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let named = |path: PathBuf, named_by| match read(&path)? {
        Some(text) => Ok(Some((path, text))),
        None => Err(ConfigError::Missing { path, named_by }),
    };
    if let Some(path) = &sources.file {
        return named(path.clone(), "--config");
    }
    if let Some(path) = (sources.variables)(PATH_VARIABLE).filter(|path| !path.is_empty()) {
        return named(path.into(), PATH_VARIABLE);
    }
    let beside = sources.program.as_deref().and_then(Path::parent);
    let path = beside.unwrap_or(Path::new("")).join("config.json");
    Ok(read(&path)?.map(|text| (path, text)))
}

/// The text of a file, or none when there is no such file.
fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    file.take(LEN_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > LEN_MAX) {
        return Err(ConfigError::TooLong {
            path: path.to_owned(),
            max: LEN_MAX,
        });
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        ConfigError::Invalid {
            problems: vec![Problem {
                // The text is unchanged up to the first bad byte.
                place: Place::File(path.to_owned(), Position::of(&text, valid)),
                key: None,
                what: "is not valid UTF-8".to_owned(),
            }],
        }
    })
}
