//! How a share of the mount must be set, and why.
//!
//! Used by `share`, which prints these lines, and by `check`, which looks for
//! them. Names are written as in smb.conf(5). What is not here is the user's
//! to choose.

/// One setting of the share.
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// What is printed; see [`Rule::value`].
    value: &'static str,
    /// What Samba 4 does when nothing is said.
    pub(super) default: &'static str,
    pub(super) wanted: Wanted,
    /// Said above the printed line, and of a share that has it otherwise.
    pub(super) why: &'static str,
    /// Films may hang without it; else it only costs.
    pub(super) is_grave: bool,
}

impl Rule {
    /// What is printed for the share of this mount.
    pub(super) fn value(&self, mount: &str) -> String {
        match self.wanted {
            // A list: blanks divide it.
            Wanted::Mount if mount.contains([' ', ',', ';']) => format!("\"{mount}\""),
            Wanted::Mount => mount.to_owned(),
            Wanted::No | Wanted::Positive | Wanted::Lists(_) | Wanted::OneOf(_) => {
                self.value.to_owned()
            }
        }
    }
}

/// Which values are right.
pub(super) enum Wanted {
    /// No, and nothing else.
    No,
    /// A number above zero.
    Positive,
    /// A list that has this word.
    Lists(&'static str),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A list that has the mount.
    Mount,
}

const fn no(name: &'static str, default: &'static str, why: &'static str) -> Rule {
    Rule {
        name,
        value: "no",
        default,
        wanted: Wanted::No,
        why,
        is_grave: false,
    }
}

/// In the order in which they are printed.
pub(super) const RULES: &[Rule] = &[
    Rule {
        is_grave: true,
        ..no(
            "oplocks",
            "yes",
            "with oplocks smbd can hang in the kernel while a library is scanned",
        )
    },
    no(
        "level2 oplocks",
        "yes",
        "without oplocks Samba complains when these are on",
    ),
    no(
        "kernel oplocks",
        "no",
        "the kernel's oplocks wait for files that FUSE serves",
    ),
    no(
        "posix locking",
        "yes",
        "clients' locks need not reach a file system whose films nobody writes",
    ),
    no(
        "strict locking",
        "auto",
        "every read would first be looked up in the table of locks",
    ),
    no(
        "use sendfile",
        "no",
        "sendfile gains nothing on FUSE and reads one block after another",
    ),
    Rule {
        name: "aio read size",
        value: "1",
        default: "1",
        wanted: Wanted::Positive,
        why: "reads must be asynchronous, or one that waits for the swarm holds up the client's others",
        is_grave: true,
    },
    no(
        "store dos attributes",
        "yes",
        "they would be kept in extended attributes, which the mount does not store",
    ),
    no(
        "ea support",
        "yes",
        "a listing would ask for the extended attributes of every film",
    ),
    Rule {
        name: "vfs objects",
        value: "fileid",
        default: "",
        wanted: Wanted::Lists("fileid"),
        why: "files are then known by the mount's name and their inode, which stay when it is mounted anew; Debian has \
              the module in samba-vfs-modules",
        is_grave: false,
    },
    Rule {
        name: "fileid:algorithm",
        value: "fsname",
        default: "fsname",
        wanted: Wanted::OneOf(&["fsname", "fsname_nodirs", "fsname_norootdir", "hostname"]),
        why: "the number of the device is another after each mount, the name is not",
        is_grave: false,
    },
    Rule {
        name: "fileid:mntdir allow",
        value: "",
        default: "",
        wanted: Wanted::Mount,
        why: "fileid else asks every mounted file system of the machine when a client connects, and hangs when one hangs",
        is_grave: true,
    },
];

/// Minutes after which a client without open files is let go. A global one.
pub(super) const DEADTIME: u32 = 15;
/// More than this is as good as none (Samba's default is a week).
pub(super) const DEADTIME_MAX: u32 = 60;
/// Said above the printed line.
pub(super) const DEADTIME_WHY: &str =
    "clients that hold no file open are let go after so many minutes; holds for all shares";
