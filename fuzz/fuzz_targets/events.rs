//! Fuzzes the decoder of event streams: every split of a body gives the events of the standard.
//! The check is `generativeai::__internals::fuzz::events`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai::__internals::fuzz::events(data));
