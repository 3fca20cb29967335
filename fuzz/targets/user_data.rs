//! The judge of user-data.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| clawbake::fuzzing::user_data(text));
