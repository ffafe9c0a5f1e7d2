//! The streaming engine as a state machine: no sockets, no clock, no payload bytes.
