//! Fuzzes the checker of sequential histories.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("sequential", bytes);
});
