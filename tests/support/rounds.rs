//! How often a simulated behaviour is shown, and how to repeat a round that failed.

use std::{
    env,
    ffi::OsStr,
    ops::Range,
    path::Path,
    sync::OnceLock,
    thread::{self, Thread},
};

/// Unless `ANYSCOPE_SIM_ROUNDS` says otherwise.
const ROUNDS: u64 = 50;

/// The rounds of every simulated behaviour: as many as `ANYSCOPE_SIM_ROUNDS` says, or only the one
/// that `ANYSCOPE_SIM_ROUND` says.
pub(super) fn simulated() -> Range<u64> {
    static CHOSEN: OnceLock<Range<u64>> = OnceLock::new();
    let variable = |name: &'static str| number(name, env::var_os(name).as_deref());
    CHOSEN
        .get_or_init(|| chosen(variable("ANYSCOPE_SIM_ROUND"), variable("ANYSCOPE_SIM_ROUNDS")))
        .clone()
}

fn chosen(only: Option<u64>, rounds: Option<u64>) -> Range<u64> {
    match only {
        Some(round) => round..round + 1,
        // None at all would show nothing, and look as if it had.
        None => {
            assert!(rounds != Some(0), "ANYSCOPE_SIM_ROUNDS is 0: nothing would be tested");
            0..rounds.unwrap_or(ROUNDS)
        }
    }
}

fn number(name: &str, value: Option<&OsStr>) -> Option<u64> {
    let value = value?;
    match value.to_str().map(str::parse) {
        Some(Ok(number)) if number < u64::MAX => Some(number),
        _ => panic!("{name} is {value:?}: it must be the number of a round, or of rounds"),
    }
}

/// A round that is under way. If it panics, it says how to repeat it.
pub(super) struct Round(pub(super) u64);

impl Round {
    /// A command that runs this round of this test, and nothing else.
    fn repeat(&self, thread: &Thread, args: &[String]) -> String {
        let (round, binary) = (self.0, binary(&env::current_exe().unwrap_or_default()));
        let test = match thread.name() {
            Some(name) if name != "main" => Some(name),
            // With `--test-threads=1`, tests run on the main thread.
            _ => exact_filter(args),
        };
        // Without `--exact`, tests whose names contain this one would run too.
        let test = test.map(|test| format!(" -- --exact {test}")).unwrap_or_default();
        format!(
            "ANYSCOPE_SIM_ROUND={round} cargo test -p anyscope-tests --all-features --test {binary}{test}"
        )
    }
}

fn exact_filter(args: &[String]) -> Option<&str> {
    let exact = args.iter().any(|arg| arg == "--exact");
    args.iter().map(String::as_str).find(|arg| exact && !arg.starts_with('-'))
}

/// What cargo calls this test: it appends a hash.
fn binary(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    name.rsplit_once('-').map_or(&*name, |(name, _hash)| name).into()
}

impl Drop for Round {
    fn drop(&mut self) {
        if thread::panicking() {
            let args: Vec<_> = env::args().skip(1).collect();
            eprintln!("repeat with: {}", self.repeat(&thread::current(), &args));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panic_in;

    #[test]
    fn rounds_are_as_many_as_asked_for_or_the_one() {
        let number = |value: &str| number("VARIABLE", Some(value.as_ref()));
        assert_eq!(chosen(None, None), 0..ROUNDS);
        assert_eq!(chosen(None, number("500")), 0..500);
        assert_eq!(chosen(number("17"), number("500")), 17..18);
        assert_eq!(chosen(number("0"), None), 0..1);
    }

    #[test]
    fn nonsense_instead_of_rounds_is_refused() {
        for nonsense in ["", "many", "-1", "1.5", "18446744073709551615"] {
            let message = panic_in(|| number("VARIABLE", Some(nonsense.as_ref())));
            assert!(message.starts_with(&format!("VARIABLE is {nonsense:?}")), "{message}");
        }
        assert!(panic_in(|| chosen(None, Some(0))).contains("is 0"));
    }

    #[test]
    fn a_binary_is_called_what_cargo_calls_it() {
        assert_eq!(binary(Path::new("target/debug/deps/scope-264ee3f932d15e10")), "scope");
        assert_eq!(binary(Path::new("scope.exe")), "scope");
    }

    #[test]
    fn v12_a_round_that_fails_is_repeated_by_one_line() {
        let line =
            "ANYSCOPE_SIM_ROUND=17 cargo test -p anyscope-tests --all-features --test support";
        let test = thread::current();
        assert_eq!(
            Round(17).repeat(&test, &[]),
            format!("{line} -- --exact {}", test.name().unwrap())
        );
        // As with `--test-threads=1`: the thread has no name that helps.
        let unnamed = thread::spawn(thread::current).join().unwrap();
        let args = ["--nocapture", "a::b", "--exact"].map(String::from);
        assert_eq!(Round(17).repeat(&unnamed, &args), format!("{line} -- --exact a::b"));
        assert_eq!(Round(17).repeat(&unnamed, &args[..2]), line);
    }
}
