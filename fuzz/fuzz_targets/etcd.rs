//! Fuzzes the parser of histories as lines of Jepsen's log.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pacelc_fuzz::run("etcd", bytes);
});
