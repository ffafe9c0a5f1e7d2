//! Feeds any bytes to the reader of `ut_metadata` messages.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_wire::fuzzing::ut_metadata(data));
