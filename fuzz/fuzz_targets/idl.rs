#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consign_idl::fuzzing::idl(bytes));
