//! Announces to HTTP and HTTPS trackers (BEP 3, 7, 23); the codec is `gostorm_wire`'s.
//!
//! One [`TrackerClient`] serves the process; drivers call [`TrackerClient::announce`]. What always holds: an announce
//! ends within [`ANNOUNCE_TIMEOUT`], redirects included; at most [`BODY_LEN_MAX`] bytes of an answer are read, after
//! decompression; no cookies, no proxy of the environment, no referrer, no connection is kept; a torrent's author or
//! a redirect cannot make us call local services (see `reach`); no error text shows a URL, which may hold a passkey.

mod reach;

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use gostorm_wire::{AnnounceError, AnnounceRequest, AnnounceResponse};
use reqwest::header::LOCATION;
use reqwest::{Client, Response, StatusCode, redirect};
use tokio::time::timeout;
use url::Url;

use reach::{Reach, Resolver, is_global};

/// How long an announce may take in all.
pub const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest answer that is read.
pub const BODY_LEN_MAX: usize = 1 << 20;

/// How many redirects are followed.
pub const REDIRECTS_MAX: usize = 5;

const USER_AGENT: &str = concat!("GoStream/", env!("CARGO_PKG_VERSION"));

/// Why an announce has no answer.
#[derive(Debug, thiserror::Error)]
pub enum TrackerError {
    /// The tracker's URL is none.
    #[error("the tracker's URL is not valid: {0}")]
    BadUrl(#[from] url::ParseError),
    /// Only http and https are spoken.
    #[error("trackers of scheme {scheme}: are not supported")]
    Unsupported {
        /// What comes before the colon.
        scheme: String,
    },
    /// No connection, or it broke, or TLS failed.
    #[error("the tracker cannot be reached: {0}")]
    Http(String),
    /// It took too long.
    #[error("the tracker did not answer within {} s", ANNOUNCE_TIMEOUT.as_secs())]
    Timeout,
    /// An answer of another status than 200, without a reason in it.
    #[error("the tracker answered with HTTP status {0}")]
    Status(u16),
    /// An answer of more than [`BODY_LEN_MAX`] bytes.
    #[error("the tracker's answer is longer than {BODY_LEN_MAX} bytes")]
    TooLong,
    /// More than [`REDIRECTS_MAX`], or round in circles.
    #[error("the tracker redirects more than {REDIRECTS_MAX} times")]
    TooManyRedirects,
    /// A redirect that leads nowhere, or away from https.
    #[error("the tracker redirects {0}")]
    BadRedirect(&'static str),
    /// The address is one that this URL may not reach; see the module.
    #[error("the tracker's address is local, and its URL is not one that may lead there")]
    OutOfReach,
    /// The tracker refuses, or what it sent is no answer.
    #[error(transparent)]
    Answer(#[from] AnnounceError),
}

/// Speaks to HTTP trackers.
#[derive(Debug, Default)]
pub struct TrackerClient {
    /// One for each reach, made when first used: a client costs memory for its root certificates.
    clients: [OnceLock<Client>; Reach::ALL.len()],
}

impl TrackerClient {
    /// A client without connections.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Announces to the tracker at `url` and waits for the answer.
    ///
    /// # Errors
    /// See [`TrackerError`].
    pub async fn announce(
        &self,
        url: &str,
        request: &AnnounceRequest,
    ) -> Result<AnnounceResponse, TrackerError> {
        let url = request.to_url(&Url::parse(url)?);
        timeout(ANNOUNCE_TIMEOUT, self.fetch(url, Reach::Anywhere))
            .await
            .map_err(|_| TrackerError::Timeout)?
    }

    /// `floor` is the least strict reach for the first request.
    async fn fetch(&self, url: Url, floor: Reach) -> Result<AnnounceResponse, TrackerError> {
        let mut url = url;
        let mut floor = floor;
        for _ in 0..=REDIRECTS_MAX {
            let reach = floor.max(Reach::of(&url));
            let response = self.get(&url, reach).await?;
            if !response.status().is_redirection() {
                return read_answer(response).await;
            }
            if comes_from_the_internet(response.remote_addr()) {
                floor = Reach::GlobalOnly;
            }
            url = redirect_target(&url, &response)?;
        }
        Err(TrackerError::TooManyRedirects)
    }

    async fn get(&self, url: &Url, reach: Reach) -> Result<Response, TrackerError> {
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme().to_owned();
            return Err(TrackerError::Unsupported { scheme });
        }
        if !reach.permits_host(url) {
            return Err(TrackerError::OutOfReach);
        }
        let sent = self.client(reach)?.get(url.clone()).send().await;
        sent.map_err(http_error)
    }

    fn client(&self, reach: Reach) -> Result<&Client, TrackerError> {
        let place = &self.clients[reach as usize];
        if let Some(client) = place.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            // A torrent that sleeps holds no socket.
            .pool_max_idle_per_host(0)
            .dns_resolver(Resolver(reach))
            .build()
            .map_err(http_error)?;
        Ok(place.get_or_init(|| client))
    }
}

/// An address that is not known counts as public, which is the stricter.
fn comes_from_the_internet(address: Option<SocketAddr>) -> bool {
    address.is_none_or(|address| is_global(address.ip()))
}

fn redirect_target(from: &Url, response: &Response) -> Result<Url, TrackerError> {
    let location = response
        .headers()
        .get(LOCATION)
        .and_then(|location| location.to_str().ok())
        .ok_or(TrackerError::BadRedirect("without saying where to"))?;
    let target = from
        .join(location)
        .map_err(|_| TrackerError::BadRedirect("to what is not a URL"))?;
    if from.scheme() == "https" && target.scheme() == "http" {
        return Err(TrackerError::BadRedirect("from https to http"));
    }
    Ok(target)
}

async fn read_answer(mut response: Response) -> Result<AnnounceResponse, TrackerError> {
    let status = response.status();
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(http_error)? {
        if body.len() + part.len() > BODY_LEN_MAX {
            return Err(TrackerError::TooLong);
        }
        body.extend_from_slice(&part);
    }
    match AnnounceResponse::parse(&body) {
        Ok(answer) if status == StatusCode::OK => Ok(answer),
        // Some trackers refuse with a status and say why in the body.
        Err(error @ AnnounceError::Failure { .. }) => Err(error.into()),
        Err(error) if status == StatusCode::OK => Err(error.into()),
        Ok(_) | Err(_) => Err(TrackerError::Status(status.as_u16())),
    }
}

/// The whole chain of causes in one line, without the URL.
fn http_error(error: reqwest::Error) -> TrackerError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    TrackerError::Http(text)
}

#[cfg(test)]
mod tests;
