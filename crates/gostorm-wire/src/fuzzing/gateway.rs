//! Packets of NAT-PMP and PCP, as a gateway and as a client reads them.

use crate::nat::{natpmp as pmp, pcp as port_control};

/// A NAT-PMP packet.
pub fn natpmp(data: &[u8]) {
    if let Ok(request) = pmp::Request::decode(data) {
        assert_eq!(pmp::Request::decode(&request.encode()), Ok(request));
    }
    if let Ok(reply) = pmp::Reply::decode(data) {
        assert_eq!(pmp::Reply::decode(&reply.encode()), Ok(reply));
    }
}

/// A PCP packet.
pub fn pcp(data: &[u8]) {
    if let Ok(request) = port_control::Request::decode(data) {
        let written = request.encode();
        assert_eq!(port_control::Request::decode(&written), Ok(request));
    }
    if let Ok(reply) = port_control::Reply::decode(data) {
        assert!(!reply.maps || reply.map.is_some() || reply.refusal.is_some());
        assert!(reply.maps || reply.map.is_none());
        assert_eq!(port_control::Reply::decode(&reply.encode()), Ok(reply));
    }
}
