//! Fuzzes stored events: events that can be read are written unchanged, and resume a chat.
//! The check is `generativeai::__internals::fuzz::journal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai::__internals::fuzz::journal(data));
