//! Settings of the port at a router or VPN gateway.

use std::{net::Ipv4Addr, time::Duration};

use gostorm::net::Bind;

/// How a port is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PortForwarding {
    /// In every way that fits: PCP or NAT-PMP, else UPnP.
    #[default]
    Auto,
    /// By NAT-PMP alone.
    NatPmp,
    /// By PCP alone.
    Pcp,
    /// By UPnP alone.
    Upnp,
    /// Not at all.
    Off,
}

impl PortForwarding {
    /// The names as config.json has them.
    pub const NAMES: &'static [&'static str] = &["auto", "natpmp", "pcp", "upnp", "off"];

    /// Reads one of [`Self::NAMES`], in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "auto" => Some(Self::Auto),
            "natpmp" => Some(Self::NatPmp),
            "pcp" => Some(Self::Pcp),
            "upnp" => Some(Self::Upnp),
            "off" => Some(Self::Off),
            _ => None,
        }
    }
}

/// Settings of the port at a router or VPN gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardingSettings {
    /// `port_forwarding`: how it is asked for.
    pub by: PortForwarding,
    /// `natpmp.enabled`: the gateway is that of a VPN, and the values below are its.
    pub vpn: bool,
    /// `natpmp.gateway`: its address; `None`: that of the default route.
    pub gateway: Option<Ipv4Addr>,
    /// `natpmp.local_port`: the port here that a VPN's gateway is asked for; 0: whatever it gives.
    pub local_port: u16,
    /// `natpmp.vpn_interface`: the way to it, where `bind_interface` does not say it.
    pub vpn_interface: Option<Bind>,
    /// `natpmp.lifetime`: the lease to ask a VPN for, in seconds; 0: a minute.
    pub lifetime: u32,
    /// `natpmp.refresh`: from a grant to its renewal at the latest; 0: as the lease says.
    pub refresh: Duration,
}

impl ForwardingSettings {
    /// Nothing set: where the table's defaults are applied.
    pub(super) const fn blank() -> Self {
        Self {
            by: PortForwarding::Auto,
            vpn: false,
            gateway: None,
            local_port: 0,
            vpn_interface: None,
            lifetime: 0,
            refresh: Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_table_is_read_in_any_case() {
        for name in PortForwarding::NAMES {
            assert!(PortForwarding::from_name(&name.to_uppercase()).is_some());
        }
        assert_eq!(PortForwarding::from_name("on"), None);
    }
}
