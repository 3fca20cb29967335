//! JSON, as every method takes it.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| localgce::fuzzing::body(body));
