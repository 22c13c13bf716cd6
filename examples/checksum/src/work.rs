//! The work, written once for all executors.

use crate::digest::{Digest, Hasher};
use crate::{
    progress::Progress,
    walk::{Failure, Found, Walk},
};
use anyscope::{
    CancelToken, CancelledBy, JoinError, Limit, Scope, Spawn, SpawnBlocking, Timer, flow, scope,
};
use futures_lite::{StreamExt, stream};
use std::{
    cell::RefCell,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

/// How often the progress is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(100);
/// How many files the walk is ahead.
const AHEAD: usize = 64;

/// What is to be done.
pub(crate) struct Task {
    pub(crate) root: PathBuf,
    pub(crate) limit: Limit,
    /// Whether to hash caches too.
    pub(crate) caches: bool,
    pub(crate) progress: Progress,
    /// Cancelled to interrupt the work.
    pub(crate) interrupt: CancelToken,
}

/// What became of it.
#[derive(Default)]
pub(crate) struct Tree {
    /// In no order.
    pub(crate) files: Vec<(PathBuf, Digest)>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) links: usize,
    pub(crate) specials: usize,
    pub(crate) caches: usize,
    pub(crate) interrupted: bool,
}

/// Hashes the files of a tree.
pub(crate) async fn hash_tree<E>(exec: &E, task: &Task) -> Tree
where
    E: Spawn + SpawnBlocking + Timer<Sleep: Send> + Clone + Send + Sync + 'static,
{
    let tree = RefCell::new(Tree::default());
    let fail = |path, error| tree.borrow_mut().failures.push(Failure { path, error });
    scope(exec, async |s| {
        let (s2, interrupt) = (s.clone(), task.interrupt.clone());
        s.spawn_daemon(async move {
            interrupt.cancelled().await;
            s2.cancel("interrupted");
        });
        if task.progress.is_shown() {
            let (exec, progress) = (exec.clone(), task.progress.clone());
            s.spawn_daemon(async move {
                loop {
                    exec.sleep(DRAW_EVERY).await;
                    progress.draw();
                }
            });
            let (s2, progress) = (s.clone(), task.progress.clone());
            let walk = Walk::new(task.root.clone(), task.caches, move || s2.is_cancelled());
            s.spawn_blocking(move || survey(walk, &progress));
        }

        // The walk goes to a blocking thread for a few files at a time, and holds none while they
        // wait to be hashed: there may be no other.
        let s2 = s.clone();
        let walk = Walk::new(task.root.clone(), task.caches, move || s2.is_cancelled());
        let found = stream::unfold(Some(walk), async |walk| {
            let mut walk = walk?;
            let batch = s.spawn_blocking(move || {
                let batch: Vec<_> = walk.by_ref().take(AHEAD).collect();
                (!batch.is_empty()).then_some((batch, Some(walk)))
            });
            unless_cancelled(batch.await)?.unwrap_or_else(|error| {
                let path = task.root.clone();
                Some((vec![Err(Failure { path, error })], None))
            })
        });
        flow::stream(found.flat_map(stream::iter))
            .for_each_concurrent(task.limit, async |found| match found {
                Ok(Found::File(path)) => {
                    let (file, s2, progress) = (path.clone(), s.clone(), task.progress.clone());
                    let child = s.spawn_blocking(move || hash_file(&file, &s2, &progress));
                    match unless_cancelled(child.await) {
                        Some(Ok(Ok(Some(digest)))) => tree.borrow_mut().files.push((path, digest)),
                        Some(Ok(Err(error)) | Err(error)) => fail(path, error),
                        Some(Ok(Ok(None))) | None => {}
                    }
                }
                Ok(Found::Link) => tree.borrow_mut().links += 1,
                Ok(Found::Cache) => tree.borrow_mut().caches += 1,
                Ok(Found::Special) => tree.borrow_mut().specials += 1,
                Err(Failure { path, error }) => fail(path, error),
            })
            .await;
        tree.borrow_mut().interrupted = s.is_cancelled();
        // The survey may not have ended, and nobody needs it any more.
        s.cancel("interrupted");
    })
    .await;
    tree.into_inner()
}

/// Hashes one file. Nothing if the scope is cancelled before the end.
fn hash_file<E>(path: &Path, s: &Scope<E>, progress: &Progress) -> io::Result<Option<Digest>> {
    let _in_flight = progress.in_flight();
    let mut file = File::open(path)?;
    let mut hasher = Hasher::default();
    let mut chunk = [0; 64 * 1024];
    // A closure that has started is not ended by a cancel, so it must look.
    while !s.is_cancelled() {
        match file.read(&mut chunk) {
            Ok(0) => {
                progress.file_done();
                return Ok(Some(hasher.finalize()));
            }
            Ok(length) => {
                hasher.update(&chunk[..length]);
                progress.bytes_done(length);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Finds out how much there is to do, for the progress bar. What cannot be read is reported by
/// whoever hashes it.
fn survey<F: Fn() -> bool>(mut walk: Walk<F>, progress: &Progress) {
    let (mut files, mut bytes) = (0, 0);
    for found in &mut walk {
        if let Ok(Found::File(path)) = found {
            files += 1;
            bytes += fs::metadata(path).map_or(0, |metadata| metadata.len());
        }
    }
    if !walk.is_over() {
        progress.set_total(files, bytes);
    }
}

/// What a child has returned; nothing if the scope was cancelled first. A panic, or a refusal by
/// the executor, is one failure among others: the scope and all other children go on.
fn unless_cancelled<T>(outcome: Result<T, JoinError>) -> Option<io::Result<T>> {
    match outcome {
        Ok(value) => Some(Ok(value)),
        Err(JoinError::Cancelled(by)) if by.by() == CancelledBy::Scope => None,
        Err(error) => Some(Err(io::Error::other(error))),
    }
}
