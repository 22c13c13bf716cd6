//! The work: folders, and in each of them files.

use anyscope::{
    CancelToken, Executor, Grace, JoinError, Scope, flow, progress::Bar, scope, shutdown::Shutdown,
};
use blake3::{Hash, Hasher};
use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    io::{self, Read},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

/// Files that are shown as one part of the work.
#[derive(Clone)]
pub(crate) struct Folder {
    name: String,
    pub(crate) items: Vec<Item>,
}

/// What is to be hashed.
#[derive(Clone)]
pub(crate) struct Item {
    name: String,
    bytes: usize,
    from: From,
}

#[derive(Clone)]
enum From {
    File(PathBuf),
    /// Made up of this number, after a while.
    Number(u64, Duration),
}

/// What has become of all.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) hashed: usize,
    failed: usize,
    /// Of the hashes of all files, in whatever order.
    combined: [u8; 32],
}

/// What all of the work needs.
#[derive(Clone)]
pub(crate) struct Work<E> {
    pub(crate) exec: E,
    /// How many files of a folder are hashed at once.
    pub(crate) files: NonZeroUsize,
    pub(crate) whole: Bar,
    pub(crate) bytes: Bar,
    /// When this is cancelled, nothing more begins.
    pub(crate) stop: CancelToken,
    /// When this is cancelled, what has begun ends, too.
    pub(crate) force: CancelToken,
}

impl<E: Executor + 'static> Work<E> {
    /// Hashes all files, so many folders at once, each a child.
    pub(crate) async fn all(
        &self,
        folders: Vec<Folder>,
        at_once: NonZeroUsize,
        shutdown: &Shutdown,
    ) -> Sum {
        // Not all of them come to the observer, if it is stopped.
        self.whole.set_total(folders.len());
        scope(&self.exec, async |s| {
            shutdown.phase("hashing", &s, &self.exec, Grace::Forever);
            flow::iter(folders)
                .filter(|_| !self.stop.is_cancelled())
                .map_concurrent(at_once, async |folder| {
                    let (name, all) = (folder.name.clone(), folder.items.len());
                    let child = s.spawn_named(name, self.clone().folder(folder));
                    let sum = match child.await {
                        Ok(sum) => sum,
                        // Too late to begin, or ended by the second Ctrl-C.
                        Err(JoinError::Cancelled(_)) => Sum::default(),
                        Err(error) => panic!("{error}"),
                    };
                    if sum.hashed == all { Ok(sum) } else { Err(sum) }
                })
                .unordered()
                .try_progress(&self.exec, self.whole.observer())
                .fold(Sum::default(), async |sum, (Ok(folder) | Err(folder))| sum + folder)
                .await
        })
        .await
    }

    /// Hashes the files of a folder, each a child.
    async fn folder(self, folder: Folder) -> Sum {
        let bar = self.whole.nested(&folder.name).unit("files").rate().width(20);
        bar.set_total(folder.items.len());
        scope(&self.exec, async |s| {
            flow::iter(folder.items)
                .filter(|_| !self.stop.is_cancelled())
                .map_concurrent(self.files, async |item| {
                    bar.set_message(&item.name);
                    let name = item.name.clone();
                    let child = s.spawn_named(name.clone(), self.clone().file(s.clone(), item));
                    let result = child.await.unwrap_or_else(|error| Err(io::Error::other(error)));
                    result.inspect_err(|error| drop(bar.println(format!("{name}: {error}"))))
                })
                .unordered()
                .try_progress(&self.exec, bar.observer())
                .fold(Sum::default(), async |sum, hash| sum + Sum::of(hash))
                .await
        })
        .await
    }

    /// Hashes a file on a thread where it may block.
    async fn file(self, s: Scope<E>, item: Item) -> io::Result<Hash> {
        if let From::Number(_, fetch) = item.from {
            // As if it came from far.
            self.exec.sleep(fetch).await;
        }
        let hash = s.spawn_blocking(move || self.read(item));
        hash.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    fn read(&self, item: Item) -> io::Result<Hash> {
        let mut content: Box<dyn Read> = match item.from {
            From::File(path) => Box::new(File::open(path)?),
            From::Number(number, _) => Box::new(Random(number).take(item.bytes as u64)),
        };
        let mut hasher = Hasher::new();
        let mut chunk = vec![0; 64 * 1024];
        loop {
            // Nobody can end what blocks a thread but itself.
            self.force.checkpoint().map_err(io::Error::other)?;
            match content.read(&mut chunk) {
                Ok(0) => return Ok(hasher.finalize()),
                Ok(length) => {
                    hasher.update(&chunk[..length]);
                    self.bytes.inc(length);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Returns the files below a folder, by the folder that they are in.
pub(crate) fn files(root: &Path) -> io::Result<Vec<Folder>> {
    let mut folders = BTreeMap::<_, Vec<Item>>::new();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        let kind = fs::symlink_metadata(&path)?;
        if kind.is_dir() {
            // One that may not be read, say, is not there.
            let Ok(entries) = fs::read_dir(&path) else { continue };
            left.extend(entries.flatten().map(|entry| entry.path()));
        } else if kind.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let bytes = usize::try_from(kind.len()).unwrap_or(usize::MAX);
            let folder = path.parent().unwrap_or(Path::new("")).display().to_string();
            folders.entry(folder).or_default().push(Item { name, bytes, from: From::File(path) });
        }
    }
    Ok(folders.into_iter().map(|(name, items)| Folder { name, items }).collect())
}

/// Makes up so many files, twenty in a folder. Each takes so long to fetch, more or less.
pub(crate) fn blobs(count: u64, fetch: Duration) -> Vec<Folder> {
    let blob = |number: u64| {
        let bytes = 100_000 + (number * 7919 % 40) as usize * 50_000;
        let from = From::Number(number, fetch.mul_f64(0.5 + (number % 11) as f64 / 10.0));
        Item { name: format!("blob {number}"), bytes, from }
    };
    let all: Vec<_> = (1..=count).map(blob).collect();
    let folders = all.chunks(20).zip(1..);
    folders
        .map(|(items, n)| Folder { name: format!("folder {n}"), items: items.to_vec() })
        .collect()
}

impl Folder {
    pub(crate) fn bytes(&self) -> usize {
        self.items.iter().map(|item| item.bytes).fold(0, usize::saturating_add)
    }
}

impl Sum {
    fn of(hash: io::Result<Hash>) -> Self {
        match hash {
            Ok(hash) => Sum { hashed: 1, failed: 0, combined: *hash.as_bytes() },
            Err(_) => Sum { failed: 1, ..Sum::default() },
        }
    }
}

impl std::ops::Add for Sum {
    type Output = Sum;

    fn add(mut self, other: Sum) -> Sum {
        self.hashed += other.hashed;
        self.failed += other.failed;
        self.combined.iter_mut().zip(other.combined).for_each(|(byte, other)| *byte ^= other);
        self
    }
}

/// "240 files, 1f9a3c05".
impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} files", self.hashed)?;
        if self.failed > 0 {
            write!(f, ", {} failed", self.failed)?;
        }
        f.write_str(", ")?;
        self.combined[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What looks like content: the same for the same number.
struct Random(u64);

impl Read for Random {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        for bytes in into.chunks_mut(8) {
            // Marsaglia's xorshift64. The number is not zero.
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            bytes.copy_from_slice(&self.0.to_le_bytes()[..bytes.len()]);
        }
        Ok(into.len())
    }
}
