//! Fuzzes the parser of scenarios.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("scenario", bytes);
});
