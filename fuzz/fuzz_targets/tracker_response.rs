//! Feeds any bytes to the reader of HTTP trackers' answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_wire::fuzzing::tracker_response(data));
