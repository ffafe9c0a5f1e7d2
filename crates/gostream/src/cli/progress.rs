//! How far an addition is, on the standard error of a terminal.
//!
//! On anything else nothing is shown: scripts read exit codes and paths.

use gostream_http::{AddProgress, AddStage};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line that moves. Gone when dropped.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Shows itself if the standard error is a terminal.
    pub(super) fn start() -> Self {
        // Indicatif draws nothing when this is not a terminal.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::default_spinner());
        bar.enable_steady_tick(std::time::Duration::from_millis(100));
        Self(bar)
    }

    /// Shows that much.
    pub(super) fn show(&self, progress: &AddProgress) {
        self.0.set_message(message(progress));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn message(progress: &AddProgress) -> String {
    let AddProgress {
        stage,
        peers,
        done_bytes,
        total_bytes,
    } = *progress;
    let amount = match (done_bytes, total_bytes) {
        (0, 0) => String::new(),
        (done, 0) => format!(", {} KiB", done / 1024),
        (done, total) => format!(", {} of {} KiB", done / 1024, total.div_ceil(1024)),
    };
    match stage {
        AddStage::FetchingTorrent => format!("fetching the .torrent{amount}"),
        AddStage::FindingPeers => format!("looking for peers, {peers} found"),
        AddStage::FetchingMetadata => format!("fetching metadata from {peers} peers{amount}"),
        AddStage::Writing => "writing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_amount_is_shown_when_it_is_known() {
        let at = |stage, done_bytes, total_bytes| {
            message(&AddProgress {
                stage,
                peers: 3,
                done_bytes,
                total_bytes,
            })
        };
        assert_eq!(
            at(AddStage::FetchingMetadata, 16384, 40000),
            "fetching metadata from 3 peers, 16 of 40 KiB"
        );
        assert_eq!(
            at(AddStage::FetchingTorrent, 2048, 0),
            "fetching the .torrent, 2 KiB"
        );
        assert_eq!(
            at(AddStage::FindingPeers, 0, 0),
            "looking for peers, 3 found"
        );
    }
}
