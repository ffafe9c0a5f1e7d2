//! One web seed of one torrent: where its bytes lie, and the connections to it.
//!
//! Made by the driver when the torrent runs, shared with the seed's task, and dropped when the torrent sleeps: its idle
//! connections end with it.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gostorm_wire::Info;
use gostorm_wire::web_seed::file_url;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use url::Url;

use super::WebSeedError;
use super::http::{self, Body, Clients, Moved};
use crate::net::Net;
use crate::net::reach::Reach;

/// How long the first answer of a web seed may take.
const OPEN_TIMEOUT: Duration = Duration::from_secs(20);
/// Files of which it is kept where redirects lead.
const MOVED_MAX: usize = 64;

/// A part of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Bytes of a file, by its index.
    File { index: usize, range: Range<u64> },
    /// Padding: zeros, which no server has (BEP 47).
    Zeros(u64),
}

/// One web seed of one torrent.
#[derive(Debug)]
pub(crate) struct Site {
    info: Arc<Info>,
    url: Url,
    net: Arc<Net>,
    clients: Clients,
    moved: Mutex<FxHashMap<usize, Moved>>,
}

impl Site {
    /// Without a connection yet.
    pub(crate) fn new(net: Arc<Net>, info: Arc<Info>, url: Url) -> Self {
        Self {
            info,
            url,
            clients: Clients::new(Arc::clone(&net)),
            net,
            moved: Mutex::default(),
        }
    }

    /// As the torrent names it.
    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }

    /// Bytes in a piece.
    pub(super) fn piece_len(&self) -> u32 {
        self.info.piece_length()
    }

    /// Asks for one byte of the file at `offset` of the torrent: does the server have it, does it send parts, is the
    /// file as long as it should be? Gives the time that an answer takes, microseconds.
    ///
    /// # Errors
    /// See [`WebSeedError`].
    pub(crate) async fn open(&self, offset: u64) -> Result<u64, WebSeedError> {
        let start = Instant::now();
        let first = self.parts(offset..offset + 1).pop();
        let file = match first {
            Some(Part::File { index, .. }) => index,
            Some(Part::Zeros(_)) | None => self.largest(),
        };
        let opened = async {
            let mut body = self.get(file, 0..1).await?;
            while body.next().await?.is_some() {}
            Ok(())
        };
        let timed_out = |_| WebSeedError::Unreachable("it did not answer in time".to_owned());
        let no_network = |error: io::Error| WebSeedError::Unreachable(error.to_string());
        tokio::time::timeout(OPEN_TIMEOUT, self.net.within(opened))
            .await
            .map_err(timed_out)?
            .map_err(no_network)??;
        // One round trip made the connection, the other brought the answer.
        Ok(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX) / 2)
    }

    fn largest(&self) -> usize {
        let files = self.info.files().iter().enumerate();
        let real = files.filter(|(_, file)| !file.padding);
        real.max_by_key(|(_, file)| file.length)
            .map_or(0, |(index, _)| index)
    }

    /// What lies at `range` of the torrent.
    pub(super) fn parts(&self, range: Range<u64>) -> Vec<Part> {
        let files = self.info.files();
        let mut parts = Vec::new();
        let mut at = range.start;
        let mut index = files.partition_point(|file| file.offset + file.length <= at);
        while at < range.end {
            let next = files.get(index);
            let Some(file) = next.filter(|file| file.offset < range.end) else {
                parts.push(Part::Zeros(range.end - at));
                break;
            };
            let file_end = file.offset + file.length;
            if at < file.offset {
                parts.push(Part::Zeros(file.offset - at));
                at = file.offset;
            }
            let end = file_end.min(range.end);
            if end > at && file.padding {
                parts.push(Part::Zeros(end - at));
            } else if end > at {
                let range = at - file.offset..end - file.offset;
                parts.push(Part::File { index, range });
            }
            at = end.max(at);
            index += 1;
        }
        parts
    }

    /// Asks for a part of a file, `range` in bytes and not empty. Where an earlier redirect led is asked first.
    pub(super) async fn get(&self, index: usize, range: Range<u64>) -> Result<Body, WebSeedError> {
        let file = self.info.files().get(index).ok_or(WebSeedError::NoUrl)?;
        let path = self.info.multi_file().then_some(&file.path[..]);
        let url = file_url(&self.url, self.info.name(), path).ok_or(WebSeedError::NoUrl)?;
        let part = http::Wanted {
            range,
            total: file.length,
        };
        let moved = self.moved.lock().get(&index).cloned();
        if let Some(moved) = moved {
            match http::get(&self.clients, moved, &part).await {
                // Such addresses may be good for a while only.
                Err(WebSeedError::Status(_)) => self.moved.lock().remove(&index),
                outcome => return outcome.map(|(body, _)| body),
            };
        }
        let reach = Reach::of_web_seed(&url);
        let (body, moved) = http::get(&self.clients, Moved { url, reach }, &part).await?;
        let mut known = self.moved.lock();
        if let Some(moved) = moved
            && known.len() < MOVED_MAX
        {
            known.insert(index, moved);
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn site() -> Site {
        let file = |path: &str, len: u64, pad: bool| {
            let attr = if pad { "4:attr1:p" } else { "" };
            format!("d{attr}6:lengthi{len}e4:pathl{}:{path}ee", path.len())
        };
        let files = [
            file("a", 20_000, false),
            file("empty", 0, false),
            file("p", 12_768, true),
            file("b", 32_768, false),
        ];
        let info = format!(
            "d5:filesl{}e4:name1:n12:piece lengthi32768e6:pieces40:{}e",
            files.concat(),
            "x".repeat(40)
        );
        let info = Info::parse(info.as_bytes()).unwrap();
        let url = Url::parse("http://127.0.0.1/").unwrap();
        Site::new(Arc::new(Net::default()), Arc::new(info), url)
    }

    fn file(index: usize, range: Range<u64>) -> Part {
        Part::File { index, range }
    }

    #[test]
    fn a_run_is_split_at_the_ends_of_files_and_padding_is_not_fetched() {
        let site = site();
        assert_eq!(site.parts(0..16_384), [file(0, 0..16_384)]);
        assert_eq!(
            site.parts(16_384..40_000),
            [
                file(0, 16_384..20_000),
                Part::Zeros(12_768),
                file(3, 0..7_232)
            ]
        );
        assert_eq!(site.parts(21_000..22_000), [Part::Zeros(1_000)]);
        assert_eq!(site.parts(65_000..65_536), [file(3, 32_232..32_768)]);
        assert_eq!(
            site.parts(65_000..70_000),
            [file(3, 32_232..32_768), Part::Zeros(4_464)]
        );
    }
}
