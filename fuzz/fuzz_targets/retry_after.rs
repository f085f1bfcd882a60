//! Fuzzes the header `Retry-After`: any text is accepted, and digits are seconds.
//! The check is `generativeai::__internals::fuzz::retry_after`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai::__internals::fuzz::retry_after(data));
