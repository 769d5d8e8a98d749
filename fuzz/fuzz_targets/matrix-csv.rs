//! Fuzzes the parser of matrices of round-trip times as CSV.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("matrix-csv", bytes);
});
