//! Is /dev/fuse there, and may we open it?

use std::{fs::OpenOptions, io};

use super::finding::Finding;

const ABOUT: &str = "/dev/fuse";

/// Opens the device for a moment.
pub(super) fn look() -> Result<(), io::Error> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/fuse")
        .map(drop)
}

pub(super) fn judge(opened: &Result<(), io::Error>) -> Finding {
    let Err(error) = opened else {
        return Finding::ok(ABOUT, "can be opened");
    };
    let remedy = if error.kind() == io::ErrorKind::PermissionDenied {
        "chmod 666 /dev/fuse; in a container: pass --device /dev/fuse --cap-add SYS_ADMIN"
    } else {
        "load the kernel module: modprobe fuse; in a container: pass --device /dev/fuse"
    };
    Finding::error(ABOUT, format!("cannot be opened: {error}"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_missing_device_and_a_forbidden_one_have_different_remedies() {
        assert_eq!(judge(&Ok(())).level, Level::Ok);
        let missing = judge(&Err(io::ErrorKind::NotFound.into()));
        let forbidden = judge(&Err(io::ErrorKind::PermissionDenied.into()));
        assert_eq!(
            (missing.level, forbidden.level),
            (Level::Error, Level::Error)
        );
        assert!(
            missing
                .remedy
                .is_some_and(|remedy| remedy.contains("modprobe"))
        );
        assert!(
            forbidden
                .remedy
                .is_some_and(|remedy| remedy.contains("chmod"))
        );
    }
}
