//! The stub: the small file (at most 10 KiB) that stands for one file of a torrent.
//!
//! Three forms are read: three lines (URL, size, magnet), the same with an IMDb id as the fourth, and one
//! JSON object; the first byte that is not blank tells them apart. JSON is what is written, with every key
//! that we do not know kept. Hash and file id come from the `link` and `index` parameters of the URL.
//!
//! A [`Stub`] that was parsed or made by [`Stub::new`] has a size in 1 ..= 2^53 and a URL that names its
//! hash. `index` is the 1-based file id of the API ([`crate::file_id`]), 0 when the URL has none.

use serde_json::{Map, Value};

use crate::hash::TorrentHash;

/// The largest stub file, in bytes. Anything longer is never parsed as one.
pub const STUB_BYTES_MAX: usize = 10 * 1024;
/// The largest size of a film, in bytes: what a JSON number carries without loss (2^53).
pub const FILM_BYTES_MAX: u64 = 1 << 53;
/// The longest magnet kept in a stub, in bytes; trackers past it are left out.
pub const MAGNET_BYTES_MAX: usize = 6 * 1024;

/// What a stub says.
#[derive(Debug, Clone, PartialEq)]
pub struct Stub {
    /// The torrent.
    pub hash: TorrentHash,
    /// The 1-based file id of the API; 0 = unknown.
    pub index: u32,
    /// Size of the film in bytes, 1 ..= 2^53.
    pub size: u64,
    /// How to find the torrent again.
    pub magnet: Option<String>,
    /// IMDb id, `tt` and digits.
    pub imdb: Option<String>,
    /// The stream URL as written.
    pub url: String,
    /// Keys of the JSON form that are not ours, in their order.
    pub extra: Map<String, Value>,
}

/// Where in a stub something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line of the line form, from 1.
    Line(u32),
    /// A key of the JSON form.
    Key(&'static str),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Key(key) => write!(f, "key {key:?}"),
        }
    }
}

/// Why a stub cannot be read or made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StubError {
    /// More than [`STUB_BYTES_MAX`] bytes.
    #[error("{bytes} bytes are too many for a stub (at most {STUB_BYTES_MAX})")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Not UTF-8.
    #[error("not UTF-8 text from byte {offset}")]
    NotText {
        /// Offset of the first bad byte.
        offset: usize,
    },
    /// A line or key that must be there is not.
    #[error("{place} is missing: {what}")]
    Missing {
        /// Where it should be.
        place: Place,
        /// What should be there.
        what: &'static str,
    },
    /// Not valid JSON, or not an object.
    #[error("line {line}, column {column}: {detail}")]
    Json {
        /// Line of the error, from 1.
        line: usize,
        /// Column of the error, from 1.
        column: usize,
        /// The parser's words.
        detail: String,
    },
    /// A JSON value of the wrong kind.
    #[error("{place} must be {what}")]
    WrongKind {
        /// The key.
        place: Place,
        /// What it must be.
        what: &'static str,
    },
    /// The URL is not http(s), or lacks a hash, or has a bad file id.
    #[error("{place} is not a stream URL ({what}): {url:?}")]
    BadUrl {
        /// Where it stands.
        place: Place,
        /// What is wrong with it.
        what: &'static str,
        /// The URL, cut to 200 characters.
        url: String,
    },
    /// Not a number in 1 ..= 2^53. Size 0 means that the metadata never came: such a stub does not open.
    #[error("{place} is not a size in bytes from 1 to {FILM_BYTES_MAX}: {value:?}")]
    BadSize {
        /// Where it stands.
        place: Place,
        /// What stands there, cut to 200 characters.
        value: String,
    },
}

impl Stub {
    /// Makes a stub whose URL is `<base_url>/stream?link=<hash>&index=<index>&play`.
    ///
    /// `base_url` must be http(s). A magnet over [`MAGNET_BYTES_MAX`] loses its last parameters (never its
    /// `xt`); an empty magnet or IMDb id is none.
    pub fn new(
        base_url: &str,
        hash: TorrentHash,
        index: u32,
        size: u64,
        magnet: Option<String>,
        imdb: Option<String>,
    ) -> Result<Self, StubError> {
        let url = format!(
            "{}/stream?link={hash}&index={index}&play",
            base_url.trim_end_matches('/')
        );
        let place = Place::Key("url");
        // The base may carry a query of its own; what is read back must be what was asked for.
        if parse_url(&url, place)? != (hash, index) {
            return Err(bad_url(place, "its base names another torrent", &url));
        }
        let stub = Self {
            hash,
            index,
            size: check_size(size, Place::Key("size"))?,
            magnet: none_if_blank(magnet).map(shorten_magnet),
            imdb: none_if_blank(imdb),
            url,
            extra: Map::new(),
        };
        stub.to_json_bytes()?;
        Ok(stub)
    }

    /// Reads any of the three forms.
    pub fn parse(bytes: &[u8]) -> Result<Self, StubError> {
        if bytes.len() > STUB_BYTES_MAX {
            return Err(StubError::TooLarge { bytes: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|e| StubError::NotText {
            offset: e.valid_up_to(),
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim_start().starts_with('{') {
            parse_json(text)
        } else {
            parse_lines(text)
        }
    }

    /// The JSON form, one line with a newline; at most [`STUB_BYTES_MAX`] bytes or [`StubError::TooLarge`].
    pub fn to_json_bytes(&self) -> Result<Vec<u8>, StubError> {
        let mut object = Map::new();
        object.insert("url".to_owned(), Value::from(self.url.as_str()));
        object.insert("size".to_owned(), Value::from(self.size));
        // Other readers of these files expect both keys, empty when there is nothing.
        let text = |value: &Option<String>| Value::from(value.as_deref().unwrap_or(""));
        object.insert("magnet".to_owned(), text(&self.magnet));
        object.insert("imdb".to_owned(), text(&self.imdb));
        for (key, value) in &self.extra {
            object.entry(key.as_str()).or_insert_with(|| value.clone());
        }
        let mut bytes = Value::Object(object).to_string().into_bytes();
        bytes.push(b'\n');
        if bytes.len() > STUB_BYTES_MAX {
            return Err(StubError::TooLarge { bytes: bytes.len() });
        }
        Ok(bytes)
    }
}

fn parse_lines(text: &str) -> Result<Stub, StubError> {
    let mut lines = text.lines().map(str::trim);
    let missing = |line, what| StubError::Missing {
        place: Place::Line(line),
        what,
    };
    let url = lines
        .next()
        .filter(|line| !line.is_empty())
        .ok_or_else(|| missing(1, "the stream URL"))?;
    let (hash, index) = parse_url(url, Place::Line(1))?;
    let size = lines
        .next()
        .ok_or_else(|| missing(2, "the size in bytes"))?;
    let place = Place::Line(2);
    let size = match size.parse::<u64>() {
        Ok(number) => check_size(number, place)?,
        Err(_) => return Err(bad_size(place, size)),
    };
    let magnet = lines.next().filter(|line| line.starts_with("magnet:"));
    let rest: Vec<&str> = lines.collect();
    let imdb = match rest.first() {
        Some(line) if line.starts_with("tt") => Some((*line).to_owned()),
        // Older writers put it anywhere further down.
        Some(_) | None => rest.iter().find_map(|line| find_imdb(line)),
    };
    Ok(Stub {
        hash,
        index,
        size,
        magnet: magnet.map(str::to_owned),
        imdb,
        url: url.to_owned(),
        extra: Map::new(),
    })
}

fn parse_json(text: &str) -> Result<Stub, StubError> {
    let mut object: Map<String, Value> =
        serde_json::from_str(text).map_err(|e| StubError::Json {
            line: e.line(),
            column: e.column(),
            detail: e.to_string(),
        })?;
    let url = take_text(&mut object, "url")?.ok_or(StubError::Missing {
        place: Place::Key("url"),
        what: "the stream URL",
    })?;
    let url = url.trim().to_owned();
    let (hash, index) = parse_url(&url, Place::Key("url"))?;
    let place = Place::Key("size");
    let size = match object.shift_remove("size") {
        None => {
            return Err(StubError::Missing {
                place,
                what: "the size in bytes",
            });
        }
        Some(value) => match value.as_u64() {
            Some(number) => check_size(number, place)?,
            None => return Err(bad_size(place, &value.to_string())),
        },
    };
    Ok(Stub {
        hash,
        index,
        size,
        magnet: none_if_blank(take_text(&mut object, "magnet")?),
        imdb: none_if_blank(take_text(&mut object, "imdb")?),
        url,
        extra: object,
    })
}

/// Takes a string (or null: none) out of the object, leaving the order of the others as it is.
fn take_text(
    object: &mut Map<String, Value>,
    key: &'static str,
) -> Result<Option<String>, StubError> {
    match object.shift_remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(StubError::WrongKind {
                place: Place::Key(key),
                what: "a string",
            })
        }
    }
}

/// The hash and file id of a stream URL; id 0 when it has none.
fn parse_url(url: &str, place: Place) -> Result<(TorrentHash, u32), StubError> {
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(bad_url(
            place,
            "it must begin with http:// or https://",
            url,
        ));
    }
    if url.chars().any(char::is_control) {
        return Err(bad_url(place, "it has a control character", url));
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let value = |key: &str| {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    };
    let hash = value("link")
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| bad_url(place, "no link= with 40 hex digits", url))?;
    let index = match value("index") {
        None | Some("") => 0,
        Some(text) => text
            .parse()
            .map_err(|_| bad_url(place, "index= is not a file number", url))?,
    };
    Ok((hash, index))
}

/// The first `tt` followed by 7 to 10 digits.
fn find_imdb(line: &str) -> Option<String> {
    line.match_indices("tt").find_map(|(at, _)| {
        let digits = line[at + 2..]
            .bytes()
            .take(10)
            .take_while(u8::is_ascii_digit)
            .count();
        (digits >= 7).then(|| line[at..at + 2 + digits].to_owned())
    })
}

/// Leaves out the parameters that do not fit, but never the exact topic.
fn shorten_magnet(magnet: String) -> String {
    if magnet.len() <= MAGNET_BYTES_MAX {
        return magnet;
    }
    let mut short = String::with_capacity(MAGNET_BYTES_MAX);
    for (position, parameter) in magnet.split('&').enumerate() {
        let topic = position == 0 || parameter.starts_with("xt");
        if topic || short.len() + 1 + parameter.len() <= MAGNET_BYTES_MAX {
            if position > 0 {
                short.push('&');
            }
            short.push_str(parameter);
        }
    }
    short
}

fn none_if_blank(text: Option<String>) -> Option<String> {
    text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
}

fn check_size(size: u64, place: Place) -> Result<u64, StubError> {
    if (1..=FILM_BYTES_MAX).contains(&size) {
        Ok(size)
    } else {
        Err(bad_size(place, &size.to_string()))
    }
}

fn bad_size(place: Place, value: &str) -> StubError {
    StubError::BadSize {
        place,
        value: value.chars().take(200).collect(),
    }
}

fn bad_url(place: Place, what: &'static str, url: &str) -> StubError {
    StubError::BadUrl {
        place,
        what,
        url: url.chars().take(200).collect(),
    }
}

#[cfg(test)]
#[path = "stub_tests.rs"]
mod tests;
