//! Does a restored state wait for the next start?

use std::path::{Path, PathBuf};

use gostream_store::WAITING;

use super::finding::Finding;

const ABOUT: &str = "restore";

/// The folder of a state that waits, if one does.
pub(super) fn look(state: &Path) -> Option<PathBuf> {
    let waiting = state.join(WAITING);
    waiting.is_dir().then_some(waiting)
}

pub(super) fn judge(waiting: &Option<PathBuf>) -> Finding {
    match waiting {
        None => Finding::ok(ABOUT, "nothing waits to be put in place"),
        Some(folder) => Finding::warning(
            ABOUT,
            format!(
                "a restored state waits in {} for the next start",
                folder.display()
            ),
            "start GoStream anew to have it put in place, or remove that folder to go on without it",
        ),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_state_that_waits_is_a_warning() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(judge(&look(state.path())).level, Level::Ok);
        std::fs::create_dir(state.path().join(WAITING)).unwrap();
        let found = judge(&look(state.path()));
        assert_eq!(found.level, Level::Warning);
        assert!(found.seen.contains(WAITING));
    }
}
