//! Fuzzes the parser of matrices of round-trip times as TOML.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("matrix-toml", bytes);
});
