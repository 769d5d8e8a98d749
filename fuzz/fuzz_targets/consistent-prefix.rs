//! Fuzzes the checker of consistent prefix.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("consistent-prefix", bytes);
});
