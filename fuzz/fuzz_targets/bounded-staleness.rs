//! Fuzzes the checker of bounded staleness.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("bounded-staleness", bytes);
});
