//! Fuzzes messages of the protocol: reading and writing one again does not change it.
//! The check is `generativeai::__internals::fuzz::message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai::__internals::fuzz::message(data));
