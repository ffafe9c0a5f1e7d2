//! Which gateway is asked: the one of the settings, else that of the default route.

use std::net::Ipv4Addr;

/// The main routing table, as the kernel shows it.
const ROUTES: &str = "/proc/net/route";
/// Route flags (`linux/route.h`).
const RTF_UP: u32 = 0x1;
const RTF_GATEWAY: u32 = 0x2;

/// The gateway of the default route, over this interface if one is named. A tunnel often has none.
pub(super) fn default_gateway(device: Option<&str>) -> Option<Ipv4Addr> {
    match std::fs::read_to_string(ROUTES) {
        Ok(routes) => find(&routes, device),
        Err(error) => {
            tracing::debug!(%error, "{ROUTES} cannot be read");
            None
        }
    }
}

/// Columns: Iface Destination Gateway Flags RefCnt Use Metric Mask ...; numbers are hexadecimal but the metric, and
/// addresses stand as they lie in memory.
fn find(routes: &str, device: Option<&str>) -> Option<Ipv4Addr> {
    let gateway = |row: &str| {
        let columns: Vec<&str> = row.split_whitespace().collect();
        let hex = |at: usize| u32::from_str_radix(columns.get(at)?, 16).ok();
        let is_default = hex(1)? == 0 && hex(7)? == 0;
        let leads_there = hex(3)? & (RTF_UP | RTF_GATEWAY) == RTF_UP | RTF_GATEWAY;
        let ours = device.is_none_or(|device| columns.first() == Some(&device));
        let metric: u32 = columns.get(6)?.parse().ok()?;
        let address = Ipv4Addr::from(hex(2)?.to_ne_bytes());
        (is_default && leads_there && ours && !address.is_unspecified())
            .then_some((metric, address))
    };
    let found = routes.lines().skip(1).filter_map(gateway);
    found
        .min_by_key(|(metric, _)| *metric)
        .map(|(_, address)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As on a little-endian machine.
    const HEAD: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    fn routes(rows: &[&str]) -> String {
        let row = |row: &&str| row.replace(' ', "\t") + "\t0\t0\t0\n";
        HEAD.to_owned() + &rows.iter().map(row).collect::<String>()
    }

    fn hex(address: [u8; 4]) -> String {
        format!("{:08X}", u32::from_ne_bytes(address))
    }

    #[test]
    fn the_default_route_with_the_least_metric_names_the_gateway() {
        let (home, wifi) = (hex([192, 168, 1, 1]), hex([10, 0, 0, 1]));
        let table = routes(&[
            &format!("wlan0 00000000 {wifi} 0003 0 0 600 00000000"),
            &format!("eth0 00000000 {home} 0003 0 0 100 00000000"),
            &format!(
                "eth0 {} 00000000 0001 0 0 100 {}",
                hex([192, 168, 1, 0]),
                hex([255, 255, 255, 0])
            ),
            &format!(
                "eth0 {} {wifi} 0003 0 0 0 {}",
                hex([10, 9, 0, 0]),
                hex([255, 255, 0, 0])
            ),
        ]);
        assert_eq!(find(&table, None), Some(Ipv4Addr::new(192, 168, 1, 1)));
        assert_eq!(
            find(&table, Some("wlan0")),
            Some(Ipv4Addr::new(10, 0, 0, 1))
        );
        assert_eq!(find(&table, Some("wg0")), None);
    }

    #[test]
    fn a_tunnel_without_a_gateway_and_broken_rows_name_none() {
        let down = hex([192, 168, 1, 1]);
        let table = routes(&[
            "wg0 00000000 00000000 0001 0 0 0 00000000",
            &format!("eth0 00000000 {down} 0002 0 0 0 00000000"),
            "eth0 00000000",
            "",
            "x y z",
        ]);
        assert_eq!(find(&table, None), None);
        assert_eq!(find("", None), None);
    }
}
