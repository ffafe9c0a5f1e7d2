//! Feeds any bytes to the reader of HTTP trackers' answers to scrapes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_wire::fuzzing::scrape(data));
