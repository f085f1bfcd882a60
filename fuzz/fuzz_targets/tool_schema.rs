//! See `generativeai::remote::fuzz::tool_schema`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai::remote::fuzz::tool_schema(data));
