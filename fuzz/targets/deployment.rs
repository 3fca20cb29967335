//! `clawbake.yaml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| clawbake::fuzzing::deployment(text));
