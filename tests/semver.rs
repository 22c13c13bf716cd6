//! What `ci/semver.sh` says of a version, in a repository of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Given listings and a version before and after a change, then the version has to say what changed.
#[test]
fn a_version_says_what_changed() {
    let (one, two) = ("pub fn a()\npub fn b()\n", "pub fn a(u8)\npub fn b()\n");
    let more = "pub fn a()\npub fn b()\npub fn c()\n";
    for (before, after, holds) in [
        (("0.1.0", one), ("0.1.0", one), true),
        (("0.1.0", one), ("0.1.0", more), false),
        (("0.1.0", one), ("0.1.1", more), true),
        (("0.1.0", one), ("0.1.0", two), false),
        (("0.1.0", one), ("0.1.1", two), false),
        (("0.1.0", one), ("0.2.0", two), true),
        (("1.2.0", one), ("1.3.0", more), true),
        (("1.2.0", one), ("1.3.0", two), false),
        (("1.2.0", one), ("2.0.0", two), true),
        (("0.9.0", one), ("1.0.0", two), true),
    ] {
        let repository = Repository::new("versions");
        repository.write(before);
        repository.commit();
        repository.write(after);
        assert_eq!(repository.check("HEAD"), holds, "{before:?} -> {after:?}");
    }
}

/// Given a listing that goes, or one that is new, then that is a change as well; and a revision without any is refused.
#[test]
fn crates_come_and_go() {
    let repository = Repository::new("crates");
    fs::remove_dir_all(repository.0.join("docs")).unwrap();
    repository.manifest("0.1.0");
    repository.commit();
    assert!(!repository.check("HEAD"), "nothing is listed");
    repository.write(("0.1.0", "pub fn a()\n"));
    assert!(!repository.check("HEAD"), "nothing was listed");
    repository.commit();
    assert!(repository.check("HEAD"));
    assert!(!repository.check("v7"), "there is no such revision");

    let other = repository.0.join("docs/api/other.txt");
    fs::write(&other, "pub fn other()\n").unwrap();
    assert!(!repository.check("HEAD"), "a crate is new");
    repository.manifest("0.1.1");
    assert!(repository.check("HEAD"));
    repository.commit();
    fs::remove_file(other).unwrap();
    repository.manifest("0.1.2");
    assert!(!repository.check("HEAD"), "a crate is gone");
    repository.manifest("0.2.0");
    assert!(repository.check("HEAD"));
}

struct Repository(PathBuf);

impl Repository {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("semver-{name}"));
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(folder.join("ci")).unwrap();
        fs::create_dir_all(folder.join("docs/api")).unwrap();
        fs::copy(crate::root().join("ci/semver.sh"), folder.join("ci/semver.sh")).unwrap();
        let repository = Repository(folder);
        repository.git(&["init", "--quiet"]);
        repository
    }

    fn write(&self, (version, listing): (&str, &str)) {
        self.manifest(version);
        fs::create_dir_all(self.0.join("docs/api")).unwrap();
        fs::write(self.0.join("docs/api/one.txt"), format!("# One.\n{listing}")).unwrap();
    }

    fn manifest(&self, version: &str) {
        let manifest = format!(
            "[workspace]\nmembers = []\n\n[workspace.package]\nversion = \"{version}\"\n\n[package]\nversion.workspace = true\n"
        );
        fs::write(self.0.join("Cargo.toml"), manifest).unwrap();
    }

    fn commit(&self) {
        self.git(&["add", "."]);
        self.git(&["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "a"]);
    }

    fn check(&self, base: &str) -> bool {
        let mut check = Command::new(self.0.join("ci/semver.sh"));
        check.args([base, "listings"]).output().unwrap().status.success()
    }

    fn git(&self, args: &[&str]) {
        let done = Command::new("git").current_dir(&self.0).args(args).output();
        let done = done.expect("git, which this repository is kept in");
        assert!(done.status.success(), "{done:?}");
    }
}
