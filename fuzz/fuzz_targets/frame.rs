//! Feeds any bytes to the framing of a peer's byte stream.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_wire::fuzzing::frame(data));
