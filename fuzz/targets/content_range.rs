//! Which part of an upload a request carries.
#![no_main]

libfuzzer_sys::fuzz_target!(|header: &str| localgce::fuzzing::content_range(header));
