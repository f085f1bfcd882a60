//! Fuzzes requests to the server: each gets a success, or an error as JSON that is not a 500.
//! The check is `generativeai_server::fuzz::request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai_server::fuzz::request(data));
