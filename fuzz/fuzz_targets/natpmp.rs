//! Feeds any bytes to the reader of NAT-PMP packets.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_wire::fuzzing::natpmp(data));
