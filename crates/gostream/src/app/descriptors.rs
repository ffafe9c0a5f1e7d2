//! File descriptors for connections: as many as the system gives, and limits that fit what there are.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For the database, the mount, the web ports, open films, and handshakes of those who dial us.
const BESIDES_PEERS: u64 = 320;

/// For the database, the mount, and what else the process has open while it serves.
const OF_THE_PROCESS: u64 = 128;

/// The ports that clients connect to over HTTP.
const WEB_PORTS: u64 = 3;

/// Raises the soft limit of open files to the hard one, and lowers the limits of connections and of dials under way where
/// that is not enough.
pub(super) fn fit(connections: usize, dials: usize) -> (usize, usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(error) => {
            tracing::debug!(%error, "the limit of open files stays as it is");
            limit.current
        }
    };
    let fitting = within(current, connections, dials);
    if fitting != (connections, dials) {
        let (connections, dials) = fitting;
        tracing::warn!(
            open_files = current,
            connections,
            dials,
            "fewer connections than the settings allow, because of the limit of open files"
        );
    }
    fitting
}

fn within(open_files: Option<u64>, connections: usize, dials: usize) -> (usize, usize) {
    let Some(open_files) = open_files else {
        return (connections, dials);
    };
    let free = usize::try_from(open_files.saturating_sub(BESIDES_PEERS)).unwrap_or(usize::MAX);
    if connections.saturating_add(dials) <= free {
        return (connections, dials);
    }
    // Dials are short, and few of them go as far as few connections.
    let dials = dials.min(free / 4).max(8);
    (connections.min(free.saturating_sub(dials)).max(10), dials)
}

/// Connections that each web port may have beside what [`fit`] leaves to peers and dials.
pub(super) fn per_web_port(connections: usize, dials: usize) -> usize {
    web_share(getrlimit(Resource::Nofile).current, connections, dials)
}

fn web_share(open_files: Option<u64>, connections: usize, dials: usize) -> usize {
    let Some(open_files) = open_files else {
        return usize::MAX;
    };
    let (connections, dials) = within(Some(open_files), connections, dials);
    let taken = OF_THE_PROCESS + (connections + dials) as u64;
    let share = open_files.saturating_sub(taken) / WEB_PORTS;
    usize::try_from(share).unwrap_or(usize::MAX).max(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_fit_the_open_files() {
        assert_eq!(within(None, 500, 500), (500, 500));
        assert_eq!(within(Some(65_536), 500, 500), (500, 500));
        let (connections, dials) = within(Some(1_024), 500, 500);
        assert_eq!((connections, dials), (500, 176));
        let (connections, dials) = within(Some(512), 500, 500);
        assert_eq!((connections, dials), (144, 48));
        assert_eq!(within(Some(100), 500, 500), (10, 8));
    }

    #[test]
    fn what_is_left_is_for_the_web_ports() {
        assert_eq!(web_share(None, 500, 500), usize::MAX);
        assert_eq!(web_share(Some(65_536), 500, 500), 21_469);
        assert_eq!(web_share(Some(1_024), 500, 500), 73);
        assert_eq!(web_share(Some(512), 500, 500), 64);
        assert_eq!(web_share(Some(100), 500, 500), 16);
    }
}
