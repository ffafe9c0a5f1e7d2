//! The UDP tracker protocol (BEP 15), with the URL option of BEP 41.
//!
//! A tracker first gives a connection id, which proves that we can receive at our address; an announce or a scrape
//! carries it. Every datagram has a transaction id of ours, and the answer the same. The shell sends what is encoded
//! here, checks where an answer came from and which question it belongs to, and keeps the connection ids.

use std::net::SocketAddr;

use url::Url;

use super::request::{AnnounceEvent, AnnounceRequest};
use super::response::{
    AnnounceError, AnnounceResponse, compact_v4, compact_v6, interval, usable_text,
};
use super::scrape::ScrapeCounts;
use crate::id::InfoHash;

/// How long a connection id may be used after it came, in seconds (BEP 15).
pub const CONNECTION_ID_SECONDS: u64 = 60;

/// The largest datagram that is worth reading: an announce's answer with 400 IPv6 peers.
pub const DATAGRAM_LEN_MAX: usize = 8 << 10;

/// What opens a conversation (BEP 15).
const PROTOCOL_ID: u64 = 0x0417_2710_1980;

const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
const SCRAPE: u32 = 2;
const ERROR: u32 = 3;

/// BEP 41: what follows is a part of the URL.
const URL_DATA: u8 = 2;
/// The longest path and query that are sent along: what fits into a datagram that no path cuts up.
const URL_DATA_MAX: usize = 1_000;

/// Why a datagram is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UdpError {
    /// Shorter than its kind of answer is.
    #[error("an answer of {len} bytes is cut off")]
    Truncated {
        /// Its length.
        len: usize,
    },
    /// Not a kind of answer that there is.
    #[error("an answer with action {0}")]
    UnknownAction(u32),
}

/// An answer of a UDP tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpAnswer {
    /// The question's.
    pub transaction: u32,
    /// What it says.
    pub body: UdpBody,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UdpBody {
    /// Questions may be asked with this id.
    Connected {
        /// The connection id.
        connection: u64,
    },
    /// To an announce.
    Announced(AnnounceResponse),
    /// To a scrape: one entry for each info hash that was asked for, or fewer.
    Scraped(Vec<ScrapeCounts>),
    /// A refusal, always [`AnnounceError::Failure`].
    Refused(AnnounceError),
}

impl UdpAnswer {
    /// Reads a datagram. `ipv6`: it came over IPv6, where peers take 18 bytes each.
    ///
    /// # Errors
    /// [`UdpError`]: it is none.
    pub fn decode(datagram: &[u8], ipv6: bool) -> Result<Self, UdpError> {
        let cut = UdpError::Truncated {
            len: datagram.len(),
        };
        let (action, rest) = take_u32(datagram).ok_or(cut)?;
        let (transaction, rest) = take_u32(rest).ok_or(cut)?;
        let body = match action {
            CONNECT => {
                let (id, _) = rest.split_first_chunk().ok_or(cut)?;
                let connection = u64::from_be_bytes(*id);
                UdpBody::Connected { connection }
            }
            ANNOUNCE => UdpBody::Announced(announced(rest, ipv6).ok_or(cut)?),
            SCRAPE => UdpBody::Scraped(scraped(rest)),
            ERROR => UdpBody::Refused(AnnounceError::Failure {
                reason: usable_text(rest.split(|byte| *byte == 0).next().unwrap_or_default()),
                retry_in: None,
            }),
            unknown => return Err(UdpError::UnknownAction(unknown)),
        };
        Ok(Self { transaction, body })
    }
}

impl UdpAnswer {
    /// The transaction id of what may be an answer: enough to see whether it is one to us.
    #[must_use]
    pub fn transaction_of(datagram: &[u8]) -> Option<u32> {
        let (_, rest) = take_u32(datagram)?;
        take_u32(rest).map(|(transaction, _)| transaction)
    }
}

fn take_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*number), rest))
}

fn announced(bytes: &[u8], ipv6: bool) -> Option<AnnounceResponse> {
    let (seconds, rest) = take_u32(bytes)?;
    let (leechers, rest) = take_u32(rest)?;
    let (seeders, rest) = take_u32(rest)?;
    let peers: Vec<SocketAddr> = if ipv6 {
        compact_v6(rest)
    } else {
        compact_v4(rest)
    };
    Some(AnnounceResponse {
        interval: interval(u64::from(seconds)),
        min_interval: None,
        tracker_id: None,
        peers,
        complete: Some(seeders),
        incomplete: Some(leechers),
        warning: None,
        external_ip: None,
    })
}

fn scraped(bytes: &[u8]) -> Vec<ScrapeCounts> {
    let (entries, _) = bytes.as_chunks::<12>();
    let number = |entry: &[u8; 12], at: usize| take_u32(&entry[at..]).map(|(number, _)| number);
    let counts = entries.iter().map(|entry| ScrapeCounts {
        seeders: number(entry, 0),
        downloads: number(entry, 4),
        leechers: number(entry, 8),
    });
    counts.collect()
}

/// The question for a connection id.
#[must_use]
pub fn encode_connect(transaction: u32) -> Vec<u8> {
    let mut datagram = PROTOCOL_ID.to_be_bytes().to_vec();
    datagram.extend(CONNECT.to_be_bytes());
    datagram.extend(transaction.to_be_bytes());
    datagram
}

/// A question how many peers torrents have (BEP 15; at most 74 of them).
#[must_use]
pub fn encode_scrape(connection: u64, transaction: u32, torrents: &[InfoHash]) -> Vec<u8> {
    let mut datagram = connection.to_be_bytes().to_vec();
    datagram.extend(SCRAPE.to_be_bytes());
    datagram.extend(transaction.to_be_bytes());
    for torrent in torrents.iter().take(74) {
        datagram.extend(torrent.0);
    }
    datagram
}

impl AnnounceRequest {
    /// The announce as a datagram; path and query of `url` go along (BEP 41), for a passkey may be in them. One that is
    /// too long is left out: a part of it would be of no use.
    #[must_use]
    pub fn to_datagram(&self, connection: u64, transaction: u32, url: &Url) -> Vec<u8> {
        let mut datagram = connection.to_be_bytes().to_vec();
        datagram.extend(ANNOUNCE.to_be_bytes());
        datagram.extend(transaction.to_be_bytes());
        datagram.extend(self.info_hash.0);
        datagram.extend(self.peer_id.0);
        datagram.extend(self.downloaded.to_be_bytes());
        datagram.extend(self.left.to_be_bytes());
        datagram.extend(self.uploaded.to_be_bytes());
        let event: u32 = match self.event {
            AnnounceEvent::None => 0,
            AnnounceEvent::Completed => 1,
            AnnounceEvent::Started => 2,
            AnnounceEvent::Stopped => 3,
        };
        datagram.extend(event.to_be_bytes());
        // Our address: the one that the datagram comes from.
        datagram.extend([0; 4]);
        datagram.extend(self.key.to_be_bytes());
        // -1 leaves the number to the tracker.
        datagram.extend(self.numwant.unwrap_or(u32::MAX).to_be_bytes());
        datagram.extend(self.port.to_be_bytes());
        let url_data = url_data(url);
        if url_data.len() <= URL_DATA_MAX {
            for part in url_data.as_bytes().chunks(255) {
                datagram.push(URL_DATA);
                datagram.extend(u8::try_from(part.len()).ok());
                datagram.extend(part);
            }
        }
        datagram
    }
}

fn url_data(url: &Url) -> String {
    let path = Some(url.path()).filter(|path| *path != "/");
    let query = url.query().map(|query| format!("?{query}"));
    path.unwrap_or_default().to_owned() + query.as_deref().unwrap_or_default()
}
