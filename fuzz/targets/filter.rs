//! Filters of lists.
#![no_main]

libfuzzer_sys::fuzz_target!(|filter: &str| localgce::fuzzing::filter(filter));
