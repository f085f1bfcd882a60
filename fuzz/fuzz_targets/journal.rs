//! See `generativeai::__internals::fuzz::journal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai::__internals::fuzz::journal(data));
