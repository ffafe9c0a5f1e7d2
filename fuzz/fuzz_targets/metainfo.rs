//! Feeds any bytes to the reader of .torrent files and info dictionaries.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_wire::fuzzing::metainfo(data));
