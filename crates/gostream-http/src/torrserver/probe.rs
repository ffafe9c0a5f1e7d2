//! `GET /ffp/{hash}/{id}`: what ffprobe says of a file, where it is installed.
//!
//! ffprobe reads the file from this very port, as a player would, without a mark that it was watched. Bounded in time, in
//! what it may print, and in how many run.

use std::{process::Stdio, time::Duration};

use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse as _, Response},
};
use tokio::{io::AsyncReadExt as _, process::Command};

use super::api::Api;
use crate::{error::ApiRefusal, torrents::TorrentId};

/// How long it may take.
const TIME_MAX: Duration = Duration::from_secs(60);
/// The most that it may print, in bytes.
const TEXT_LEN_MAX: u64 = 1024 * 1024;

pub(super) async fn probe(
    State(api): State<Api>,
    Path((hash, id)): Path<(String, String)>,
) -> Result<Response, ApiRefusal> {
    let hash: TorrentId = hash.parse().map_err(|_| ApiRefusal::Malformed)?;
    let id: u32 = id.parse().map_err(|_| ApiRefusal::Malformed)?;
    if api.torrents.get(hash).await?.is_none() {
        return Err(ApiRefusal::Malformed);
    }
    let _place = api.probes.try_acquire().map_err(|_| ApiRefusal::Full)?;
    let port = api.port;
    let url = format!("http://127.0.0.1:{port}/stream?link={hash}&index={id}&play&unseen");
    let text = tokio::time::timeout(TIME_MAX, run(&url)).await;
    let text = text.map_err(|_| ApiRefusal::Malformed)?;
    let text = text.ok_or(ApiRefusal::Malformed)?;
    let kind = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    Ok((kind, text).into_response())
}

/// What it prints about a URL; nothing where it fails.
async fn run(url: &str) -> Option<Vec<u8>> {
    let mut command = Command::new("ffprobe");
    command
        .args([
            "-v",
            "error",
            "-of",
            "json",
            "-show_format",
            "-show_streams",
            "-show_chapters",
        ])
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .inspect_err(|error| tracing::info!(%error, "ffprobe cannot be started"))
        .ok()?;
    let mut text = Vec::new();
    let mut out = child.stdout.take()?.take(TEXT_LEN_MAX);
    out.read_to_end(&mut text).await.ok()?;
    drop(out);
    let ended = child.wait().await.ok()?;
    ended.success().then_some(text)
}
