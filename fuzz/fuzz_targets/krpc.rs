//! Feeds any bytes to the reader of DHT messages.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_wire::fuzzing::krpc(data));
