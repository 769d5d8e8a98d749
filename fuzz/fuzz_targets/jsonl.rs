//! Fuzzes the parser of histories as JSON Lines.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("jsonl", bytes);
});
