//! Asks a Plex server what it plays: its webhooks name an item of its library, and seldom a file.
//!
//! One GET of `/library/metadata/{ratingKey}`, by the default route as all that is no BitTorrent, and only when a token
//! is set. Bounded in time and size; what fails says why once, and is no more than an answer that did not come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use gostream_http::PlexItem;
use reqwest::header::{ACCEPT, HeaderValue};
use url::Url;

use crate::config::PlexSettings;
use crate::librarian::fetch::reason;

/// How long the whole answer may take: whoever watches waits for the title to be matched.
const ANSWER_TIME: Duration = Duration::from_secs(4);
/// An item of a season with hundreds of parts is shorter.
const ANSWER_LEN_MAX: usize = 1 << 20;

/// The server, which may be another one later. Clones share it.
pub(crate) type LivePlex = Arc<ArcSwap<PlexSettings>>;

/// See the module. Clones share it.
#[derive(Clone)]
pub(crate) struct Plex(Arc<Inner>);

struct Inner {
    server: LivePlex,
    client: Option<reqwest::Client>,
    /// The last question failed.
    failed: AtomicBool,
}

impl Plex {
    pub(crate) fn new(server: LivePlex) -> Self {
        let client = reqwest::Client::builder()
            .timeout(ANSWER_TIME)
            // A token is shown to the server that was named, and to nobody else.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build();
        let client = client.inspect_err(
            |error| tracing::warn!(error = %reason(error), "Plex cannot be asked which file it plays"),
        );
        Self(Arc::new(Inner {
            server,
            client: client.ok(),
            failed: AtomicBool::new(false),
        }))
    }

    /// Whether there is a server to ask.
    pub(super) fn answers(&self) -> bool {
        let server = self.0.server.load();
        self.0.client.is_some() && server.url.is_some() && !server.token.is_empty()
    }

    /// What an item is; `None` when the server does not say.
    pub(super) async fn item(self, item: String) -> Option<PlexItem> {
        let asked = self.ask(&item).await;
        let failed = asked.is_err();
        let again = self.0.failed.swap(failed, Ordering::Relaxed);
        match asked {
            Ok(item) => Some(item),
            Err(why) if again => {
                tracing::debug!(item, why, "Plex did not say again which file it plays");
                None
            }
            Err(why) => {
                tracing::warn!(
                    "plex.url and plex.token: Plex did not say which file it plays, titles are compared: {why}"
                );
                None
            }
        }
    }

    async fn ask(&self, item: &str) -> Result<PlexItem, String> {
        let server = self.0.server.load_full();
        let (Some(client), Some(url)) = (&self.0.client, &server.url) else {
            return Err("there is none".to_owned());
        };
        let mut token = HeaderValue::from_str(&server.token)
            .map_err(|_| "the token is no value of a header".to_owned())?;
        token.set_sensitive(true);
        let request = client
            .get(of_item(url, item).ok_or("the URL cannot have a path")?)
            .header("X-Plex-Token", token)
            .header("X-Plex-Product", "GoStream")
            .header("X-Plex-Version", env!("CARGO_PKG_VERSION"))
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        let mut response = request.send().await.map_err(|error| reason(&error))?;
        if !response.status().is_success() {
            return Err(format!("it answers {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_LEN_MAX {
                return Err(format!("its answer is longer than {ANSWER_LEN_MAX} bytes"));
            }
        }
        PlexItem::read(&body).ok_or_else(|| "its answer describes no item".to_owned())
    }
}

/// Below the path of the server, which may be behind a reverse proxy.
fn of_item(server: &Url, item: &str) -> Option<Url> {
    let mut url = server.clone();
    url.path_segments_mut()
        .ok()?
        .pop_if_empty()
        .extend(["library", "metadata", item]);
    Some(url)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Asks a server that answers with this; what it was asked, and what was understood.
    async fn asked(answer: String) -> (String, Result<PlexItem, String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/plex/", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(connection.read_u8().await.unwrap());
            }
            // One that is too long is not read to its end.
            let _ = connection.write_all(answer.as_bytes()).await;
            String::from_utf8(request).unwrap()
        });
        let server = PlexSettings {
            url: Url::parse(&url).ok(),
            token: "s3cret".to_owned(),
        };
        let plex = Plex::new(Arc::new(ArcSwap::from_pointee(server)));
        assert!(plex.answers());
        let understood = plex.ask("812").await;
        (served.await.unwrap(), understood)
    }

    fn with(status: &str, body: &str) -> String {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
    }

    #[tokio::test]
    async fn an_item_is_asked_for_with_the_token_in_a_header() {
        let body =
            r#"{"MediaContainer":{"Metadata":[{"Media":[{"Part":[{"file":"/films/a.mkv"}]}]}]}}"#;
        let (request, understood) = asked(with("200 OK", body)).await;
        assert!(
            request.starts_with("GET /plex/library/metadata/812 HTTP/1.1\r\n"),
            "{request}"
        );
        let request = request.to_ascii_lowercase();
        assert!(
            request.contains("\r\nx-plex-token: s3cret\r\n"),
            "{request}"
        );
        assert!(
            request.contains("\r\naccept: application/json\r\n"),
            "{request}"
        );
        assert_eq!(understood.unwrap().files, ["a.mkv"]);
    }

    #[tokio::test]
    async fn what_is_no_answer_says_why_and_never_the_token() {
        let long = "x".repeat(ANSWER_LEN_MAX + 1);
        for (answer, why) in [
            (with("401 Unauthorized", ""), "401"),
            (
                with("302 Found\r\nLocation: http://127.0.0.1:9/", ""),
                "302",
            ),
            (with("200 OK", "<MediaContainer/>"), "no item"),
            (with("200 OK", &long), "longer than"),
            (String::new(), ""),
            ("no http\r\n\r\n".to_owned(), ""),
        ] {
            let said = asked(answer).await.1.unwrap_err();
            assert!(said.contains(why) && !said.contains("s3cret"), "{said}");
        }
    }

    #[test]
    fn without_a_token_nobody_is_asked() {
        let server = PlexSettings {
            url: Url::parse("http://127.0.0.1:9").ok(),
            token: String::new(),
        };
        assert!(!Plex::new(Arc::new(ArcSwap::from_pointee(server))).answers());
    }
}
