//! What ffprobe says of the film in the mount, when ffprobe is installed.
//!
//! Called by `run`: media servers look at a film in this way before they play it.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use crate::cli::Failure;

/// How long ffprobe may take.
const PROBE_MAX: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Probed {
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    codec_type: String,
    codec_name: String,
    width: Option<u32>,
    height: Option<u32>,
    sample_rate: Option<String>,
}

/// The streams of a film in one line; `None` when there is no ffprobe.
pub(super) async fn streams(path: &Path) -> Result<Option<String>, Failure> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-of", "json", "-show_entries"]);
    command.arg("stream=codec_type,codec_name,width,height,sample_rate");
    command.arg(path).stdin(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(PROBE_MAX, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(Err(error)) => return Err(failed(&format!("cannot be run: {error}"))),
        Err(_) => return Err(failed(&format!("takes more than {PROBE_MAX:?}"))),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !said.is_empty() {
        return Err(failed(&format!("{}: {}", output.status, said.trim())));
    }
    describe(&output.stdout).map(Some)
}

fn describe(json: &[u8]) -> Result<String, Failure> {
    let probed: Probed = serde_json::from_slice(json)
        .map_err(|error| failed(&format!("gave an answer that cannot be read: {error}")))?;
    let lines = probed.streams.into_iter().map(|stream| {
        let kind = format!("{} {}", stream.codec_type, stream.codec_name);
        match (stream.width, stream.height, stream.sample_rate) {
            (Some(width), Some(height), _) => format!("{kind} {width}x{height}"),
            (_, _, Some(rate)) => format!("{kind} {rate} Hz"),
            _ => kind,
        }
    });
    Ok(lines.collect::<Vec<_>>().join(", "))
}

fn failed(what: &str) -> Failure {
    Failure::Failed(format!("ffprobe {what}"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn streams_are_told_in_a_line() {
        let json = br#"{"programs": [], "streams": [
            {"codec_name": "rawvideo", "codec_type": "video", "width": 320, "height": 180},
            {"codec_name": "pcm_s16le", "codec_type": "audio", "sample_rate": "48000"},
            {"codec_name": "subrip", "codec_type": "subtitle"}]}"#;
        assert_eq!(
            describe(json).unwrap(),
            "video rawvideo 320x180, audio pcm_s16le 48000 Hz, subtitle subrip"
        );
    }

    #[test]
    fn an_answer_that_is_none_is_a_failure() {
        let text = describe(b"{}").unwrap_err().to_string();
        assert!(text.starts_with("ffprobe gave an answer"), "{text}");
    }
}
