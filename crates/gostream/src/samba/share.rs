//! The share that is printed.
//!
//! Called by `gostream samba-config`. The text is complete and can be
//! appended to an smb.conf: Samba joins its `[global]` with the one that is
//! there. Comments stand on lines of their own, since Samba knows no others.

use std::{
    fmt::{self, Write as _},
    path::Path,
};

use super::rules::{DEADTIME, DEADTIME_WHY, RULES};

/// What Samba can call a share.
const NAME_MAX: usize = 80;

/// A share of the mount.
#[derive(Debug, Clone)]
pub struct Share {
    name: String,
    path: String,
    may_delete: bool,
}

/// Why there can be no such share; the user's to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// The name.
    #[error(
        "a share cannot be called {0:?}: use 1 to 80 letters, digits, blanks, - and _, and not the name of a special \
         section"
    )]
    Name(String),
    /// The path of the mount.
    #[error(
        "smb.conf cannot name the mount {path:?}, since {reason}: choose another fuse_mount_path"
    )]
    Path {
        /// As it is.
        path: String,
        /// What is in the way.
        reason: &'static str,
    },
}

impl Share {
    /// A share called `name` of the mount point `mount`, which is absolute.
    /// With `may_delete` clients may take films out of the library.
    ///
    /// # Errors
    /// [`ShareError`] when smb.conf cannot express one of the two.
    pub fn new(name: &str, mount: &Path, may_delete: bool) -> Result<Self, ShareError> {
        let special = ["global", "globals", "homes", "printers", "ipc$"];
        let is_usual = |c: char| c.is_alphanumeric() || [' ', '-', '_'].contains(&c);
        let is_good = (1..=NAME_MAX).contains(&name.len())
            && name.chars().all(is_usual)
            && name.trim() == name
            && !name.contains("  ")
            && !special.contains(&&*name.to_lowercase());
        if !is_good {
            return Err(ShareError::Name(name.to_owned()));
        }
        let path = mount.to_string_lossy().into_owned();
        if let Some(reason) = unspeakable(mount, &path) {
            return Err(ShareError::Path { path, reason });
        }
        Ok(Self {
            name: name.to_owned(),
            path,
            may_delete,
        })
    }
}

/// Samba reads some characters of a path as something else.
fn unspeakable(mount: &Path, path: &str) -> Option<&'static str> {
    if mount.to_str().is_none() {
        Some("it is not UTF-8")
    } else if path.contains('%') {
        Some("Samba puts other words in the place of %")
    } else if path.chars().any(char::is_control) {
        Some("it has a control character")
    } else if path.contains("  ") || path.ends_with(' ') {
        Some("Samba takes several blanks for one, and drops those at the end")
    } else if path.ends_with(['\\', '"']) {
        Some("its last character means something else there")
    } else {
        None
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = format!(
            "# The share of GoStream's mount, printed by `gostream samba-config`.\n\
             # A comment must stand on a line of its own: behind a value Samba reads it as a part of the value.\n\n\
             [global]\n   # {DEADTIME_WHY}\n   deadtime = {DEADTIME}\n\n\
             [{}]\n   # the mount; never the library, which holds the small stub files\n   path = {}\n   \
             browseable = yes\n   guest ok = no\n",
            self.name, self.path
        );
        section.push_str(if self.may_delete {
            "   # deleting a film takes it out of the library; only root and the owner of the mount's files may\n   \
             read only = no\n"
        } else {
            "   # `no` lets clients delete films, which takes them out of the library\n   read only = yes\n"
        });
        for rule in RULES {
            let (why, name, value) = (rule.why, rule.name, rule.value(&self.path));
            writeln!(section, "   # {why}\n   {name} = {value}")?;
        }
        f.write_str(&section)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn no_comment_stands_behind_a_value() {
        let text = Share::new("gostream", Path::new("/mnt/gostream"), true)
            .unwrap()
            .to_string();
        assert!(text.contains("   path = /mnt/gostream\n"), "{text}");
        assert!(text.contains("   read only = no\n"), "{text}");
        for line in text.lines().filter(|line| line.contains('=')) {
            let is_comment = line.trim().starts_with('#');
            assert!(is_comment || !line.contains(['#', ';']), "{line}");
        }
    }

    #[test]
    fn what_smb_conf_cannot_express_is_refused() {
        for path in ["/m/%U", "/m/a  b", "/m/a ", "/m/a\nb", "/m/\\"] {
            let refused = Share::new("gostream", Path::new(path), false);
            assert!(matches!(refused, Err(ShareError::Path { .. })), "{path:?}");
        }
        for name in ["", "global", "Homes", "a]b", " a", "a  b", "a/b"] {
            let refused = Share::new(name, Path::new("/m"), false);
            assert!(matches!(refused, Err(ShareError::Name(_))), "{name:?}");
        }
        let share = Share::new("My Films", Path::new("/mnt/my films"), false).unwrap();
        let text = share.to_string();
        assert!(
            text.contains("mntdir allow = \"/mnt/my films\"\n"),
            "{text}"
        );
    }
}
