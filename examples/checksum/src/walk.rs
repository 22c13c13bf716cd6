//! Finds the files of a tree, one at a time, without following links.

use std::{
    fs::{self, File, FileType, ReadDir},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// What a walk comes across, besides directories.
pub(crate) enum Found {
    File(PathBuf),
    Link,
    /// A directory that says it is a cache, and is left alone.
    Cache,
    /// A fifo, socket or device.
    Special,
}

/// Something that could not be read.
pub(crate) struct Failure {
    pub(crate) path: PathBuf,
    pub(crate) error: io::Error,
}

/// A walk through a tree. It remembers the directories that are still to be read, and no files.
pub(crate) struct Walk<F> {
    root: Option<PathBuf>,
    unread: Vec<PathBuf>,
    reading: Option<(PathBuf, ReadDir)>,
    caches: bool,
    is_over: F,
}

impl<F: Fn() -> bool> Walk<F> {
    /// A walk that starts at a directory, or at a file: it then finds just that one. It ends early
    /// when `is_over`, also while it finds nothing but directories. Caches below the root are left
    /// alone, unless `caches`.
    pub(crate) fn new(root: PathBuf, caches: bool, is_over: F) -> Self {
        Walk { root: Some(root), unread: Vec::new(), reading: None, caches, is_over }
    }

    /// Whether it ends early.
    pub(crate) fn is_over(&self) -> bool {
        (self.is_over)()
    }

    /// Keeps directories for later.
    fn sort(
        &mut self,
        path: PathBuf,
        kind: io::Result<FileType>,
    ) -> Option<Result<Found, Failure>> {
        match kind {
            Err(error) => Some(Err(Failure { path, error })),
            Ok(kind) if kind.is_file() => Some(Ok(Found::File(path))),
            Ok(kind) if kind.is_symlink() => Some(Ok(Found::Link)),
            Ok(kind) if kind.is_dir() && !self.caches && is_cache(&path) => Some(Ok(Found::Cache)),
            Ok(kind) if kind.is_dir() => {
                self.unread.push(path);
                None
            }
            Ok(_) => Some(Ok(Found::Special)),
        }
    }
}

impl<F: Fn() -> bool> Iterator for Walk<F> {
    type Item = Result<Found, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        while !(self.is_over)() {
            let found = if let Some(root) = self.root.take() {
                // Somebody has named it, so it may be a link.
                match fs::metadata(&root).map(|metadata| metadata.file_type()) {
                    Ok(kind) if kind.is_dir() => {
                        self.unread.push(root);
                        None
                    }
                    kind => self.sort(root, kind),
                }
            } else if let Some((directory, entries)) = &mut self.reading {
                match entries.next() {
                    Some(Ok(entry)) => self.sort(entry.path(), entry.file_type()),
                    Some(Err(error)) => Some(Err(Failure { path: directory.clone(), error })),
                    None => {
                        self.reading = None;
                        None
                    }
                }
            } else {
                let directory = self.unread.pop()?;
                match fs::read_dir(&directory) {
                    Ok(entries) => {
                        self.reading = Some((directory, entries));
                        None
                    }
                    Err(error) => Some(Err(Failure { path: directory, error })),
                }
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// Whether a directory says that it is a cache, as <https://bford.info/cachedir/> has it.
fn is_cache(directory: &Path) -> bool {
    const TAG: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";
    let mut start = [0; TAG.len()];
    let tag = directory.join("CACHEDIR.TAG");
    // No more than a file: to open a fifo would wait for who writes to it.
    fs::symlink_metadata(&tag).is_ok_and(|tag| tag.is_file())
        && File::open(tag).and_then(|mut tag| tag.read_exact(&mut start)).is_ok()
        && start == TAG
}
