//! PCP (RFC 6887), as far as we use it: MAP, and ANNOUNCE to ask whether the gateway still knows us.
//!
//! Addresses are IPv6; an IPv4 address stands in its mapped form. Options of a reply are not read.

use std::net::{IpAddr, Ipv6Addr};

use super::{NatError, Protocol, Reader, Refusal};

/// The version byte of all its packets.
pub const VERSION: u8 = 2;
/// Bytes of a mapping nonce.
pub const NONCE_LEN: usize = 12;

/// Chosen at random once, and the same for the whole life of a mapping (section 11.2).
pub type Nonce = [u8; NONCE_LEN];

/// Set in the operation of a reply.
const REPLY: u8 = 0x80;
const ANNOUNCE: u8 = 0;
const MAP: u8 = 1;

/// What we ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Our address, as the gateway must see it.
    pub client: IpAddr,
    /// For how long, in seconds; 0 ends a mapping.
    pub lifetime: u32,
    /// A mapping; `None`: ANNOUNCE (section 14.1).
    pub map: Option<Map>,
}

/// A mapping, in a request and in a reply (section 11.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    /// Whose mapping it is.
    pub nonce: Nonce,
    /// What is forwarded.
    pub protocol: Protocol,
    /// The port here.
    pub internal: u16,
    /// The port there: suggested in a request (0: any), given in a reply.
    pub external: u16,
    /// The address there: unspecified in a request that does not mind.
    pub address: IpAddr,
}

impl Request {
    /// The packet.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let op = if self.map.is_some() { MAP } else { ANNOUNCE };
        let mut packet = vec![VERSION, op, 0, 0];
        packet.extend(self.lifetime.to_be_bytes());
        packet.extend(wide(self.client).octets());
        if let Some(map) = self.map {
            map.encode(&mut packet);
        }
        packet
    }

    /// Reads a packet, as a gateway does.
    ///
    /// # Errors
    /// Too few bytes, another version, or an operation that we do not use.
    pub fn decode(packet: &[u8]) -> Result<Self, NatError> {
        let mut reader = Reader::new(packet);
        check_version(reader.u8()?)?;
        let op = reader.u8()?;
        reader.u16()?;
        let lifetime = reader.u32()?;
        let client = narrow(reader.take()?);
        let map = match op {
            ANNOUNCE => None,
            MAP => Some(Map::decode(&mut reader)?),
            other => return Err(NatError::Operation(other)),
        };
        Ok(Self {
            client,
            lifetime,
            map,
        })
    }
}

/// What the gateway says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Granted, or how long the error will stand, in seconds.
    pub lifetime: u32,
    /// Seconds since the gateway's table was empty (section 8.5).
    pub epoch: u32,
    /// Whether it answers a mapping, or ANNOUNCE.
    pub maps: bool,
    /// Why not.
    pub refusal: Option<Refusal>,
    /// The mapping; may be missing from a refusal.
    pub map: Option<Map>,
}

impl Reply {
    /// Reads a packet. Of an error only the first twelve bytes are needed.
    ///
    /// # Errors
    /// Too few bytes, another version, or no reply to a question of ours.
    pub fn decode(packet: &[u8]) -> Result<Self, NatError> {
        let mut reader = Reader::new(packet);
        check_version(reader.u8()?)?;
        let op = reader.u8()?;
        let maps = match op {
            _ if op == REPLY | ANNOUNCE => false,
            _ if op == REPLY | MAP => true,
            _ => return Err(NatError::Operation(op)),
        };
        let _reserved = reader.u8()?;
        let refusal = refusal(reader.u8()?);
        let lifetime = reader.u32()?;
        let epoch = reader.u32()?;
        let body = reader.take::<12>().map(|_| ());
        let map = match (maps, refusal) {
            (false, _) => None,
            (true, None) => {
                body?;
                Some(Map::decode(&mut reader)?)
            }
            // An error repeats the request, as far as it was understood.
            (true, Some(_)) => body.and_then(|()| Map::decode(&mut reader)).ok(),
        };
        Ok(Self {
            lifetime,
            epoch,
            maps,
            refusal,
            map,
        })
    }

    /// The packet, as a gateway sends it.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let op = if self.maps { MAP } else { ANNOUNCE };
        let mut packet = vec![VERSION, REPLY | op, 0, self.refusal.map_or(0, code)];
        packet.extend(self.lifetime.to_be_bytes());
        packet.extend(self.epoch.to_be_bytes());
        packet.extend([0; 12]);
        if let Some(map) = self.map {
            map.encode(&mut packet);
        }
        packet
    }
}

impl Map {
    fn encode(&self, packet: &mut Vec<u8>) {
        packet.extend(self.nonce);
        packet.extend([number_of(self.protocol), 0, 0, 0]);
        packet.extend(self.internal.to_be_bytes());
        packet.extend(self.external.to_be_bytes());
        packet.extend(wide(self.address).octets());
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, NatError> {
        let nonce = reader.take()?;
        let protocol = match reader.u8()? {
            6 => Protocol::Tcp,
            17 => Protocol::Udp,
            other => return Err(NatError::Protocol(other)),
        };
        let _reserved = reader.take::<3>()?;
        Ok(Self {
            nonce,
            protocol,
            internal: reader.u16()?,
            external: reader.u16()?,
            address: narrow(reader.take()?),
        })
    }
}

/// Whether a packet is a gateway's answer to a request in a version that it does not speak (section 9): the operation in
/// it is the request's, whatever that was.
#[must_use]
pub fn refuses_version(packet: &[u8]) -> bool {
    matches!(packet, [version, op, _, 1, ..] if *version != 0 && op & REPLY != 0)
}

const fn check_version(version: u8) -> Result<(), NatError> {
    match version {
        VERSION => Ok(()),
        other => Err(NatError::Version(other)),
    }
}

/// IANA's number.
const fn number_of(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
    }
}

/// How an address stands in a packet.
const fn wide(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn narrow(octets: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(octets).to_canonical()
}

const fn refusal(code: u8) -> Option<Refusal> {
    match code {
        0 => None,
        1 => Some(Refusal::UnsupportedVersion),
        2 => Some(Refusal::NotAuthorized),
        4 => Some(Refusal::UnsupportedOpcode),
        7 => Some(Refusal::NetworkFailure),
        // NO_RESOURCES, USER_EX_QUOTA
        8 | 10 => Some(Refusal::OutOfResources),
        12 => Some(Refusal::AddressMismatch),
        other => Some(Refusal::Other(other as u16)),
    }
}

fn code(refusal: Refusal) -> u8 {
    match refusal {
        Refusal::UnsupportedVersion => 1,
        Refusal::NotAuthorized => 2,
        Refusal::UnsupportedOpcode => 4,
        Refusal::NetworkFailure => 7,
        Refusal::OutOfResources => 8,
        Refusal::AddressMismatch => 12,
        Refusal::Other(code) => u8::try_from(code).unwrap_or(u8::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> Map {
        Map {
            nonce: *b"twelve bytes",
            protocol: Protocol::Udp,
            internal: 8091,
            external: 0,
            address: IpAddr::from([0, 0, 0, 0]),
        }
    }

    #[test]
    fn a_map_request_has_sixty_bytes_at_their_places() {
        let request = Request {
            client: IpAddr::from([10, 2, 0, 2]),
            lifetime: 3_600,
            map: Some(map()),
        };
        let packet = request.encode();
        assert_eq!(packet.len(), 60);
        assert_eq!(packet[..8], [2, 1, 0, 0, 0, 0, 0x0e, 0x10]);
        assert_eq!(packet[8..20], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
        assert_eq!(packet[20..24], [10, 2, 0, 2]);
        assert_eq!(packet[24..36], *b"twelve bytes");
        assert_eq!(packet[36..44], [17, 0, 0, 0, 0x1f, 0x9b, 0, 0]);
        assert_eq!(Request::decode(&packet), Ok(request));
    }

    #[test]
    fn an_error_is_read_from_twelve_bytes() {
        let full = Reply {
            lifetime: 30,
            epoch: 7,
            maps: true,
            refusal: Some(Refusal::AddressMismatch),
            map: Some(map()),
        };
        let packet = full.encode();
        assert_eq!(Reply::decode(&packet), Ok(full));
        let short = Reply { map: None, ..full };
        assert_eq!(Reply::decode(&packet[..12]), Ok(short));
        assert_eq!(
            Reply::decode(&packet[..11]),
            Err(NatError::TooShort { len: 11 })
        );
    }

    #[test]
    fn an_answer_to_another_version_is_known_by_its_code() {
        assert!(refuses_version(&[2, 0x82, 0, 1]));
        for other in [&[2, 0x82, 0, 0][..], &[2, 2, 0, 1], &[0, 0x82, 0, 1], &[2]] {
            assert!(!refuses_version(other), "{other:?}");
        }
    }
}
