//! May the process open enough files?
//!
//! Sockets, FUSE handles and the database all count. The unit file asks for
//! 65536; the least that works follows from the settings.

use rustix::process::{Resource, getrlimit};

use super::finding::Finding;
use crate::config::EngineSettings;

const ABOUT: &str = "open files";

/// For the database, the mount, the web ports and open films.
const BESIDES_PEERS: u64 = 256;

/// The soft limit; none = no limit.
pub(super) fn look() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

pub(super) fn judge(limit: Option<u64>, engine: &EngineSettings) -> Finding {
    let Some(limit) = limit else {
        return Finding::ok(ABOUT, "are not limited");
    };
    let one_torrent = u64::try_from(engine.connections_per_torrent).unwrap_or(u64::MAX);
    let torrents = u64::try_from(engine.wakes_at_a_time).unwrap_or(u64::MAX);
    let wanted = one_torrent
        .saturating_mul(torrents)
        .saturating_add(BESIDES_PEERS);
    let least = one_torrent.saturating_add(BESIDES_PEERS);
    let remedy = "ulimit -n 65536 before starting, or LimitNOFILE=65536 in the systemd unit";
    if limit < least {
        let seen = format!("are limited to {limit}, one torrent alone needs {least}");
        Finding::error(ABOUT, seen, remedy)
    } else if limit < wanted {
        let seen = format!("are limited to {limit}, the settings can need {wanted}");
        Finding::warning(ABOUT, seen, remedy)
    } else {
        Finding::ok(ABOUT, format!("are limited to {limit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, doctor::Level};

    #[test]
    fn the_limit_is_measured_by_the_settings() {
        let engine = Config::default().engine;
        assert_eq!(
            (engine.connections_per_torrent, engine.wakes_at_a_time),
            (25, 25)
        );
        let level = |limit| judge(limit, &engine).level;
        assert_eq!(level(None), Level::Ok);
        assert_eq!(level(Some(881)), Level::Ok);
        assert_eq!(level(Some(880)), Level::Warning);
        assert_eq!(level(Some(280)), Level::Error);
    }
}
