//! An announce to an HTTP tracker, as a URL (BEP 3, 23).

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use url::Url;

use crate::id::{InfoHash, PeerId};

/// All but the unreserved characters of RFC 3986.
pub(super) const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What an announce tells (BEP 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AnnounceEvent {
    /// The first one of a session.
    Started,
    /// The last one of a session.
    Stopped,
    /// The download has just been completed.
    Completed,
    /// A regular one.
    #[default]
    None,
}

/// What is asked of a tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnounceRequest {
    /// The torrent.
    pub info_hash: InfoHash,
    /// Ourselves.
    pub peer_id: PeerId,
    /// The TCP port under which peers reach us.
    pub port: u16,
    /// Payload bytes sent since `Started`.
    pub uploaded: u64,
    /// Payload bytes received since `Started`.
    pub downloaded: u64,
    /// Bytes that we still lack.
    pub left: u64,
    /// Why now.
    pub event: AnnounceEvent,
    /// How many peers we would like; `None` leaves it to the tracker.
    pub numwant: Option<u32>,
    /// Proves that we are the same client after a change of address: random,
    /// the same for a session.
    pub key: u32,
    /// What the tracker's last answer gave as `tracker id`, if it did.
    pub tracker_id: Option<Vec<u8>>,
    /// Ask for peers in 6 and 18 bytes each (BEP 23, 7). Trackers may answer
    /// either way whatever is asked.
    pub compact: bool,
}

impl AnnounceRequest {
    /// The URL to get: `base` with its own query kept and ours behind it;
    /// a fragment is dropped.
    #[must_use]
    pub fn to_url(&self, base: &Url) -> Url {
        let mut query = base.query().unwrap_or_default().to_owned();
        if !query.is_empty() && !query.ends_with('&') {
            query.push('&');
        }
        // Writing to a String cannot fail.
        let _ = write!(
            query,
            "info_hash={}&peer_id={}&port={}&uploaded={}&downloaded={}&left={}&compact={}&key={:08x}",
            percent_encode(&self.info_hash.0, ESCAPED),
            percent_encode(&self.peer_id.0, ESCAPED),
            self.port,
            self.uploaded,
            self.downloaded,
            self.left,
            u8::from(self.compact),
            self.key,
        );
        if let Some(numwant) = self.numwant {
            let _ = write!(query, "&numwant={numwant}");
        }
        if let Some(event) = event_name(self.event) {
            let _ = write!(query, "&event={event}");
        }
        if let Some(id) = &self.tracker_id {
            let _ = write!(query, "&trackerid={}", percent_encode(id, ESCAPED));
        }
        let mut url = base.clone();
        url.set_fragment(None);
        url.set_query(Some(&query));
        url
    }
}

fn event_name(event: AnnounceEvent) -> Option<&'static str> {
    match event {
        AnnounceEvent::Started => Some("started"),
        AnnounceEvent::Stopped => Some("stopped"),
        AnnounceEvent::Completed => Some("completed"),
        AnnounceEvent::None => None,
    }
}
