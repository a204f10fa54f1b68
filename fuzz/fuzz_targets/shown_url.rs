#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consign_transfer::fuzzing::shown_url(bytes));
