//! Feeds any bytes to the side of the encryption handshake that dials.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_wire::fuzzing::mse_out(data));
