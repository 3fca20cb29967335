//! Conditions of IAM bindings.
#![no_main]

libfuzzer_sys::fuzz_target!(|expression: &str| localgce::fuzzing::condition(expression));
