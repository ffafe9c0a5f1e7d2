//! Asks HTTP and HTTPS trackers.
//!
//! At most [`BODY_LEN_MAX`] bytes of an answer are read, after decompression; no cookies, no proxy of the environment,
//! no referrer, no connection is kept.

use std::sync::Arc;

use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode};
use tokio::time::timeout;
use url::Url;

use super::error::TrackerError;
use super::limits::{ANNOUNCE_TIMEOUT, BODY_LEN_MAX, REDIRECTS_MAX};
use crate::net::reach::Reach;
use crate::net::{HttpRefusal, Net, causes};

/// What a server sent in the end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct HttpTrackers {
    net: Arc<Net>,
}

impl HttpTrackers {
    pub(super) const fn new(net: Arc<Net>) -> Self {
        Self { net }
    }

    /// Gets `url`, redirects followed. `reach` is how far the first request may go.
    pub(super) async fn get(&self, url: Url, reach: Reach) -> Result<Answer, TrackerError> {
        let got = timeout(ANNOUNCE_TIMEOUT, self.net.within(self.follow(url, reach)));
        let got = got.await.map_err(|_| TrackerError::Timeout)?;
        got.map_err(TrackerError::Network)?
    }

    async fn follow(&self, url: Url, reach: Reach) -> Result<Answer, TrackerError> {
        let (mut url, mut reach) = (url, reach);
        let mut floor = Reach::Anywhere;
        for _ in 0..=REDIRECTS_MAX {
            let response = self.send(&url, reach).await?;
            if !response.status().is_redirection() {
                return read(response).await;
            }
            floor = floor.max(Reach::of_redirect_by(response.remote_addr()));
            url = redirect_target(&url, &response)?;
            reach = floor.max(Reach::of_tracker(&url));
        }
        Err(TrackerError::TooManyRedirects)
    }

    async fn send(&self, url: &Url, reach: Reach) -> Result<Response, TrackerError> {
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme().to_owned();
            return Err(TrackerError::Unsupported { scheme });
        }
        let client = self.net.http(reach, url).map_err(|refusal| match refusal {
            HttpRefusal::OutOfReach => TrackerError::OutOfReach,
            HttpRefusal::Io(error) => TrackerError::Network(error),
        })?;
        client.get(url.clone()).send().await.map_err(http_error)
    }
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

async fn read(mut response: Response) -> Result<Answer, TrackerError> {
    let status = response.status();
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(http_error)? {
        if body.len() + part.len() > BODY_LEN_MAX {
            return Err(TrackerError::TooLong);
        }
        body.extend_from_slice(&part);
    }
    Ok(Answer { status, body })
}

fn http_error(error: reqwest::Error) -> TrackerError {
    TrackerError::Http(causes(error))
}
