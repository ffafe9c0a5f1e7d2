//! Feeds any bytes to the reader of datagrams of UDP trackers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_wire::fuzzing::udp_tracker(data));
