//! Fuzzes the checker of linearizable histories.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("linearizable", bytes);
});
