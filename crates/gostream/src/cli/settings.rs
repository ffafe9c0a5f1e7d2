//! `gostream config`: which settings and directories are in effect.

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
    } = context;
    let file = config_file.as_ref().map_or_else(
        || "none, all defaults".to_owned(),
        |file| file.display().to_string(),
    );
    let mut lines = vec![
        format!("settings:    {file}"),
        format!("library:     {}", directories.library.display()),
        format!("mount:       {}", directories.mount.display()),
        format!("state:       {}", directories.state.display()),
        format!("torrent port: {}", config.engine.torrent_port),
        format!("read-ahead budget: {}", config.engine.read_ahead_budget),
        format!("read deadline: {:?}", config.engine.read_deadline),
        format!("sleep after: {:?}", config.engine.disconnect_timeout),
        format!(
            "peers per torrent: {}",
            config.engine.connections_per_torrent
        ),
        format!("wakes at a time: {}", config.engine.wakes_at_a_time),
        format!("owner:       {}:{}", config.fs.uid, config.fs.gid),
        format!("log level:   {}", config.log_level.as_filter()),
    ];
    lines.extend(ignored.iter().map(|ignored| {
        let why = if ignored.known {
            "has no effect in this version"
        } else {
            "is not known; kept and ignored"
        };
        format!("{file}:{}: {} {why}", ignored.at, ignored.key)
    }));
    lines
}
