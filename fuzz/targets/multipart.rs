//! Uploads with metadata in one request.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| localgce::fuzzing::multipart(body));
