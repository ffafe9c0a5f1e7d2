//! Bytes in JSON as base64 (RFC 4648 §4, padded), for serde's `with`.
//!
//! Used by the request that carries a .torrent file. Absent is `None`.

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
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let bytes = BASE64
        .decode(text.as_bytes())
        .map_err(|error| D::Error::custom(format_args!("torrent_base64: {error}")))?;
    Ok(Some(bytes))
}
