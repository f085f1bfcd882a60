//! Fuzzes loading a saved chat: a chat that can be loaded is saved unchanged and can be used.
//! The check is `generativeai::__internals::fuzz::chat_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai::__internals::fuzz::chat_file(data));
