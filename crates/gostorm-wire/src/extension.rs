//! The extended handshake: extension message 0, a bencoded dictionary (BEP 10).
//!
//! Each side says which extensions it takes and under which message id. The
//! driver sends one after the handshake when both sides have the `extended`
//! bit, and again when something changed. Everything in it is optional and
//! advisory; a value that makes no sense counts as absent, save a metadata
//! size that no torrent can have. A further extension is a further field here
//! and a further id in `m`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;

use crate::bencode::{Dict, Value, put_bytes, put_int};
use crate::ut_metadata::METADATA_LEN_MAX;
use crate::violation::Violation;

/// The extension message id of the extended handshake itself (BEP 10).
pub const EXTENDED_HANDSHAKE_ID: u8 = 0;

/// The longest client name that is kept, in bytes.
const CLIENT_LEN_MAX: usize = 64;

const NAME: &str = "handshake";

/// An extended handshake. Absent, zero and senseless values are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtendedHandshake {
    /// The id under which the sender takes `lt_donthave` messages (BEP 54);
    /// 1 to 255.
    pub lt_donthave: Option<u8>,
    /// The id under which the sender takes `upload_only` messages (BEP 21);
    /// 1 to 255.
    pub upload_only_id: Option<u8>,
    /// The id under which the sender takes `ut_metadata` messages (BEP 9);
    /// 1 to 255.
    pub ut_metadata: Option<u8>,
    /// The id under which the sender takes `ut_pex` messages (BEP 11); 1 to 255.
    pub ut_pex: Option<u8>,
    /// The size of the info dictionary in bytes (BEP 9);
    /// 1 to [`METADATA_LEN_MAX`].
    pub metadata_size: Option<u32>,
    /// How many requests the sender queues (`reqq`); at least 1.
    pub reqq: Option<u32>,
    /// The TCP port on which the sender listens (`p`); not 0.
    pub port: Option<u16>,
    /// The sender's name and version (`v`): at most 64 bytes, no control
    /// characters.
    pub client: Option<String>,
    /// The receiver's address as the sender sees it.
    pub yourip: Option<IpAddr>,
    /// The sender wants nothing more (BEP 21).
    pub upload_only: bool,
}

impl ExtendedHandshake {
    /// The payload of the extension message with id 0.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        // Keys in the order that bencode demands: sorted as bytes.
        let mut out = b"d1:md".to_vec();
        put_some(&mut out, "lt_donthave", self.lt_donthave.map(u32::from));
        put_some(&mut out, "upload_only", self.upload_only_id.map(u32::from));
        put_some(&mut out, "ut_metadata", self.ut_metadata.map(u32::from));
        put_some(&mut out, "ut_pex", self.ut_pex.map(u32::from));
        out.push(b'e');
        put_some(&mut out, "metadata_size", self.metadata_size);
        put_some(&mut out, "p", self.port.map(u32::from));
        put_some(&mut out, "reqq", self.reqq);
        put_some(&mut out, "upload_only", self.upload_only.then_some(1));
        if let Some(client) = &self.client {
            put_bytes(&mut out, b"v");
            put_bytes(&mut out, client.as_bytes());
        }
        if let Some(ip) = self.yourip {
            put_bytes(&mut out, b"yourip");
            match ip {
                IpAddr::V4(ip) => put_bytes(&mut out, &ip.octets()),
                IpAddr::V6(ip) => put_bytes(&mut out, &ip.octets()),
            }
        }
        out.push(b'e');
        out.into()
    }

    /// Reads the payload of the extension message with id 0. Bytes after the
    /// dictionary are ignored.
    ///
    /// # Errors
    /// A [`Violation`] when it is not a bencoded dictionary or states a
    /// metadata size outside the bounds.
    pub fn decode(payload: &[u8]) -> Result<Self, Violation> {
        let (value, _) = Value::parse_prefix(payload)
            .map_err(|source| Violation::NotBencode { name: NAME, source })?;
        let dict = value
            .as_dict()
            .ok_or(Violation::NotADictionary { name: NAME })?;
        let extensions = dict.get(b"m").and_then(Value::as_dict);
        Ok(Self {
            lt_donthave: extensions.and_then(|m| positive(m, b"lt_donthave")),
            upload_only_id: extensions.and_then(|m| positive(m, b"upload_only")),
            ut_metadata: extensions.and_then(|m| positive(m, b"ut_metadata")),
            ut_pex: extensions.and_then(|m| positive(m, b"ut_pex")),
            metadata_size: metadata_size(dict)?,
            reqq: positive(dict, b"reqq"),
            port: positive(dict, b"p"),
            client: dict.get(b"v").and_then(Value::as_bytes).and_then(client),
            yourip: dict.get(b"yourip").and_then(Value::as_bytes).and_then(ip),
            upload_only: positive::<u64>(dict, b"upload_only").is_some(),
        })
    }
}

fn put_some(out: &mut Vec<u8>, key: &str, number: Option<u32>) {
    if let Some(number) = number {
        put_bytes(out, key.as_bytes());
        put_int(out, number);
    }
}

/// A number that fits and is not 0, which means "off" in all these keys.
fn positive<T: TryFrom<u64>>(dict: Dict<'_>, key: &[u8]) -> Option<T> {
    let number = dict.get(key)?.as_u64()?;
    (number > 0).then(|| T::try_from(number).ok()).flatten()
}

fn metadata_size(dict: Dict<'_>) -> Result<Option<u32>, Violation> {
    let Some(value) = dict.get(b"metadata_size").filter(|value| value.is_int()) else {
        return Ok(None);
    };
    let size = value.as_i64().unwrap_or(i64::MAX);
    match u32::try_from(size) {
        Ok(0) => Ok(None),
        Ok(size) if size <= METADATA_LEN_MAX => Ok(Some(size)),
        Ok(_) | Err(_) => Err(Violation::MetadataSize {
            size,
            max: METADATA_LEN_MAX,
        }),
    }
}

fn client(bytes: &[u8]) -> Option<String> {
    let bytes = &bytes[..bytes.len().min(CLIENT_LEN_MAX)];
    let mut name: String = String::from_utf8_lossy(bytes)
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    // A replaced byte is three bytes long: cut again.
    name.truncate(name.floor_char_boundary(CLIENT_LEN_MAX));
    (!name.is_empty()).then_some(name)
}

/// An address as 4 or 16 bytes (BEP 10, and `external ip` of BEP 24).
pub(crate) fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(v4).into());
    }
    <[u8; 16]>::try_from(bytes)
        .ok()
        .map(|v6| Ipv6Addr::from(v6).into())
}
