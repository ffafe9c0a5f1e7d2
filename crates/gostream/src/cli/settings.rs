//! `gostream config`: which settings and directories are in effect.

use std::fmt::Display;

use super::{context::Context, failure::Failure, output};

/// Prints them, one a line, and the keys of the file that have no effect.
pub(super) fn print(context: &Context) -> Result<(), Failure> {
    output::lines(lines(context))
}

fn lines(context: &Context) -> Vec<String> {
    let Context {
        config,
        config_file,
        ignored,
        directories,
        ..
    } = context;
    let file = config_file.as_ref().map_or_else(
        || "none, all defaults".to_owned(),
        |file| file.display().to_string(),
    );
    let line = |name: &str, value: &dyn Display| format!("{name:<18} {value}");
    let engine = &config.engine;
    let log_files = directories
        .logs
        .as_ref()
        .map_or_else(|| "none".to_owned(), |folder| folder.display().to_string());
    let mut lines = vec![
        line("settings", &file),
        line("library", &directories.library.display()),
        line("mount", &directories.mount.display()),
        line("state", &directories.state.display()),
        line("torrent port", &engine.torrent_port),
        line("read-ahead budget", &engine.read_ahead_budget),
        line("read deadline", &format!("{:?}", engine.read_deadline)),
        line("sleep after", &format!("{:?}", engine.disconnect_timeout)),
        line("peers per torrent", &engine.connections_per_torrent),
        line("wakes at a time", &engine.wakes_at_a_time),
        line("owner", &format!("{}:{}", config.fs.uid, config.fs.gid)),
        line("URL in stubs", &config.web.gostorm_url),
        line("log level", &config.log_level.as_filter()),
        line("log files", &log_files),
    ];
    lines.extend(ignored.iter().map(|ignored| {
        let why = match (ignored.known, ignored.meant) {
            (true, _) => "has no effect in this version".to_owned(),
            (false, Some(meant)) => format!("is not known and left alone; did you mean {meant}?"),
            (false, None) => "is not known and left alone".to_owned(),
        };
        format!("{file}:{}: {} {why}", ignored.at, ignored.key)
    }));
    lines
}
