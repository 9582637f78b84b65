#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rssd::fuzzing::dates(input));
