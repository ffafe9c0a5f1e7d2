//! Whether the standard error leads to the journal of systemd.

use std::io;
use std::os::fd::AsFd;

/// True when it does: systemd names device and inode of what it connected the standard error to (systemd.exec(5),
/// `JOURNAL_STREAM`). A child that a script started with its output elsewhere inherits the variable, not the journal.
pub(super) fn is_stderr() -> bool {
    let named = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    leads_to(io::stderr(), &named)
}

fn leads_to(descriptor: impl AsFd, named: &str) -> bool {
    let Some((device, inode)) = named.split_once(':') else {
        return false;
    };
    let Ok(stat) = rustix::fs::fstat(descriptor) else {
        return false;
    };
    device.parse() == Ok(stat.st_dev) && inode.parse() == Ok(stat.st_ino)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_variable_names_is_the_journal() {
        let (_read, write) = io::pipe().unwrap();
        let stat = rustix::fs::fstat(&write).unwrap();
        let (device, inode) = (stat.st_dev, stat.st_ino);
        assert!(leads_to(&write, &format!("{device}:{inode}")));
        for other in [
            format!("{device}:{}", inode + 1),
            format!("{}:{inode}", device + 1),
            format!("{inode}"),
            ":".to_owned(),
            String::new(),
        ] {
            assert!(!leads_to(&write, &other), "{other}");
        }
    }
}
