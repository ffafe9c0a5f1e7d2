//! Feeds any bytes to the reader of Content-Range and the maker of web seed URLs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_wire::fuzzing::web_seed(data));
