//! Are the TCP ports free?
//!
//! The BitTorrent port must be. The web ports of the settings are looked at
//! too, since another program there (Jellyfin on 8096) is a common surprise;
//! this version does not open them, so they are worth a warning at most.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
};

use super::finding::Finding;
use crate::config::Config;

/// A port, and what happened when it was taken for a moment.
pub(super) struct Port {
    name: &'static str,
    /// The key that changes it.
    key: &'static str,
    number: u16,
    needed_now: bool,
    bound: io::Result<()>,
}

/// Takes each port for a moment.
pub(super) fn look(config: &Config) -> Vec<Port> {
    [
        (
            "BitTorrent",
            "torrent_port",
            config.engine.torrent_port,
            true,
        ),
        ("API", "api_listen_port", config.web.api_port, true),
        ("proxy", "proxy_listen_port", config.web.proxy_port, true),
        ("metrics", "metrics_port", config.web.metrics_port, false),
    ]
    .into_iter()
    // Port 0 is "any free one": there is nothing to look at.
    .filter(|(_, _, number, _)| *number != 0)
    .map(|(name, key, number, needed_now)| Port {
        name,
        key,
        number,
        needed_now,
        bound: TcpListener::bind((Ipv4Addr::UNSPECIFIED, number)).map(drop),
    })
    .collect()
}

pub(super) fn judge(ports: &[Port], running: bool) -> Vec<Finding> {
    ports.iter().map(|port| judge_one(port, running)).collect()
}

fn judge_one(port: &Port, running: bool) -> Finding {
    let about = format!("port {} ({})", port.number, port.name);
    let Err(error) = &port.bound else {
        return Finding::ok(about, "is free");
    };
    let held = error.kind() == io::ErrorKind::AddrInUse;
    if held && running && port.needed_now {
        return Finding::ok(about, "is held by the running gostream");
    }
    let seen = if held {
        "is held by another program".to_owned()
    } else {
        format!("cannot be taken: {error}")
    };
    let remedy = format!(
        "find who holds it with `ss -ltnp sport = :{}`, or set {} to another port",
        port.number, port.key
    );
    if port.needed_now {
        Finding::error(about, seen, remedy)
    } else {
        Finding::warning(about, format!("{seen}; not needed by this version"), remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn judged(bound: io::Result<()>, needed_now: bool, running: bool) -> Finding {
        let port = Port {
            name: "BitTorrent",
            key: "torrent_port",
            number: 8091,
            needed_now,
            bound,
        };
        judge_one(&port, running)
    }

    fn held() -> io::Result<()> {
        Err(io::ErrorKind::AddrInUse.into())
    }

    #[test]
    fn a_held_port_is_an_error_unless_the_running_server_holds_it() {
        assert_eq!(judged(Ok(()), true, false).level, Level::Ok);
        assert_eq!(judged(held(), true, false).level, Level::Error);
        assert_eq!(judged(held(), true, true).level, Level::Ok);
        let forbidden = Err(io::ErrorKind::PermissionDenied.into());
        assert_eq!(judged(forbidden, true, true).level, Level::Error);
    }

    #[test]
    fn a_port_of_a_later_version_is_no_error() {
        assert_eq!(judged(held(), false, false).level, Level::Warning);
    }

    #[test]
    fn the_remedy_names_the_setting() {
        let remedy = judged(held(), true, false).remedy.unwrap_or_default();
        assert!(remedy.contains("torrent_port"), "{remedy}");
        assert!(remedy.contains(":8091"), "{remedy}");
    }
}
