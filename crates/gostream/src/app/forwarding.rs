//! From the settings to how a port is asked for at a router or VPN gateway.

use std::time::Duration;

use gostorm::nat::{Dialect, NatConfig};

use crate::config::{ForwardingSettings, PortForwarding};

/// The longest wait between two tries at a VPN's gateway, which may forget us at any time.
const VPN_PAUSE_MAX: Duration = Duration::from_secs(10);
/// The lease where the settings name none, in seconds.
const VPN_LIFETIME: u32 = 60;

/// `None`: no port is asked for.
pub(super) fn nat_config(settings: &ForwardingSettings) -> Option<NatConfig> {
    let dialects: &[Dialect] = match settings.by {
        PortForwarding::Off => return None,
        PortForwarding::Auto if settings.vpn => &[Dialect::NatPmp],
        PortForwarding::Auto => Dialect::ALL,
        PortForwarding::NatPmp => &[Dialect::NatPmp],
        PortForwarding::Pcp => &[Dialect::Pcp],
        PortForwarding::Upnp => &[],
    };
    let home = NatConfig {
        dialects,
        upnp: matches!(settings.by, PortForwarding::Auto | PortForwarding::Upnp),
        gateway: settings.gateway,
        ..NatConfig::home()
    };
    if !settings.vpn {
        return Some(home);
    }
    Some(NatConfig {
        upnp: false,
        device: settings.vpn_interface.clone(),
        internal: Some(settings.local_port),
        lifetime: if settings.lifetime == 0 {
            VPN_LIFETIME
        } else {
            settings.lifetime
        },
        renew_after: Some(settings.refresh).filter(|refresh| !refresh.is_zero()),
        pause_max: VPN_PAUSE_MAX,
        ..home
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::config::Config;

    fn settings() -> ForwardingSettings {
        Config::default().forwarding
    }

    #[test]
    fn by_default_a_router_at_home_is_asked_in_every_way() {
        let config = nat_config(&settings()).unwrap();
        assert_eq!(config.dialects, Dialect::ALL);
        assert!(config.upnp && config.device.is_none() && config.internal.is_none());
        assert_eq!(config.gateway, None);
    }

    #[test]
    fn a_vpn_gateway_is_asked_by_natpmp_alone_as_its_keys_say() {
        let vpn = ForwardingSettings {
            vpn: true,
            gateway: "10.2.0.1".parse().ok(),
            ..settings()
        };
        let config = nat_config(&vpn).unwrap();
        assert_eq!(config.dialects, [Dialect::NatPmp]);
        assert!(!config.upnp);
        assert_eq!(config.device, "wg0".parse().ok());
        assert_eq!((config.internal, config.lifetime), (Some(8091), 60));
        assert_eq!(config.renew_after, Some(Duration::from_secs(45)));
        let as_the_lease_says = ForwardingSettings {
            lifetime: 0,
            refresh: Duration::ZERO,
            by: PortForwarding::Upnp,
            ..vpn
        };
        let config = nat_config(&as_the_lease_says).unwrap();
        assert_eq!((config.lifetime, config.renew_after), (60, None));
        assert!(!config.upnp, "a VPN is never asked by UPnP");
    }

    #[test]
    fn off_is_off_also_for_a_vpn() {
        let off = ForwardingSettings {
            by: PortForwarding::Off,
            vpn: true,
            ..settings()
        };
        assert!(nat_config(&off).is_none());
    }
}
