//! Keys that say how peers are found beside trackers.

use super::row::{PORTS, int, port, switch, text};
use crate::config::key::{Form, Key};

/// What stands for no entry point.
const NONE: &str = "none";

/// The rows.
pub(super) const KEYS: &[Key] = &[
    switch(
        "dht",
        true,
        Some(|c, on| c.engine.discovery.dht = on),
        "Find peers through the DHT as well, and be a node of it.",
    ),
    int(
        "dht_port",
        8092,
        PORTS,
        "",
        Some(|c, n| c.engine.discovery.dht_port = port(n)),
        "UDP port of the DHT; 0 takes any free one.",
    ),
    text(
        "dht_bootstrap",
        "router.bittorrent.com:6881 router.utorrent.com:6881 dht.transmissionbt.com:6881 dht.libtorrent.org:25401 dht.aelitis.com:6881",
        Form::Any,
        Some(|c, v| c.engine.discovery.dht_bootstrap = entries(v)),
        "Entry points of the DHT, host:port each with spaces between; none relies on nodes known from before and from peers.",
    ),
    switch(
        "lsd",
        true,
        Some(|c, on| c.engine.discovery.lsd = on),
        "Find peers of the local network and be found by them, by multicast.",
    ),
];

fn entries(text: &str) -> Vec<String> {
    let parts = text.split([' ', ',']).filter(|part| !part.is_empty());
    parts
        .filter(|part| *part != NONE)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_points_are_read_one_by_one_and_none_is_none() {
        assert_eq!(entries("a:1, [::1]:2  b:3"), ["a:1", "[::1]:2", "b:3"]);
        assert!(entries(NONE).is_empty());
    }
}
