//! Feeds any bytes to the reader of handshakes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_wire::fuzzing::handshake(data));
