//! What the compiler says of descriptions that cannot be.
//!
//! The descriptions that are right are compiled and played in the tests of `consign`. Here everything fails,
//! so that the dependencies are only checked, never built.

#[test]
fn a_wrong_description_is_refused_where_it_is_wrong() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
