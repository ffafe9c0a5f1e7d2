//! Does the mount show the library as it is?
//!
//! Only a running server knows: it keeps showing what it cannot read any more.

use gostream_http::Status;

use super::finding::Finding;

const ABOUT: &str = "library";

/// `status`: what the running server says of itself, if one runs.
pub(super) fn judge(status: Option<&Status>) -> Finding {
    let Some(status) = status else {
        return Finding::ok(ABOUT, "is looked at while the server runs");
    };
    match &status.library_error {
        None => Finding::ok(ABOUT, format!("{} films are shown", status.films)),
        Some(error) => Finding::warning(
            ABOUT,
            format!("is shown as it was: {error}"),
            "films play on; mount the disk of the library again, or see to it that it can be read",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn status(error: Option<&str>) -> Status {
        Status {
            library_error: error.map(str::to_owned),
            films: 12,
            ..Status::default()
        }
    }

    #[test]
    fn a_library_that_is_read_is_counted() {
        let found = judge(Some(&status(None)));
        assert_eq!(found.level, Level::Ok);
        assert!(found.seen.contains("12"));
        assert_eq!(judge(None).level, Level::Ok);
    }

    #[test]
    fn a_library_that_lost_its_disk_is_a_warning_with_the_reason() {
        let found = judge(Some(&status(Some("no disk"))));
        assert_eq!(found.level, Level::Warning);
        assert!(found.seen.contains("no disk"));
    }
}
