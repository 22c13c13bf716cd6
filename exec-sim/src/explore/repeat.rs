//! The command that repeats a run, and what it sets.

use crate::decision::Decisions;
use std::{env, fmt::Display, fs, path::Path, thread};

/// The variable with the seed of the only run.
pub(super) const SEED: &str = "ANYSCOPE_SIM_SEED";
/// The variable with the decisions of the only run.
pub(super) const REPLAY: &str = "ANYSCOPE_SIM_REPLAY";
/// The variable with the number of runs.
pub(super) const SCHEDULES: &str = "ANYSCOPE_SIM_SCHEDULES";

/// A command with decisions that are longer is not practical.
const LONGEST: usize = 1000;

/// Returns the number that an environment variable sets.
///
/// # Panics
///
/// Panics if the value is not a number.
pub(super) fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    match value.parse() {
        Ok(number) => Some(number),
        Err(_) => panic!("{variable} is {value:?}, which is not a number"),
    }
}

/// Returns the decisions that [`REPLAY`] sets.
///
/// # Panics
///
/// Panics if the value is none that a report has shown.
pub(super) fn replay() -> Option<Decisions> {
    let value = env::var(REPLAY).ok()?;
    match value.parse() {
        Ok(decisions) => Some(decisions),
        Err(_) => panic!("{REPLAY} is {value:?}, which no report has shown"),
    }
}

/// Returns the command that repeats these decisions, unless it is too long.
pub(super) fn of_decisions(decisions: &Decisions) -> Option<String> {
    (decisions.to_string().len() <= LONGEST).then(|| command(REPLAY, decisions))
}

/// Returns a command that runs only this test, with this value of an environment variable.
pub(super) fn command(variable: &str, value: impl Display) -> String {
    let args: Vec<_> = env::args().skip(1).collect();
    let thread = thread::current();
    let test = match thread.name() {
        Some(name) if name != "main" => Some(name),
        // With `--test-threads=1`, tests run on the main thread.
        _ => exact_filter(&args),
    };
    let directory = env::var("CARGO_MANIFEST_DIR").ok();
    let package = env::var("CARGO_PKG_NAME").ok();
    let binary = env::current_exe().ok();
    let binary = binary.as_deref().and_then(Path::file_stem).and_then(|stem| stem.to_str());
    let target = directory.as_deref().zip(binary).and_then(|(directory, binary)| {
        let directory = Path::new(directory);
        let manifest = fs::read_to_string(directory.join("Cargo.toml")).unwrap_or_default();
        let exists = |path: &str| directory.join(path).exists();
        target(package.as_deref()?, name_of_target(binary)?, &manifest, exists)
    });
    let setting = format!("{variable}={value}");
    assemble(&setting, package.as_deref(), target.as_deref(), test)
}

fn assemble(
    setting: &str,
    package: Option<&str>,
    target: Option<&str>,
    test: Option<&str>,
) -> String {
    let mut command = format!("{setting} cargo test");
    if let Some(package) = package {
        command += &format!(" -p {package}");
    }
    if let Some(target) = target {
        command += &format!(" {target}");
    }
    if let Some(test) = test {
        // Without `--exact`, tests whose names contain this one would run too.
        command += &format!(" {test} -- --exact");
    }
    command
}

fn exact_filter(args: &[String]) -> Option<&str> {
    let exact = args.iter().any(|arg| arg == "--exact");
    args.iter().map(String::as_str).find(|arg| exact && !arg.starts_with('-'))
}

/// Returns the name of a test binary without the hash that cargo appends.
fn name_of_target(binary: &str) -> Option<&str> {
    let (name, hash) = binary.rsplit_once('-')?;
    (hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(name)
}

/// Returns the option that selects the target of this name, if it is in the usual place or the
/// manifest says that it is a test.
fn target(
    package: &str,
    name: &str,
    manifest: &str,
    exists: impl Fn(&str) -> bool,
) -> Option<String> {
    let is_test = exists(&format!("tests/{name}.rs"))
        || exists(&format!("tests/{name}/main.rs"))
        || tests(manifest).any(|test| test == name);
    // A library and a binary may have the same name.
    let is_lib =
        name == package.replace('-', "_") && exists("src/lib.rs") && !exists("src/main.rs");
    match (is_test, is_lib) {
        (true, false) => Some(format!("--test {name}")),
        (false, true) => Some("--lib".into()),
        _ => None,
    }
}

/// Returns the names of the tests that a manifest lists.
fn tests(manifest: &str) -> impl Iterator<Item = &str> {
    let mut in_test = false;
    manifest.lines().map(str::trim).filter_map(move |line| {
        if line.starts_with('[') {
            in_test = line == "[[test]]";
        }
        let value = line.strip_prefix("name").filter(|_| in_test)?;
        Some(value.trim_start().strip_prefix('=')?.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_in_the_command_if_they_are_short() {
        let few = "1.1c53,0.3s2".parse().unwrap();
        let command = of_decisions(&few).unwrap();
        assert!(command.starts_with("ANYSCOPE_SIM_REPLAY=1.1c53,0.3s2 cargo test"), "{command}");
        let many = ["1.1c53"; 200].join(",").parse().unwrap();
        assert_eq!(of_decisions(&many), None);
    }

    #[test]
    fn the_command_names_one_test() {
        assert_eq!(
            assemble("X=7", Some("shop"), Some("--test carts"), Some("mine::pays")),
            "X=7 cargo test -p shop --test carts mine::pays -- --exact"
        );
        assert_eq!(assemble("X=7", None, None, None), "X=7 cargo test");
        let here = command(SEED, 7);
        let this = "explore::repeat::tests::the_command_names_one_test -- --exact";
        assert_eq!(here, format!("ANYSCOPE_SIM_SEED=7 cargo test -p anyscope-sim --lib {this}"));
    }

    #[test]
    fn targets_are_where_they_usually_are() {
        let manifest = "[package]\nname = \"my-shop\"\n[[bench]]\nname = \"speed\"\n\
            [[test]]\npath = \"far/away.rs\"\nname = \"returns\"\n";
        let find =
            |name, there: &[&str]| target("my-shop", name, manifest, |path| there.contains(&path));
        assert_eq!(find("carts", &["tests/carts.rs"]).as_deref(), Some("--test carts"));
        assert_eq!(find("carts", &["tests/carts/main.rs"]).as_deref(), Some("--test carts"));
        assert_eq!(find("my_shop", &["src/lib.rs"]).as_deref(), Some("--lib"));
        assert_eq!(find("my_shop", &["src/lib.rs", "src/main.rs"]), None);
        assert_eq!(find("elsewhere", &["src/lib.rs"]), None);
        assert_eq!(find("returns", &["src/lib.rs"]).as_deref(), Some("--test returns"));
        assert_eq!(find("speed", &["src/lib.rs"]), None);
        assert_eq!(name_of_target("my_shop-0123456789abcdef"), Some("my_shop"));
        assert_eq!(name_of_target("rust_out"), None);
    }

    #[test]
    fn on_the_main_thread_the_arguments_name_the_test() {
        let args = |args: &[&str]| args.iter().map(|arg| arg.to_string()).collect::<Vec<_>>();
        let exact = args(&["--nocapture", "mine::pays", "--exact"]);
        assert_eq!(exact_filter(&exact), Some("mine::pays"));
        assert_eq!(exact_filter(&args(&["mine"])), None);
    }
}
