//! clawbake: parse, run, exit code.
fn main() {}
