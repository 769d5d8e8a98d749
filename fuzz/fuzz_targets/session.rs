//! Fuzzes the checkers of the session guarantees.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("session", bytes);
});
