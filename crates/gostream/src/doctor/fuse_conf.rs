//! Does /etc/fuse.conf let a user share his mount with other users?
//!
//! Samba and media servers run as other users. Root needs no permission.

use std::{fs, io};

use super::finding::Finding;

const ABOUT: &str = "/etc/fuse.conf";

/// The file's text; empty when there is no file.
pub(super) fn look() -> io::Result<String> {
    match fs::read_to_string("/etc/fuse.conf") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        text => text,
    }
}

pub(super) fn judge(text: &io::Result<String>, is_root: bool) -> Finding {
    if is_root {
        return Finding::ok(ABOUT, "does not matter for root");
    }
    let remedy = "add the line user_allow_other to /etc/fuse.conf";
    match text {
        Ok(text) if text.lines().any(|line| line.trim() == "user_allow_other") => {
            Finding::ok(ABOUT, "has user_allow_other")
        }
        Ok(_) => Finding::warning(
            ABOUT,
            "lacks user_allow_other: only your own user will see the films, not Samba or a media server",
            remedy,
        ),
        Err(error) => Finding::warning(ABOUT, format!("cannot be read: {error}"), remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn level(text: &str, is_root: bool) -> Level {
        judge(&Ok(text.to_owned()), is_root).level
    }

    #[test]
    fn the_option_must_stand_alone_on_a_line_that_is_no_comment() {
        assert_eq!(level("# x\n user_allow_other \n", false), Level::Ok);
        assert_eq!(level("#user_allow_other\n", false), Level::Warning);
        assert_eq!(level("", false), Level::Warning);
        assert_eq!(level("", true), Level::Ok);
    }
}
