//! Requests of a guest to its metadata server.
#![no_main]

libfuzzer_sys::fuzz_target!(|request: &[u8]| localgce::fuzzing::metadata(request));
