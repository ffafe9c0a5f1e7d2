//! One line of a blocklist, in any of the formats that are met, which may be mixed in one file.
//!
//! Called by the parser with the line's bytes, which are often Latin-1 and need not be UTF-8. Zero-padded octets are
//! decimal (`010` is ten), which the standard parsers refuse.

use std::net::Ipv6Addr;

/// Widest range of IPv4 that is accepted, in addresses: 16 × /8. A wider one would block everyone.
const V4_WIDTH_MAX: u32 = 1 << 28;
/// Widest range of IPv6 that is accepted: a /12, which is what a registry is given.
const V6_WIDTH_MAX: u128 = 1 << 116;
/// DAT lines of this access level and above say who is allowed.
const LEVEL_ALLOWED: u32 = 128;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Nothing: blank or a comment.
    Blank,
    /// A range that is allowed (DAT, access level 128 and above).
    Allowed,
    /// A range of IPv4, first and last address.
    V4(u32, u32),
    /// A range of IPv6.
    V6(u128, u128),
}

/// Why a line is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadLine {
    /// No format fits.
    Unreadable,
    /// The last address is below the first.
    Reversed,
    /// From one address family to the other.
    Mixed,
    /// It would block everyone.
    TooWide,
}

#[derive(Clone, Copy)]
enum Address {
    V4(u32),
    V6(u128),
}

/// Reads one line, without its newline.
pub(super) fn parse(line: &[u8]) -> Result<Line, BadLine> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(Line::Blank);
    }
    // From the strict to the loose. A format that does not fit says `Unreadable`; any other word on a line is the last.
    let formats = [dat, bare, p2p];
    // Most lines begin with a name: they are not tried as what they cannot be.
    let first = if begins_like_an_address(line) { 0 } else { 2 };
    for format in &formats[first..] {
        let read = format(line);
        if read != Err(BadLine::Unreadable) {
            return read;
        }
    }
    Err(BadLine::Unreadable)
}

fn begins_like_an_address(line: &[u8]) -> bool {
    line.first()
        .is_some_and(|byte| byte.is_ascii_hexdigit() || *byte == b':')
}

/// `192.000.002.000 - 192.000.002.255 , 100 , Some Org`, and the variant `192.0.2.0,192.0.2.255,100,Some Org`.
fn dat(line: &[u8]) -> Result<Line, BadLine> {
    let mut fields = line.split(|byte| *byte == b',');
    let (first, second) = (fields.next(), fields.next());
    let (Some(first), Some(second)) = (first, second) else {
        return Err(BadLine::Unreadable);
    };
    let (read, level) = match (address(first), address(second)) {
        (Some(from), Some(to)) => (between(from, to)?, fields.next()),
        _ => (range(first)?, Some(second)),
    };
    let level = level.and_then(|level| std::str::from_utf8(level.trim_ascii()).ok()?.parse().ok());
    if level.is_some_and(|level: u32| level >= LEVEL_ALLOWED) {
        return Ok(Line::Allowed);
    }
    Ok(read)
}

/// A range, an address or a network, and perhaps a remark behind `;` or `#`.
fn bare(line: &[u8]) -> Result<Line, BadLine> {
    let text = line.split(|byte| matches!(byte, b';' | b'#')).next();
    any(text.unwrap_or_default())
}

/// `Some Org, Ltd:192.0.2.0-192.0.2.255`: descriptions hold colons, and so do the addresses of IPv6.
fn p2p(line: &[u8]) -> Result<Line, BadLine> {
    let colons = || (0..line.len()).filter(|at| line[*at] == b':');
    let Some(last) = colons().next_back() else {
        return Err(BadLine::Unreadable);
    };
    let tail = &line[last + 1..];
    if let read @ (Ok(_) | Err(BadLine::Reversed | BadLine::TooWide)) = range(tail) {
        return read;
    }
    // The longest tail that is a range: its first address holds as many colons as can be.
    for at in colons() {
        let read = range(&line[at + 1..]);
        if read != Err(BadLine::Unreadable) {
            return read;
        }
    }
    any(tail)
}

/// Everything that stands for addresses by itself.
fn any(text: &[u8]) -> Result<Line, BadLine> {
    if let Some(only) = address(text) {
        return between(only, only);
    }
    let cidr = network(text);
    if cidr != Err(BadLine::Unreadable) {
        return cidr;
    }
    range(text)
}

/// `198.51.100.0/24`; bits of the host are masked away.
fn network(text: &[u8]) -> Result<Line, BadLine> {
    let mut parts = text.splitn(2, |byte| *byte == b'/');
    let first = parts.next().and_then(address);
    let prefix = parts.next().and_then(|text| decimal(text.trim_ascii()));
    let (Some(first), Some(prefix)) = (first, prefix) else {
        return Err(BadLine::Unreadable);
    };
    match first {
        Address::V4(bits) => {
            // ::ffff:a.b.c.d/120 is a network of IPv4, too.
            let mapped = text.contains(&b':');
            let prefix = if mapped {
                prefix.checked_sub(96)
            } else {
                Some(prefix)
            };
            let prefix = prefix.filter(|prefix| *prefix <= 32);
            let prefix = prefix.ok_or(BadLine::Unreadable)?;
            let host = u32::MAX.checked_shr(prefix).unwrap_or(0);
            between(Address::V4(bits & !host), Address::V4(bits | host))
        }
        Address::V6(bits) if prefix <= 128 => {
            let host = u128::MAX.checked_shr(prefix).unwrap_or(0);
            between(Address::V6(bits & !host), Address::V6(bits | host))
        }
        Address::V6(_) => Err(BadLine::Unreadable),
    }
}

/// `203.0.113.5-203.0.113.9`.
fn range(text: &[u8]) -> Result<Line, BadLine> {
    let mut parts = text.split(|byte| *byte == b'-');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(from), Some(to), None) => match (address(from), address(to)) {
            (Some(from), Some(to)) => between(from, to),
            _ => Err(BadLine::Unreadable),
        },
        _ => Err(BadLine::Unreadable),
    }
}

fn between(from: Address, to: Address) -> Result<Line, BadLine> {
    match (from, to) {
        (Address::V4(from), Address::V4(to)) => match to.checked_sub(from) {
            None => Err(BadLine::Reversed),
            Some(more) if more >= V4_WIDTH_MAX => Err(BadLine::TooWide),
            Some(_) => Ok(Line::V4(from, to)),
        },
        (Address::V6(from), Address::V6(to)) => match to.checked_sub(from) {
            None => Err(BadLine::Reversed),
            Some(more) if more >= V6_WIDTH_MAX => Err(BadLine::TooWide),
            Some(_) => Ok(Line::V6(from, to)),
        },
        (Address::V4(_), Address::V6(_)) | (Address::V6(_), Address::V4(_)) => Err(BadLine::Mixed),
    }
}

fn address(text: &[u8]) -> Option<Address> {
    let text = text.trim_ascii();
    if !text.contains(&b':') {
        return v4(text).map(Address::V4);
    }
    let ip: Ipv6Addr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(match ip.to_ipv4_mapped() {
        Some(ip) => Address::V4(ip.to_bits()),
        None => Address::V6(ip.to_bits()),
    })
}

fn v4(text: &[u8]) -> Option<u32> {
    let mut octets = text.split(|byte| *byte == b'.');
    let mut bits = 0;
    for _ in 0..4 {
        let octet = decimal(octets.next()?).filter(|octet| *octet <= 255)?;
        bits = bits << 8 | octet;
    }
    octets.next().is_none().then_some(bits)
}

/// One to three digits.
fn decimal(digits: &[u8]) -> Option<u32> {
    if !(1..=3).contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + u32::from(digit - b'0'))
    })
}
