//! Fuzzes the parser of recorded histories.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("history", bytes);
});
