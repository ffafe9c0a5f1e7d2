//! Feeds any bytes to the reader of TorrServer's databases.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = gostream_library::bolt::read(data);
});
