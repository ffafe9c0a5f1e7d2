//! Keys of the log; its level is one of the seed era.

use super::row::{count, int, path, text};
use crate::config::{
    key::{Form, Key},
    units::{ByteSize, LogFormat},
};

/// The rows.
pub(super) const KEYS: &[Key] = &[
    text(
        "log_format",
        "text",
        Form::OneOf(LogFormat::NAMES),
        Some(|c, v| c.log.format = LogFormat::from_name(v).unwrap_or_default()),
        "How lines of the log look: text for people, json (an object a line) for programs.",
    ),
    text(
        "log_dir",
        "",
        Form::Path,
        Some(|c, v| c.directories.logs = path(v)),
        "Directory where the log is written to files as well; empty: to none, unless systemd names one (LogsDirectory=).",
    ),
    int(
        "log_files",
        7,
        1..=365,
        "files",
        Some(|c, n| c.log.files = count(n)),
        "Most files of the log that are kept; each day (UTC) begins another one.",
    ),
    int(
        "log_file_max_mb",
        16,
        1..=1024,
        "MiB",
        Some(|c, n| c.log.file_max = ByteSize::mib(n)),
        "Longest file of the log; one that is full is put aside before its day is over.",
    ),
];
