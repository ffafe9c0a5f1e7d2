//! Feeds any bytes to the reader of peer exchange messages.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_wire::fuzzing::pex(data));
