//! Finds config.json, reads it and lays the environment over it.
//!
//! Called once by the command line, and by `file` whenever the file is read again. What the process knows about
//! itself comes in as [`Sources`], so that tests need no process of their own.

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
    together,
    values::Values,
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
    /// Where config.json lies when it is in none of these places.
    pub data_dir: Option<PathBuf>,
    /// A file that was named need not be there: it is about to be made.
    pub may_be_missing: bool,
}

/// The settings, and where they came from.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The same, as keys hold them.
    pub values: Values,
    /// The file that was read; none = there is none, all is default.
    pub file: Option<PathBuf>,
    /// The file that a change is written to.
    pub home: PathBuf,
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
    let (home, text) = find(sources)?;
    from(home, text, sources.variables)
}

/// The settings of a file with this text, or of none.
///
/// # Errors
/// As [`load`].
pub(super) fn from(
    home: PathBuf,
    text: Option<String>,
    variables: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Loaded, ConfigError> {
    if text.as_ref().is_some_and(|text| is_too_long(text.len())) {
        return Err(too_long(&home));
    }
    let Read { values, ignored } = values(&home, text.as_deref(), variables)?;
    let config = values.config();
    let problems = together::problems(&config);
    if !problems.is_empty() {
        return Err(ConfigError::Invalid { problems });
    }
    Ok(Loaded {
        config,
        values,
        file: text.map(|_| home.clone()),
        home,
        ignored,
    })
}

/// What a text and the environment say.
pub(super) struct Read {
    pub(super) values: Values,
    ignored: Vec<Ignored>,
}

/// Checks each value for itself.
///
/// # Errors
/// [`ConfigError::Invalid`] with everything that does not fit.
pub(super) fn values(
    path: &Path,
    text: Option<&str>,
    variables: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Read, ConfigError> {
    let mut values = Values::default();
    let mut ignored = Vec::new();
    let mut problems = Vec::new();
    if let Some(text) = text {
        match document::read(text, &mut values) {
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
                place: Place::File(path.to_owned(), mistake.at),
                key: mistake.key,
                what: mistake.what,
            })),
        }
    }
    problems.extend(environment::apply(variables, &mut values));
    if problems.is_empty() {
        Ok(Read { values, ignored })
    } else {
        Err(ConfigError::Invalid { problems })
    }
}

/// The file and its text; no text when it is in none of the usual places.
fn find(sources: &Sources<'_>) -> Result<(PathBuf, Option<String>), ConfigError> {
    let named = |path: PathBuf, named_by| match read(&path)? {
        None if !sources.may_be_missing => Err(ConfigError::Missing { path, named_by }),
        text => Ok((path, text)),
    };
    if let Some(path) = &sources.file {
        return named(path.clone(), "--config");
    }
    if let Some(path) = (sources.variables)(PATH_VARIABLE).filter(|path| !path.is_empty()) {
        return named(path.into(), PATH_VARIABLE);
    }
    let beside = sources.program.as_deref().and_then(Path::parent);
    let beside = beside.unwrap_or(Path::new("")).join("config.json");
    if let Some(text) = read(&beside)? {
        return Ok((beside, Some(text)));
    }
    // Beside the program there is often no right to make one.
    let home = sources.data_dir.as_ref();
    let home = home.map_or(beside, |data_dir| data_dir.join("config.json"));
    let text = read(&home)?;
    Ok((home, text))
}

fn is_too_long(bytes: usize) -> bool {
    u64::try_from(bytes).is_ok_and(|len| len > LEN_MAX)
}

fn too_long(path: &Path) -> ConfigError {
    ConfigError::TooLong {
        path: path.to_owned(),
        max: LEN_MAX,
    }
}

/// The text of a file, or none when there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<String>, ConfigError> {
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
    if is_too_long(bytes.len()) {
        return Err(too_long(path));
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
