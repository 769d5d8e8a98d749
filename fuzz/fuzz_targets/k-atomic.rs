//! Fuzzes the checker of k-atomic histories.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("k-atomic", bytes);
});
