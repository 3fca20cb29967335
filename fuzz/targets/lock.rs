//! `clawbake.lock`.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| clawbake::fuzzing::lock(text));
