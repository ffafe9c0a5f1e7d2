//! One request for a part of a file: redirects, what the answer says of itself, its body.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gostorm_wire::web_seed::ContentRange;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, HeaderName, LOCATION, RANGE, RETRY_AFTER,
};
use reqwest::{Client, Response, StatusCode};
use url::Url;

use super::WebSeedError;
use crate::net::reach::Reach;
use crate::net::{HttpRefusal, KeptClients, Net, causes};

/// How many redirects are followed.
const REDIRECTS_MAX: usize = 5;

/// The connections to one web seed, kept for the next request.
#[derive(Debug)]
pub(super) struct Clients {
    net: Arc<Net>,
    kept: KeptClients,
}

impl Clients {
    /// Without a connection yet.
    pub(super) fn new(net: Arc<Net>) -> Self {
        Self {
            net,
            kept: KeptClients::default(),
        }
    }

    /// The client for this URL, which reaches so far.
    fn get(&self, reach: Reach, url: &Url) -> Result<Client, WebSeedError> {
        let client = self.net.http_kept(&self.kept, reach, url);
        client.map_err(|refusal| match refusal {
            HttpRefusal::OutOfReach => WebSeedError::OutOfReach,
            HttpRefusal::Io(error) => WebSeedError::Unreachable(error.to_string()),
        })
    }
}

/// Where to ask, and how far that request may reach.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    pub(super) url: Url,
    pub(super) reach: Reach,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Bytes of the file, not empty.
    pub(super) range: Range<u64>,
    /// Bytes in the file, by the torrent.
    pub(super) total: u64,
}

/// The body of an answer that holds what was asked for.
#[derive(Debug)]
pub(super) struct Body {
    response: Response,
    left: u64,
}

impl Body {
    /// The next bytes; `None` at the end, when the connection may be used again.
    ///
    /// # Errors
    /// When the connection broke before the end, or what comes is longer than it may be.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, WebSeedError> {
        let chunk = match self.response.chunk().await {
            Ok(chunk) => chunk,
            Err(error) if error.is_timeout() => return Err(unreachable(error)),
            Err(_) => return Err(WebSeedError::Truncated),
        };
        let Some(chunk) = chunk else {
            return match self.left {
                0 => Ok(None),
                _ => Err(WebSeedError::Truncated),
            };
        };
        self.left = self
            .left
            .checked_sub(chunk.len() as u64)
            .ok_or(WebSeedError::WrongRange)?;
        Ok(Some(chunk))
    }
}

/// Asks, and follows redirects. The second value says where they led.
pub(super) async fn get(
    clients: &Clients,
    from: Moved,
    wanted: &Wanted,
) -> Result<(Body, Option<Moved>), WebSeedError> {
    let Moved { mut url, mut reach } = from;
    for redirects in 0..=REDIRECTS_MAX {
        let response = ask(clients, &url, reach, &wanted.range).await?;
        if !response.status().is_redirection() {
            let body = check(response, wanted)?;
            let moved = (redirects > 0).then_some(Moved { url, reach });
            return Ok((body, moved));
        }
        let floor = Reach::of_redirect_by(response.remote_addr());
        url = redirect_target(&url, &response)?;
        reach = floor.max(Reach::of_web_seed(&url));
    }
    Err(WebSeedError::BadRedirect("too often"))
}

async fn ask(
    clients: &Clients,
    url: &Url,
    reach: Reach,
    range: &Range<u64>,
) -> Result<Response, WebSeedError> {
    let request = clients
        .get(reach, url)?
        .get(url.clone())
        .header(ACCEPT_ENCODING, "identity")
        .header(RANGE, format!("bytes={}-{}", range.start, range.end - 1));
    request.send().await.map_err(unreachable)
}

fn redirect_target(from: &Url, response: &Response) -> Result<Url, WebSeedError> {
    let location = text(response, LOCATION).ok_or(WebSeedError::BadRedirect("to nowhere"))?;
    let target = from.join(location).ok();
    target
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or(WebSeedError::BadRedirect("to what is not a web address"))
}

fn text(response: &Response, header: HeaderName) -> Option<&str> {
    response.headers().get(header)?.to_str().ok()
}

/// Takes the answer when it holds what was asked for, and nothing else.
fn check(response: Response, wanted: &Wanted) -> Result<Body, WebSeedError> {
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        let after = text(&response, RETRY_AFTER).and_then(|after| after.trim().parse().ok());
        return Err(WebSeedError::Busy {
            status: status.as_u16(),
            after: after.map(Duration::from_secs),
        });
    }
    if status == StatusCode::RANGE_NOT_SATISFIABLE {
        return Err(WebSeedError::WrongRange);
    }
    if status != StatusCode::OK && status != StatusCode::PARTIAL_CONTENT {
        return Err(WebSeedError::Status(status.as_u16()));
    }
    let encoding = text(&response, CONTENT_ENCODING).map(str::trim);
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(WebSeedError::Encoded);
    }
    let left = wanted.range.end - wanted.range.start;
    let total = if status == StatusCode::OK {
        // The whole file is what was asked for, or this server knows no parts: to read on from its beginning at
        // every seek would cost more than the seed is worth.
        let total = response.content_length();
        if left != wanted.total {
            return Err(WebSeedError::NoRanges);
        }
        total
    } else {
        let range = response.headers().get(CONTENT_RANGE);
        let range = range.and_then(|range| ContentRange::parse(range.as_bytes()));
        let range = range.ok_or(WebSeedError::WrongRange)?;
        if range.first != wanted.range.start || range.last + 1 != wanted.range.end {
            return Err(WebSeedError::WrongRange);
        }
        if response.content_length().is_some_and(|len| len != left) {
            return Err(WebSeedError::WrongRange);
        }
        range.total
    };
    if let Some(actual) = total.filter(|total| *total != wanted.total) {
        return Err(WebSeedError::WrongLength {
            expected: wanted.total,
            actual,
        });
    }
    Ok(Body { response, left })
}

pub(super) fn unreachable(error: reqwest::Error) -> WebSeedError {
    WebSeedError::Unreachable(causes(error))
}
