//! The job, and processes that do it.

use anyscope::{Clock, smol::Smol};
use anyscope_remote::{EngineError, Job, Json, Workers};
use anyscope_sqlite::{Durability, Sqlite};
use serde::{Deserialize, Serialize};
use std::{
    env, fs,
    hint::black_box,
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

/// What there is to do.
#[derive(Serialize, Deserialize)]
pub(crate) enum Task {
    Nothing,
    /// Ends when it is cancelled.
    Waits,
    /// Keeps a processor busy for so many [`turns`].
    Turns(u64),
}

impl Job for Task {
    const NAME: &'static str = "task";
    /// When it began, in nanoseconds of the clock that all processes have; or, if it waited, when it was told to end.
    type Output = u64;
    type Error = String;
    type Codec = Json;
}

pub(crate) const QUEUE: &str = "figures";
/// How long a lease is where it matters.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// A process that works, until this is dropped.
pub(crate) struct Worker(Child);

impl Worker {
    /// Starts a process with so many places, and leases of this length.
    pub(crate) fn start(path: &Path, here: usize, lease: Duration) -> Self {
        let mut worker = Command::new(env::current_exe().unwrap());
        worker.env(PATH, path).env(HERE, here.to_string());
        worker.env(MILLISECONDS, lease.as_millis().to_string());
        Worker(worker.spawn().unwrap())
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Returns how long it has had a processor. None, if the system does not say.
    pub(crate) fn busy(&self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).ok()?;
        // Its name may have spaces, and is the second of them. They are the 14th and the 15th, in hundredths.
        let mut numbers = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut next = || numbers.next()?.parse::<u64>().ok();
        Some(Duration::from_millis(10 * (next()? + next()?)))
    }

    /// Returns how many bytes of memory it has. None, if the system does not say.
    pub(crate) fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(1024 * line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// If this process was started to be a worker, then it is one, and this returns true.
pub(crate) fn run_if_asked() -> bool {
    let Some(path) = env::var_os(PATH) else { return false };
    let number = |name| env::var(name).unwrap().parse::<u64>().unwrap();
    let engine = open(Path::new(&path), Durability::Power);
    let lease = Duration::from_millis(number(MILLISECONDS));
    smol::block_on(serve(&engine, number(HERE) as usize, lease)).unwrap();
    true
}

pub(crate) async fn serve(
    engine: &Sqlite,
    here: usize,
    lease: Duration,
) -> Result<(), EngineError> {
    let workers = Workers::new(engine, QUEUE).here(here).lease(lease);
    let serve = workers.serve(&Smol, &Smol, async |task, cx| {
        let begun = now();
        match task {
            Task::Nothing => {}
            Task::Waits => {
                cx.token().cancelled().await;
                return Ok(now());
            }
            Task::Turns(number) => _ = black_box(turns(number)),
        }
        Ok(begun)
    });
    serve.await.map(drop)
}

pub(crate) fn open(path: &Path, durability: Durability) -> Sqlite {
    Sqlite::builder().durability(durability).open(path).unwrap()
}

/// On Linux the same in all processes.
pub(crate) fn now() -> u64 {
    Smol.now().since_epoch().as_nanos() as u64
}

/// Returns how many turns take a processor so long, if nobody else wants it.
pub(crate) fn turns_in(time: Duration) -> u64 {
    let number = 10_000_000;
    let begun = Instant::now();
    black_box(turns(number));
    (number as f64 * time.as_secs_f64() / begun.elapsed().as_secs_f64()) as u64
}

/// Work that needs nothing but a processor.
fn turns(number: u64) -> u64 {
    (0..number).fold(1, |state: u64, n| black_box(state.wrapping_mul(0x5851_F42D_4C95_7F2D) ^ n))
}

const PATH: &str = "FIGURES_PATH";
const HERE: &str = "FIGURES_HERE";
const MILLISECONDS: &str = "FIGURES_LEASE";
