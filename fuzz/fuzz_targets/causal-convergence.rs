//! Fuzzes the checker of causal convergence.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("causal-convergence", bytes);
});
