//! Several requests in one.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &str| localgce::fuzzing::batch(body));
