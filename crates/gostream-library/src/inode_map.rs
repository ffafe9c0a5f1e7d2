//! The inode numbers that earlier programs kept in `inode_map.json`, so that a media server that knew a title under
//! its number goes on knowing it.
//!
//! Version 2 of that file: `files` maps `<hash>:<index>` to a number, `dirs` a path to a number, `filename_index` the
//! full path of a stub to `<hash>:<index>`. Numbers are decimal strings, since JSON numbers lose digits. What cannot be
//! used is left out; only a file that is no such map at all is refused.

use serde_json::{Map, Value};

use crate::{hash::TorrentHash, inode::ROOT_INODE};

/// What the map says. Every number is above 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InodeMap {
    /// A film and its number.
    pub films: Vec<(TorrentHash, u32, u64)>,
    /// The path of a folder, as it was written, and its number.
    pub folders: Vec<(String, u64)>,
    /// The path of a stub, as it was written, and its film.
    pub stubs: Vec<(String, TorrentHash, u32)>,
}

/// Not JSON, or not of that kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no map of inode numbers: {why}")]
pub struct InodeMapError {
    /// What is wrong.
    pub why: String,
}

impl InodeMap {
    /// Reads the file's bytes.
    ///
    /// # Errors
    /// [`InodeMapError`] when it is no JSON object with a `files` object in it.
    pub fn parse(bytes: &[u8]) -> Result<Self, InodeMapError> {
        let refused = |why: String| InodeMapError { why };
        let map: Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|error| refused(error.to_string()))?;
        let Some(Value::Object(files)) = map.get("files") else {
            return Err(refused("it has no \"files\"".to_owned()));
        };
        let object = |key: &str| {
            map.get(key)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
        };
        Ok(Self {
            films: files
                .iter()
                .filter_map(|(key, value)| {
                    let (hash, index) = film(key)?;
                    Some((hash, index, number(value)?))
                })
                .collect(),
            folders: object("dirs")
                .filter_map(|(path, value)| Some((path.clone(), number(value)?)))
                .collect(),
            stubs: object("filename_index")
                .filter_map(|(path, key)| {
                    let (hash, index) = film(key.as_str()?)?;
                    Some((path.clone(), hash, index))
                })
                .collect(),
        })
    }
}

fn film(key: &str) -> Option<(TorrentHash, u32)> {
    let (hash, index) = key.split_once(':')?;
    Some((hash.parse().ok()?, index.parse().ok()?))
}

fn number(value: &Value) -> Option<u64> {
    let number = match value {
        Value::String(text) => text.parse().ok()?,
        Value::Number(number) => number.as_u64()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (number > ROOT_INODE).then_some(number)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_as_strings_without_loss_and_odd_ones_left_out() {
        let hash = "ab".repeat(20);
        let text = format!(
            r#"{{"version":2,"files":{{"{hash}:3":"9223372036854775807","{hash}:4":7,"{hash}:5":"1",
            "{hash}:6":"-4","nothing":"12","{hash}:7":null}},
            "dirs":{{"/tv":"18446744073709551615","/":"1"}},
            "filename_index":{{"/lib/movies/a.mkv":"{hash}:3","/lib/b.mkv":"x"}},"last_updated":"2031-01-01T00:00:00Z"}}"#
        );
        let map = InodeMap::parse(text.as_bytes()).unwrap();
        let hash = TorrentHash([0xab; 20]);
        assert_eq!(map.films, [(hash, 3, (1 << 63) - 1), (hash, 4, 7)]);
        assert_eq!(map.folders, [("/tv".to_owned(), u64::MAX)]);
        assert_eq!(map.stubs, [("/lib/movies/a.mkv".to_owned(), hash, 3)]);
    }

    #[test]
    fn what_is_no_map_is_refused() {
        for text in ["", "[]", "{}", r#"{"files":[]}"#, "{\"files\":{}"] {
            assert!(InodeMap::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(
            InodeMap::parse(br#"{"files":{}}"#).unwrap(),
            InodeMap::default()
        );
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes: Vec<u8>, path in ".{0,20}", number in ".{0,22}") {
            let _ = InodeMap::parse(&bytes);
            let text = serde_json::json!({ "files": { &path: &number }, "dirs": { &path: &number } });
            let map = InodeMap::parse(text.to_string().as_bytes()).unwrap();
            prop_assert!(map.folders.iter().all(|(_, number)| *number > 1));
        }
    }
}
