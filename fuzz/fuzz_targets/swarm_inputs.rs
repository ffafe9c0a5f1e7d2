//! Any sequence of inputs to the state machine.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gostorm_core::fuzzing::swarm_inputs(data));
