//! Gets a .torrent file from an http or https URL.
//!
//! A URL that the user of this machine named may lead anywhere, the user's own network too; one that came over the API
//! leads to public addresses only, unless the settings allow more. Bounded in time and size; a redirect to a magnet
//! link is followed, as some sites answer so.

use std::time::Duration;

use gostorm::net::reach::Reach;
use gostream_http::{ControlError, TORRENT_LEN_MAX};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::LOCATION;
use url::Url;

/// How long the whole download may take.
const FETCH_MAX: Duration = Duration::from_secs(60);
/// How many redirects are followed.
const REDIRECTS_MAX: usize = 10;
const USER_AGENT: &str = concat!("GoStream/", env!("CARGO_PKG_VERSION"));

/// What a URL led to.
pub(crate) enum Fetched {
    /// The bytes of a .torrent file, not looked at yet.
    Torrent(Vec<u8>),
    /// A magnet link.
    Magnet(String),
}

/// Downloads from an address within `reach`; `progress` is told the bytes so far and, when known, in all.
pub(crate) async fn torrent(
    url: &str,
    reach: Reach,
    progress: impl Fn(u64, u64),
) -> Result<Fetched, ControlError> {
    let fetched = tokio::time::timeout(FETCH_MAX, follow(url, reach, &progress)).await;
    fetched.unwrap_or_else(|_| {
        Err(ControlError::timed_out(format!(
            "{url}: no .torrent file within {} s",
            FETCH_MAX.as_secs()
        )))
    })
}

async fn follow(
    url: &str,
    reach: Reach,
    progress: &impl Fn(u64, u64),
) -> Result<Fetched, ControlError> {
    let mut at =
        Url::parse(url).map_err(|error| ControlError::bad_input(format!("{url}: {error}")))?;
    let unreachable =
        |error: reqwest::Error| ControlError::failed(format!("{url}: {}", reason(&error)));
    let mut client = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none());
    if reach != Reach::Anywhere {
        // A proxy would ask for whatever it is told to.
        client = client.no_proxy().dns_resolver(Within(reach));
    }
    let client = client.build().map_err(unreachable)?;
    for _ in 0..=REDIRECTS_MAX {
        if !reach.permits_host(&at) {
            return Err(ControlError::bad_input(format!(
                "{url}: leads to an address of this machine or its network"
            )));
        }
        let mut response = client.get(at.clone()).send().await.map_err(unreachable)?;
        if response.status().is_redirection() {
            let target = response
                .headers()
                .get(LOCATION)
                .and_then(|target| target.to_str().ok());
            let target =
                target.ok_or_else(|| ControlError::failed(format!("{url}: redirects nowhere")))?;
            if target
                .get(..7)
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("magnet:"))
            {
                return Ok(Fetched::Magnet(target.to_owned()));
            }
            at = at.join(target).map_err(|error| {
                ControlError::failed(format!("{url}: redirects to no URL: {error}"))
            })?;
            continue;
        }
        if !response.status().is_success() {
            return Err(ControlError::failed(format!(
                "{url}: the server answers {}",
                response.status()
            )));
        }
        let total = response.content_length().unwrap_or(0);
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > TORRENT_LEN_MAX {
                return Err(ControlError::bad_input(format!(
                    "{url}: is longer than {TORRENT_LEN_MAX} bytes, this is no .torrent file"
                )));
            }
            progress(u64::try_from(bytes.len()).unwrap_or(u64::MAX), total);
        }
        return Ok(Fetched::Torrent(bytes));
    }
    Err(ControlError::failed(format!(
        "{url}: redirects more than {REDIRECTS_MAX} times"
    )))
}

/// The system's resolver, less the addresses that are out of reach.
struct Within(Reach);

impl Resolve for Within {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let within: Vec<_> = found.filter(|found| reach.permits(found.ip())).collect();
            if within.is_empty() {
                let why = "the name has only addresses of this machine or its network";
                return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, why).into());
            }
            Ok(Box::new(within.into_iter()) as Addrs)
        })
    }
}

/// The innermost cause says most: "connection refused" rather than "error sending request".
pub(crate) fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
