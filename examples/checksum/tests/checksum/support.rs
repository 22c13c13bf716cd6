//! Trees, the process, and what it prints.

use crate::digest::{Digest, Hasher};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File},
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    thread,
};
use tempfile::TempDir;

pub(crate) const EXECUTORS: [&str; 3] = ["smol", "tokio", "threads"];

/// So long that nobody sees the end of it, and all of it a hole.
const ENDLESS: u64 = 1 << 40;

/// A temporary directory, and what is known of it.
pub(crate) struct Tree {
    /// Removed with the tree.
    _directory: TempDir,
    root: PathBuf,
    /// The digests of files whose contents are known, by the bytes of their names.
    pub(crate) files: BTreeMap<Vec<u8>, (Digest, u64)>,
}

impl Tree {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().unwrap();
        // As `/proc` has it.
        let root = directory.path().canonicalize().unwrap();
        Tree { _directory: directory, root, files: BTreeMap::new() }
    }

    /// A tree with files of sizes around those of chunks and buffers.
    pub(crate) fn sample() -> Self {
        let mut tree = Tree::new();
        for size in [0, 1, 63, 64, 65, 1023, 1024, 1025, 65_535, 65_536, 65_537, 300_000] {
            let contents: Vec<_> = (0..size).map(|n| (n % 251) as u8).collect();
            tree.file(size.to_string(), &contents);
            tree.file(format!("sub-{size}/sub/ä {size}"), &contents);
        }
        fs::create_dir(tree.path("empty")).unwrap();
        tree
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn file(&mut self, name: impl AsRef<OsStr>, contents: &[u8]) {
        let path = self.root.join(name.as_ref());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
        self.knows(name.as_ref().as_bytes(), contents);
    }

    fn knows(&mut self, name: &[u8], contents: &[u8]) {
        self.files.insert(name.to_vec(), (hash(contents), contents.len() as u64));
    }

    /// A file that is being hashed until somebody cuts it short.
    pub(crate) fn endless_file(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        File::create(&path).unwrap().set_len(ENDLESS).unwrap();
        path
    }

    /// Adds a file and a directory whose paths are longer than the system allows, so that not even
    /// root can open them, and beside them a file that can be read. Returns the two, sorted.
    pub(crate) fn add_paths_that_are_too_long(&mut self) -> [PathBuf; 2] {
        const PATH_MAX: usize = 4096;
        let (step, longest) = ("d".repeat(100), "x".repeat(255));
        let levels = (PATH_MAX - 60 - self.root.as_os_str().len()) / (step.len() + 1);
        let [upper, lower] =
            [levels / 2, levels - levels / 2].map(|levels| PathBuf::from_iter(vec![&step; levels]));

        // Made in two halves, because such paths cannot be used for making either.
        let half = self.root.join("half").join(&lower);
        fs::create_dir_all(&half).unwrap();
        fs::write(half.join("readable"), b"readable").unwrap();
        fs::write(half.join(&longest), b"unreadable").unwrap();
        fs::create_dir(half.join(longest.replace('x', "y"))).unwrap();
        fs::create_dir_all(self.root.join(&upper)).unwrap();
        fs::rename(self.root.join("half").join(&step), self.root.join(&upper).join(&step)).unwrap();
        fs::remove_dir(self.root.join("half")).unwrap();

        let deepest = upper.join(lower);
        self.knows(deepest.join("readable").as_os_str().as_bytes(), b"readable");
        let deepest = self.root.join(deepest);
        [deepest.join(&longest), deepest.join(longest.replace('x', "y"))]
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().map(|(_, length)| length).sum()
    }

    pub(crate) fn digest(&self) -> Digest {
        tree_digest(self.files.iter().map(|(name, (hash, _))| (&name[..], *hash)))
    }

    /// What `--list` prints, for names without anything to escape.
    pub(crate) fn list(&self) -> String {
        let line = |(name, (hash, _)): (&Vec<u8>, &(Digest, u64))| {
            format!("{hash}  {}/{}\n", self.root.display(), text(name))
        };
        self.files.iter().map(line).collect()
    }
}

pub(crate) fn hash(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(bytes);
    hasher.finalize()
}

/// The digest of a tree, of sorted names and digests.
pub(crate) fn tree_digest<'a>(files: impl IntoIterator<Item = (&'a [u8], Digest)>) -> Digest {
    let mut records = Vec::new();
    for (name, hash) in files {
        records.extend((name.len() as u64).to_le_bytes());
        records.extend(name);
        records.extend(hash.as_bytes());
    }
    hash(&records)
}

/// The example, to be run on `path`.
pub(crate) fn checksum(path: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_checksum"));
    command.arg(path).args(options).stdin(Stdio::null());
    command
}

/// What `--json` prints, and the exit code.
pub(crate) fn report(path: &Path, options: &[&str]) -> (Value, i32) {
    let output = checksum(path, options).arg("--json").output().unwrap();
    assert_eq!(text(&output.stderr), "");
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.code().unwrap())
}

pub(crate) fn runs(report: &Value) -> &[Value] {
    report["runs"].as_array().unwrap()
}

/// The values of `key`, one for each run.
pub(crate) fn each(report: &Value, key: &str) -> Value {
    runs(report).iter().map(|run| run[key].clone()).collect()
}

/// The example, while it runs. Killed when dropped.
pub(crate) struct Running(Option<Child>);

impl Running {
    pub(crate) fn start(path: &Path, options: &[&str]) -> Self {
        let mut command = checksum(path, options);
        Running(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    fn child(&mut self) -> &mut Child {
        self.0.as_mut().expect("not finished")
    }

    pub(crate) fn stdout(&mut self) -> ChildStdout {
        self.child().stdout.take().unwrap()
    }

    /// Waits until one of `files` has been read in part, and says which.
    pub(crate) fn wait_until_it_reads(&mut self, files: &[PathBuf]) -> PathBuf {
        loop {
            let process = PathBuf::from(format!("/proc/{}", self.child().id()));
            for open in fs::read_dir(process.join("fd")).into_iter().flatten().flatten() {
                // It may be closed before we look.
                let Ok(file) = fs::read_link(open.path()) else { continue };
                let info = process.join("fdinfo").join(open.file_name());
                let Ok(info) = fs::read_to_string(info) else { continue };
                if files.contains(&file) && !info.starts_with("pos:\t0\n") {
                    return file;
                }
            }
            let status = self.child().try_wait().unwrap();
            assert!(status.is_none(), "ended before it read {files:?}");
            thread::yield_now();
        }
    }

    /// What Ctrl-C does.
    pub(crate) fn interrupt(&mut self) {
        let kill = format!("kill -INT {}", self.child().id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Output {
        self.0.take().expect("not finished").wait_with_output().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

pub(crate) fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// How the system puts it.
pub(crate) fn os_error(code: i32) -> String {
    io::Error::from_raw_os_error(code).to_string()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
