//! One download of a blocklist into the file beside the one that is kept.
//!
//! Called by the keeper. At most [`BODY_LEN_MAX`] bytes and [`FETCH_TIMEOUT`] for it all; the text is not unpacked here.
//! A list that did not change is not sent again (`If-None-Match`, `If-Modified-Since`).

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{
    ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::{Client, StatusCode, redirect};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;
use url::Url;

use super::unpack::ListError;
use crate::net::causes;
use crate::store::FetchedList;

/// Longest file that is downloaded, as packed as it is.
pub(super) const BODY_LEN_MAX: u64 = 64 << 20;
/// For the whole download.
const FETCH_TIMEOUT: Duration = Duration::from_secs(120);
const REDIRECTS_MAX: usize = 5;
/// Longest validator that is kept.
const VALIDATOR_LEN_MAX: usize = 512;
const USER_AGENT: &str = concat!("GoStream/", env!("CARGO_PKG_VERSION"));

/// What a server had.
pub(super) enum Fetched {
    /// What it had before.
    Unchanged,
    /// A new version, which lies in [`Fetcher::part`].
    New {
        /// What the server calls it.
        etag: Option<String>,
        /// When it says that it was made.
        last_modified: Option<String>,
    },
}

/// Why there is no new list.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// No answer, or one that broke off, or it took too long.
    #[error("{0}")]
    Http(String),
    /// Another status than 200 and 304.
    #[error("the server answered with HTTP status {0}")]
    Status(u16),
    /// More than any list has.
    #[error("the file is longer than {} MiB", BODY_LEN_MAX >> 20)]
    TooLong,
    /// The disk.
    #[error("it cannot be kept: {0}")]
    Disk(#[from] io::Error),
    /// It is no list.
    #[error("what the server sent is not used: {0}")]
    NoList(#[from] ListError),
}

/// Fetches one list.
pub(super) struct Fetcher {
    pub(super) url: Url,
    kept: PathBuf,
}

impl Fetcher {
    pub(super) const fn new(url: Url, kept: PathBuf) -> Self {
        Self { url, kept }
    }

    /// The file that is written before it is known to be good.
    pub(super) fn part(&self) -> PathBuf {
        let mut name: OsString = self.kept.clone().into_os_string();
        name.push(".part");
        name.into()
    }

    /// Downloads the list, unless it is the same as `last`.
    pub(super) async fn fetch(&self, last: Option<&FetchedList>) -> Result<Fetched, FetchError> {
        // Made for each download: once a day, and a client costs memory.
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::limited(REDIRECTS_MAX))
            .timeout(FETCH_TIMEOUT)
            // Kept as it was packed, and unpacked with a limit.
            .no_gzip()
            .build()
            .map_err(http_error)?;
        let mut request = client.get(self.url.clone());
        if let Some(last) = last {
            request = request.headers(validators(last));
        }
        let mut response = request.send().await.map_err(http_error)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if last.is_some() => return Ok(Fetched::Unchanged),
            status => return Err(FetchError::Status(status.as_u16())),
        }
        let etag = validator(response.headers(), &ETAG);
        let last_modified = validator(response.headers(), &LAST_MODIFIED);
        let mut file = File::create(self.part()).await?;
        let mut len = 0;
        while let Some(chunk) = response.chunk().await.map_err(http_error)? {
            len += chunk.len() as u64;
            if len > BODY_LEN_MAX {
                return Err(FetchError::TooLong);
            }
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        Ok(Fetched::New {
            etag,
            last_modified,
        })
    }

    /// Puts what was downloaded in the place of what is kept, so that a loss of power leaves one or the other.
    pub(super) async fn accept(&self) -> io::Result<()> {
        let part = self.part();
        File::open(&part).await?.sync_all().await?;
        fs::rename(&part, &self.kept).await?;
        match self.kept.parent() {
            Some(folder) => File::open(folder).await?.sync_all().await,
            None => Ok(()),
        }
    }

    /// Takes away what is left of a download that came to nothing.
    pub(super) async fn discard(&self) {
        // There may be none.
        let _ = fs::remove_file(self.part()).await;
    }
}

fn validators(last: &FetchedList) -> HeaderMap {
    let pairs = [
        (IF_NONE_MATCH, &last.etag),
        (IF_MODIFIED_SINCE, &last.last_modified),
    ];
    let valid = pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?.parse().ok()?)));
    valid.collect()
}

fn validator(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    (text.len() <= VALIDATOR_LEN_MAX).then(|| text.to_owned())
}

fn http_error(error: reqwest::Error) -> FetchError {
    FetchError::Http(causes(error))
}
