//! Does a port at the router or VPN gateway lead to us?
//!
//! Only a running server knows: it asks, and says how that went.

use gostream_http::Status;

use super::finding::Finding;

const ABOUT: &str = "port forwarding";

/// `status`: what the running server says of itself, if one runs.
pub(super) fn judge(status: Option<&Status>, is_off: bool) -> Finding {
    let Some(status) = status else {
        let seen = if is_off {
            "is off (port_forwarding)"
        } else {
            "is asked for while the server runs"
        };
        return Finding::ok(ABOUT, seen);
    };
    let port = status.torrent_port;
    match (&status.forwarded_port, &status.forwarding_error) {
        (Some(forwarded), _) => Finding::ok(ABOUT, format!("peers reach us at {forwarded}")),
        (None, Some(error)) => Finding::warning(
            ABOUT,
            error.clone(),
            format!(
                "films play without it, from fewer peers; forward TCP and UDP port {port} by hand at the router, \
                 or set port_forwarding to \"off\""
            ),
        ),
        (None, None) if is_off => Finding::ok(ABOUT, "is off (port_forwarding)"),
        (None, None) => Finding::ok(ABOUT, "is being asked for"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn status(port: Option<&str>, error: Option<&str>) -> Status {
        Status {
            torrent_port: 8091,
            forwarded_port: port.map(str::to_owned),
            forwarding_error: error.map(str::to_owned),
            ..Status::default()
        }
    }

    #[test]
    fn a_port_that_leads_to_us_is_shown() {
        let found = judge(
            Some(&status(Some("port 41230 of 11.0.0.1 by PCP"), None)),
            false,
        );
        assert_eq!(found.level, Level::Ok);
        assert!(found.seen.contains("41230"));
    }

    #[test]
    fn a_router_that_refuses_is_a_warning_with_a_way_out() {
        let found = judge(
            Some(&status(None, Some("the gateway does not answer"))),
            false,
        );
        assert_eq!(found.level, Level::Warning);
        let remedy = found.remedy.unwrap_or_default();
        assert!(remedy.contains("8091") && remedy.contains("port_forwarding"));
    }

    #[test]
    fn without_a_server_or_with_the_setting_off_nothing_is_wrong() {
        for found in [
            judge(None, false),
            judge(None, true),
            judge(Some(&status(None, None)), true),
            judge(Some(&status(None, None)), false),
        ] {
            assert_eq!(found.level, Level::Ok);
        }
    }
}
