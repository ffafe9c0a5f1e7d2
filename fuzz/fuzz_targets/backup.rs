//! Feeds any bytes to the reader of backups.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostream_store::backup::fuzzing::backup(data));
