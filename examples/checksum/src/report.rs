//! What is printed at the end.

use crate::digest::{Digest, Hasher};
use crate::{json, progress::Totals, walk::Failure, work::Tree};
use anyscope::Limit;
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
    /// Of the tree, unless the run was interrupted.
    digest: Option<Digest>,
}

impl Run {
    fn mb_per_s(&self) -> f64 {
        self.totals.bytes as f64 / 1e6 / self.seconds
    }
}

/// What all of them did.
pub(crate) struct Report<'a> {
    root: &'a Path,
    limit: Limit,
    interrupted: bool,
    runs: Vec<Run>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(root: &'a Path, limit: Limit) -> Self {
        Report { root, limit, interrupted: false, runs: Vec::new() }
    }

    pub(crate) fn add(
        &mut self,
        executor: &'static str,
        elapsed: Duration,
        totals: Totals,
        mut tree: Tree,
    ) {
        tree.files.sort_by(|(a, _), (b, _)| bytes(a).cmp(bytes(b)));
        tree.failures.sort_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
        let digest = (!tree.interrupted).then(|| tree_digest(self.root, &tree.files));
        if let Some(run) = self.runs.last_mut() {
            // Only those of the last run are listed, and they may be many.
            run.tree.files = Vec::new();
        }
        let (seconds, files) = (elapsed.as_secs_f64(), tree.files.len());
        self.runs.push(Run { executor, seconds, totals, tree, files, digest });
    }

    /// What there is, is not all.
    pub(crate) fn interrupted(&mut self) {
        self.interrupted = true;
    }

    /// Whether all could be read, and all executors say the same.
    pub(crate) fn is_good(&self) -> bool {
        self.agree() && !self.has_failures()
    }

    fn agree(&self) -> bool {
        let digests: BTreeSet<_> = self.digests().map(|(_, digest)| *digest.as_bytes()).collect();
        digests.len() <= 1
    }

    fn has_failures(&self) -> bool {
        self.runs.iter().any(|run| !run.tree.failures.is_empty())
    }

    fn digests(&self) -> impl Iterator<Item = (&'static str, Digest)> {
        self.runs.iter().filter_map(|run| Some((run.executor, run.digest?)))
    }

    pub(crate) fn table(&self, mut out: impl Write) -> io::Result<()> {
        writeln!(out, "executor     files           bytes   seconds      MB/s  peak in flight")?;
        for run in &self.runs {
            writeln!(
                out,
                "{:8} {:>9} {:>15} {:>9.3} {:>9.1} {:>15}",
                run.executor,
                run.files,
                run.totals.bytes,
                run.seconds,
                run.mb_per_s(),
                format!("{} of {}", run.totals.peak, self.limit),
            )?;
        }
        let Some(Run { tree, .. }) = self.runs.last() else { return Ok(()) };
        if tree.links + tree.specials + tree.caches > 0 {
            writeln!(
                out,
                "skipped: symbolic links {}, special files {}, caches {}",
                tree.links, tree.specials, tree.caches
            )?;
        }
        if self.agree() {
            if let Some((_, digest)) = self.digests().next() {
                let what =
                    if self.has_failures() { ", without what could not be read" } else { "" };
                writeln!(out, "tree digest: {digest}{what}")?;
            }
        } else {
            for (executor, digest) in self.digests() {
                writeln!(out, "tree digest on {executor}: {digest}")?;
            }
            writeln!(out, "the digests differ: has something changed in the tree meanwhile?")?;
        }
        if self.interrupted {
            writeln!(out, "interrupted: this is what was done until then")?;
        }
        Ok(())
    }

    /// Prints what `sha256sum` prints, with paths byte for byte.
    pub(crate) fn list(&self, mut out: impl Write) -> io::Result<()> {
        for (path, digest) in self.runs.last().iter().flat_map(|run| &run.tree.files) {
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
        let object = json::object([
            ("path", json::path(self.root)),
            ("limit", self.limit.get().to_string()),
            ("interrupted", self.interrupted.to_string()),
            ("agree", self.agree().to_string()),
            ("runs", json::array(self.runs.iter().map(json_of))),
        ]);
        writeln!(out, "{object}")
    }
}

fn json_of(run: &Run) -> String {
    let failures = run.tree.failures.iter().map(|Failure { path, error }| {
        json::object([("path", json::path(path)), ("error", json::string(&error.to_string()))])
    });
    let skipped = [
        ("symlinks", run.tree.links.to_string()),
        ("special", run.tree.specials.to_string()),
        ("caches", run.tree.caches.to_string()),
    ];
    let digest = run.digest.map_or("null".into(), |digest| json::string(&digest.to_string()));
    json::object([
        ("executor", json::string(run.executor)),
        ("files", run.files.to_string()),
        ("bytes", run.totals.bytes.to_string()),
        ("seconds", json::number(run.seconds)),
        ("mb_per_s", json::number(run.mb_per_s())),
        ("peak_in_flight", run.totals.peak.to_string()),
        ("digest", digest),
        ("skipped", json::object(skipped)),
        ("failures", json::array(failures)),
    ])
}

/// The digest of a tree whose `files` are sorted; see the help.
fn tree_digest(root: &Path, files: &[(PathBuf, Digest)]) -> Digest {
    let mut hasher = Hasher::default();
    for (path, digest) in files {
        let relative = bytes(path.strip_prefix(root).expect("found below the root"));
        hasher.update(&(relative.len() as u64).to_le_bytes());
        hasher.update(relative);
        hasher.update(digest.as_bytes());
    }
    hasher.finalize()
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}
