//! Programs that must not compile, and what the compiler says to them.
//!
//! After a change of the messages: `TRYBUILD=overwrite cargo test -p anyscope-compile-fail`,
//! and read the difference.

#[test]
fn misuses_do_not_compile() {
    trybuild::TestCases::new().compile_fail("programs/*.rs");
}
