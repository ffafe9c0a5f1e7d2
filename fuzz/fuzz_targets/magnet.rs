//! Feeds any bytes to the reader of magnet links.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_wire::fuzzing::magnet(data));
