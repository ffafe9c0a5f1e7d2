//! Bytes in JSON as base64 (RFC 4648 §4, padded), for serde's `with`.
//!
//! Used by the requests that carry a .torrent file or an info dictionary. Absent is `None`.

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// Writes the bytes as one string.
pub(crate) fn serialize<S: Serializer>(
    bytes: &Option<Vec<u8>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match bytes {
        Some(bytes) => serializer.serialize_some(&BASE64.encode(bytes)),
        None => serializer.serialize_none(),
    }
}

/// Reads one string, or nothing.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<u8>>, D::Error> {
    named("torrent_base64", deserializer)
}

/// The same under the name `info_base64`.
pub(crate) mod info {
    use super::{Deserializer, named};

    pub(crate) use super::serialize;

    /// Reads one string, or nothing.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        named("info_base64", deserializer)
    }
}

/// What cannot be read is told with the name, which serde does not know here.
fn named<'de, D: Deserializer<'de>>(
    name: &str,
    deserializer: D,
) -> Result<Option<Vec<u8>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let bytes = BASE64
        .decode(text.as_bytes())
        .map_err(|error| D::Error::custom(format_args!("{name}: {error}")))?;
    Ok(Some(bytes))
}
