//! Feeds any bytes to the reader of announces on the local network.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_wire::fuzzing::lsd(data));
