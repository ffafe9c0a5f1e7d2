//! Feeds any bytes to the reader of blocklists.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_wire::fuzzing::blocklist(data));
