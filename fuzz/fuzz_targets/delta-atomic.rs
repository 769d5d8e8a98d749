//! Fuzzes the checker of delta-atomic histories.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("delta-atomic", bytes);
});
