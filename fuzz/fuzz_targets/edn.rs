//! Fuzzes the parser of histories as EDN.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("edn", bytes);
});
