//! Fuzzes schemas of tools: each is converted or rejected.
//! The check is `generativeai::__internals::fuzz::tool_schema`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai::__internals::fuzz::tool_schema(data));
