//! NAT-PMP (RFC 6886): two to sixteen bytes each way.

use std::net::Ipv4Addr;

use super::{NatError, Protocol, Reader, Refusal};

/// The version byte of all its packets.
pub const VERSION: u8 = 0;

/// Set in the operation of a reply.
const REPLY: u8 = 0x80;

/// What we ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// The gateway's address on the other side (section 3.2).
    Address,
    /// A port that is forwarded to us (section 3.3); with lifetime 0 and `suggested` 0 its end (section 3.4).
    Map {
        /// What is forwarded.
        protocol: Protocol,
        /// The port here. 0 in a removal: all of them; some VPN gateways take 0 in a request for "the one that you give".
        internal: u16,
        /// The port there that we would like; 0: any.
        suggested: u16,
        /// For how long, in seconds.
        lifetime: u32,
    },
}

impl Request {
    /// The packet.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        match self {
            Self::Address => vec![VERSION, 0],
            Self::Map {
                protocol,
                internal,
                suggested,
                lifetime,
            } => {
                let mut packet = vec![VERSION, op_of(protocol), 0, 0];
                packet.extend(internal.to_be_bytes());
                packet.extend(suggested.to_be_bytes());
                packet.extend(lifetime.to_be_bytes());
                packet
            }
        }
    }

    /// Reads a packet, as a gateway does.
    ///
    /// # Errors
    /// Too few bytes, another version, or an unknown operation.
    pub fn decode(packet: &[u8]) -> Result<Self, NatError> {
        let mut reader = Reader::new(packet);
        check_version(reader.u8()?)?;
        match reader.u8()? {
            0 => Ok(Self::Address),
            op => {
                let protocol = protocol_of(op)?;
                reader.u16()?;
                Ok(Self::Map {
                    protocol,
                    internal: reader.u16()?,
                    suggested: reader.u16()?,
                    lifetime: reader.u32()?,
                })
            }
        }
    }
}

/// What the gateway says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// To which question: `None` for the address.
    pub asked: Option<Protocol>,
    /// Seconds since the gateway's table was empty (section 3.6).
    pub epoch: u32,
    /// The answer.
    pub answer: Answer,
}

/// The answer of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The address on the other side.
    Address(Ipv4Addr),
    /// A mapping.
    Mapped {
        /// The port here, as in the request.
        internal: u16,
        /// The port there.
        external: u16,
        /// For how long, in seconds; 0: it is removed.
        lifetime: u32,
    },
    /// None.
    Refused(Refusal),
}

impl Reply {
    /// Reads a packet. Of an error only the first eight bytes are needed (section 3.5).
    ///
    /// # Errors
    /// Too few bytes, another version, or no reply to a question of ours.
    pub fn decode(packet: &[u8]) -> Result<Self, NatError> {
        let mut reader = Reader::new(packet);
        check_version(reader.u8()?)?;
        let op = reader.u8()?;
        let asked = match op {
            REPLY => None,
            _ if op & REPLY == 0 => return Err(NatError::Operation(op)),
            _ => Some(protocol_of(op & !REPLY).map_err(|_| NatError::Operation(op))?),
        };
        let refusal = refusal(reader.u16()?);
        let epoch = reader.u32()?;
        let answer = if let Some(refusal) = refusal {
            Answer::Refused(refusal)
        } else if asked.is_none() {
            Answer::Address(reader.take::<4>()?.into())
        } else {
            Answer::Mapped {
                internal: reader.u16()?,
                external: reader.u16()?,
                lifetime: reader.u32()?,
            }
        };
        Ok(Self {
            asked,
            epoch,
            answer,
        })
    }

    /// The packet, as a gateway sends it: an error is eight bytes long.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let op = REPLY | self.asked.map_or(0, op_of);
        let code = match self.answer {
            Answer::Refused(refusal) => code(refusal),
            Answer::Address(_) | Answer::Mapped { .. } => 0,
        };
        let mut packet = vec![VERSION, op];
        packet.extend(code.to_be_bytes());
        packet.extend(self.epoch.to_be_bytes());
        match self.answer {
            Answer::Address(address) => packet.extend(address.octets()),
            Answer::Mapped {
                internal,
                external,
                lifetime,
            } => {
                packet.extend(internal.to_be_bytes());
                packet.extend(external.to_be_bytes());
                packet.extend(lifetime.to_be_bytes());
            }
            Answer::Refused(_) => {}
        }
        packet
    }
}

const fn check_version(version: u8) -> Result<(), NatError> {
    match version {
        VERSION => Ok(()),
        other => Err(NatError::Version(other)),
    }
}

const fn op_of(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Udp => 1,
        Protocol::Tcp => 2,
    }
}

const fn protocol_of(op: u8) -> Result<Protocol, NatError> {
    match op {
        1 => Ok(Protocol::Udp),
        2 => Ok(Protocol::Tcp),
        other => Err(NatError::Operation(other)),
    }
}

const fn refusal(code: u16) -> Option<Refusal> {
    match code {
        0 => None,
        1 => Some(Refusal::UnsupportedVersion),
        2 => Some(Refusal::NotAuthorized),
        3 => Some(Refusal::NetworkFailure),
        4 => Some(Refusal::OutOfResources),
        5 => Some(Refusal::UnsupportedOpcode),
        other => Some(Refusal::Other(other)),
    }
}

/// Codes that this protocol has no number for are written as the refusal that comes nearest.
const fn code(refusal: Refusal) -> u16 {
    match refusal {
        Refusal::UnsupportedVersion => 1,
        Refusal::NotAuthorized | Refusal::AddressMismatch => 2,
        Refusal::NetworkFailure => 3,
        Refusal::OutOfResources => 4,
        Refusal::UnsupportedOpcode => 5,
        Refusal::Other(code) => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_written_byte_for_byte() {
        let request = Request::Map {
            protocol: Protocol::Tcp,
            internal: 8091,
            suggested: 0,
            lifetime: 60,
        };
        let bytes = [0, 2, 0, 0, 0x1f, 0x9b, 0, 0, 0, 0, 0, 0x3c];
        assert_eq!(request.encode(), bytes);
        assert_eq!(Request::decode(&bytes), Ok(request));
        assert_eq!(Request::Address.encode(), [0, 0]);
    }

    #[test]
    fn an_error_is_read_from_eight_bytes() {
        for len in [8, 12, 16] {
            let mut packet = vec![0, 0x82, 0, 2, 0, 0, 1, 0];
            packet.resize(len, 0);
            let reply = Reply::decode(&packet);
            let expected = Reply {
                asked: Some(Protocol::Tcp),
                epoch: 256,
                answer: Answer::Refused(Refusal::NotAuthorized),
            };
            assert_eq!(reply, Ok(expected), "{len}");
        }
        assert_eq!(
            Reply::decode(&[0, 0x82, 0, 2, 0, 0, 1]),
            Err(NatError::TooShort { len: 7 })
        );
    }
}
