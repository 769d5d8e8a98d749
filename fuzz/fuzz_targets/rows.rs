//! Fuzzes the parser of saved rows.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("rows", bytes);
});
