//! What is printed at the end.

use crate::{progress::Totals, walk::Failure, work::Tree};
use anyscope::Limit;
use blake3::{Hash, Hasher};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// What one executor did.
pub(crate) struct Run {
    executor: &'static str,
    seconds: f64,
    totals: Totals,
    tree: Tree,
    files: usize,
}

impl Run {
    pub(crate) fn new(
        executor: &'static str,
        elapsed: Duration,
        totals: Totals,
        mut tree: Tree,
    ) -> Self {
        tree.files.sort_by(|(a, _), (b, _)| bytes(a).cmp(bytes(b)));
        Run { executor, seconds: elapsed.as_secs_f64(), totals, files: tree.files.len(), tree }
    }

    fn mb_per_s(&self) -> f64 {
        self.totals.bytes as f64 / 1e6 / self.seconds
    }
}

/// What all of them did.
pub(crate) struct Report<'a> {
    root: &'a Path,
    limit: Limit,
    runs: Vec<Run>,
    /// Of each run that was not interrupted.
    digests: Vec<(&'static str, Hash)>,
    /// Of the last run.
    files: Vec<(PathBuf, Hash)>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(root: &'a Path, limit: Limit) -> Self {
        Report { root, limit, runs: Vec::new(), digests: Vec::new(), files: Vec::new() }
    }

    pub(crate) fn add(&mut self, mut run: Run) {
        self.files = std::mem::take(&mut run.tree.files);
        if !run.tree.interrupted {
            self.digests.push((run.executor, tree_digest(self.root, &self.files)));
        }
        self.runs.push(run);
    }

    /// Whether all could be read, and all executors say the same.
    pub(crate) fn is_good(&self) -> bool {
        self.agree() && self.runs.iter().all(|run| run.tree.failures.is_empty())
    }

    fn agree(&self) -> bool {
        self.digests.windows(2).all(|pair| pair[0].1 == pair[1].1)
    }

    pub(crate) fn table(&self, mut out: impl Write) -> io::Result<()> {
        writeln!(out, "executor     files           bytes   seconds      MB/s  in flight")?;
        for run in &self.runs {
            let Run { executor, files, seconds, totals, .. } = run;
            let peak = format!("{}/{}", totals.peak, self.limit);
            writeln!(
                out,
                "{executor:8} {files:>9} {:>15} {seconds:>9.3} {:>9.1} {peak:>10}",
                totals.bytes,
                run.mb_per_s(),
            )?;
        }
        let Some(Run { tree, files, .. }) = self.runs.last() else { return Ok(()) };
        if tree.links + tree.specials > 0 {
            writeln!(
                out,
                "skipped: {} symbolic links, {} special files",
                tree.links, tree.specials
            )?;
        }
        if tree.interrupted {
            writeln!(out, "interrupted: {files} files were hashed in the last run")?;
        }
        match (&self.digests[..], self.agree()) {
            ([], _) => Ok(()),
            ([(_, digest), ..], true) => writeln!(out, "tree digest: {digest}"),
            (digests, false) => {
                for (executor, digest) in digests {
                    writeln!(out, "tree digest on {executor}: {digest}")?;
                }
                writeln!(out, "the digests differ: has something changed in the tree meanwhile?")
            }
        }
    }

    /// Prints what `b3sum` prints, with paths byte for byte.
    pub(crate) fn list(&self, mut out: impl Write) -> io::Result<()> {
        for (path, digest) in &self.files {
            let name = bytes(path);
            let mut escaped = Vec::with_capacity(name.len());
            for &byte in name {
                match byte {
                    b'\\' => escaped.extend(br"\\"),
                    b'\n' => escaped.extend(br"\n"),
                    b'\r' => escaped.extend(br"\r"),
                    byte => escaped.push(byte),
                }
            }
            let mark = if escaped.len() > name.len() { "\\" } else { "" };
            write!(out, "{mark}{digest}  ")?;
            out.write_all(&escaped)?;
            writeln!(out)?;
        }
        out.flush()
    }

    /// Prints what could not be read, once for all runs.
    pub(crate) fn failures(&self, mut out: impl Write) -> io::Result<()> {
        let failures = self.runs.iter().flat_map(|run| &run.tree.failures);
        // With quotes and escapes: a path may contain anything.
        let lines: BTreeSet<_> = failures
            .map(|Failure { path, error }| format!("checksum: {path:?}: {error}"))
            .collect();
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))
    }

    pub(crate) fn json(&self, mut out: impl Write) -> io::Result<()> {
        let runs: Vec<_> = self.runs.iter().map(|run| self.json_of(run)).collect();
        let object = json!({
            "path": json_path(self.root),
            "limit": self.limit.get(),
            "interrupted": self.runs.iter().any(|run| run.tree.interrupted),
            "agree": self.agree(),
            "runs": runs,
        });
        writeln!(out, "{object:#}")
    }

    fn json_of(&self, run: &Run) -> Value {
        let digest = self.digests.iter().find(|(executor, _)| *executor == run.executor);
        let failures = run.tree.failures.iter().map(
            |Failure { path, error }| json!({ "path": json_path(path), "error": error.to_string() }),
        );
        json!({
            "executor": run.executor,
            "files": run.files,
            "bytes": run.totals.bytes,
            "seconds": run.seconds,
            "mb_per_s": run.mb_per_s(),
            "peak_in_flight": run.totals.peak,
            "digest": digest.map(|(_, digest)| digest.to_string()),
            "skipped": { "symlinks": run.tree.links, "special": run.tree.specials },
            "failures": failures.collect::<Vec<_>>(),
        })
    }
}

/// The digest of a tree whose `files` are sorted; see the help.
fn tree_digest(root: &Path, files: &[(PathBuf, Hash)]) -> Hash {
    let mut hasher = Hasher::new();
    for (path, digest) in files {
        let relative = bytes(path.strip_prefix(root).expect("found below the root"));
        hasher.update(&(relative.len() as u64).to_le_bytes());
        hasher.update(relative);
        hasher.update(digest.as_bytes());
    }
    hasher.finalize()
}

/// A path as a string; or, if it is none, as an array of bytes.
fn json_path(path: &Path) -> Value {
    path.to_str().map_or_else(|| bytes(path).into(), Value::from)
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}
