//! What a file may be, and how full.

use anyscope::{Timer, join, scope, smol::Smol, timeout};
use anyscope_remote::{
    EngineError, ErrorKind, Remote, Workers,
    engine::{Ask, CallerId, End, Engine, Envelope, JobId, Put, Queue, Settler, WorkerName},
};
use anyscope_remote_tests::Double;
use anyscope_sqlite::{Durability, Sqlite};
use rusqlite::Connection;
use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

fn kind(path: &Path) -> ErrorKind {
    Sqlite::open(path).unwrap_err().kind()
}

/// Given a file that is something else, or of another version, then it is refused by name and left as it is.
#[test]
fn j46_files_of_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    drop(Sqlite::open(&path).unwrap());
    drop(Sqlite::builder().durability(Durability::Processes).open(&path).unwrap());
    let db = Connection::open(&path).unwrap();
    db.execute_batch("pragma user_version = 2").unwrap();
    let error = Sqlite::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Incompatible);
    assert!(
        error.to_string().ends_with("the file has tables of version 2, and this is for version 1"),
        "{error}"
    );

    let others = folder.path().join("others.db");
    Connection::open(&others).unwrap().execute_batch("create table users (name text)").unwrap();
    assert_eq!(kind(&others), ErrorKind::Incompatible);
    let text = folder.path().join("text");
    fs::write(&text, "no database, but a text that is long enough to be looked at".repeat(20))
        .unwrap();
    assert_eq!(kind(&text), ErrorKind::Incompatible);
    assert_eq!(kind(&folder.path().join("no/such/folder")), ErrorKind::Other);
}

/// Given a file to which a later version has added a table, a column, and fields of jobs and outcomes, then they are passed over; given a job in another format, then a
/// worker ends, and says which.
#[test]
fn j112_a_later_version_may_add_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let engine = Sqlite::open(&path).unwrap();
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "alter table jobs add column region text; create table workers (name text); create index regions on jobs (region)",
    )
    .unwrap();
    let change = |column: &str, id: &JobId, with: fn(&mut Vec<u8>)| {
        let get = format!("select {column} from jobs where id = ?1");
        let mut bytes: Vec<u8> = db.query_row(&get, [id.as_str()], |row| row.get(0)).unwrap();
        with(&mut bytes);
        let set = format!("update jobs set {column} = ?2 where id = ?1");
        assert_eq!(db.execute(&set, (id.as_str(), bytes)).unwrap(), 1);
    };
    // Behind the format: a tag, a length, and so many bytes.
    let add = |bytes: &mut Vec<u8>| drop(bytes.splice(1..1, [200, 2, 0, 0, 0, 1, 2]));
    let remote = Remote::<Double>::new(&engine, &Smol, "later");
    smol::block_on(scope(&Smol, async |s| {
        let more = remote.submit(Double(4)).await.unwrap();
        change("envelope", more.id(), add);
        let workers = || {
            let other = Sqlite::open(&path).unwrap();
            Workers::new(&other, "later").serve(&Smol, &Smol, async |Double(n), _| Ok(2 * n))
        };
        let worker = s.spawn(workers());
        assert_eq!(remote.attach(&more).await.unwrap(), 8);
        change("outcome", more.id(), add);
        assert_eq!(remote.attach(&more).await.unwrap(), 8);
        worker.cancel().await.unwrap_err();

        let other = remote.submit(Double(5)).await.unwrap();
        change("envelope", other.id(), |bytes| bytes[0] = 9);
        let error = workers().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Incompatible);
        assert!(error.to_string().contains("written in format 9"), "{error}");
    }));
}

/// Given a file that may not become larger, then a job that does not fit is refused by name, and those that are stored are done.
#[test]
fn j47_a_full_disk_is_an_error_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Sqlite::builder().file_limit(400_000).open(folder.path().join("jobs.db")).unwrap();
    let queue = Queue::from("full");
    let job =
        |n: u32| Envelope::new(JobId::parse(&n.to_string()).unwrap(), "large", 1, vec![0; 30_000]);
    smol::block_on(async {
        let mut stored = 0;
        let error = loop {
            match engine.put(&queue, vec![job(stored)]).await {
                Ok(_) => stored += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::OutOfSpace, "{error}");
        assert!((5..14).contains(&stored), "{stored}");
        let ask =
            Ask::new(100, Duration::from_secs(60), Duration::from_secs(60), WorkerName::new("a"));
        let leased = engine.lease(&queue, ask).await.unwrap();
        assert_eq!(leased.len(), stored as usize);
        for job in leased {
            let id = &job.envelope.id;
            let end = End::new(vec![0; 1000]);
            engine.settle(&queue, id, Settler::Worker(job.lease), end).await.unwrap();
        }
        assert_eq!(engine.status(&queue).await.unwrap().settled, u64::from(stored));
    });
}

/// Given a disk that others fill, then what does not fit is refused by name, also of two that ask at once; what is stored is there, and all goes on when there is room.
#[test]
fn j98_a_disk_that_others_fill_is_one_to_wait_for() {
    let Some(disk) = Disk::mount("8m") else {
        eprintln!("skipped: this user may not mount a disk");
        return;
    };
    let ballast = disk.0.path().join("ballast");
    fs::write(&ballast, vec![0; 7_000_000]).unwrap();
    let engine = Sqlite::open(disk.0.path().join("jobs.db")).unwrap();
    let queue = Queue::from("full");
    let job =
        |n: u32| Envelope::new(JobId::parse(&n.to_string()).unwrap(), "large", 1, vec![0; 30_000]);
    let out_of_space = |error: EngineError| {
        assert_eq!(error.kind(), ErrorKind::OutOfSpace, "{error}");
    };
    smol::block_on(async {
        let mut stored = 0;
        let refused = loop {
            // Together they are one transaction, unless one of them fails.
            let puts = [stored, stored + 1].map(|n| engine.put(&queue, vec![job(n)]));
            let puts = join(puts).await;
            let Some(error) = puts.iter().position(Result::is_err) else {
                stored += 2;
                continue;
            };
            for put in puts {
                match put {
                    Ok(_) => assert_eq!(error, 1, "the first one of two fits"),
                    Err(error) => out_of_space(error),
                }
            }
            stored += error as u32;
            break stored;
        };
        assert!(stored > 4, "{stored}");
        let rest = disk.0.path().join("rest");
        // What is left is less than a page.
        let mut filled = fs::File::create(&rest).unwrap();
        while filled.write_all(&[0; 512]).is_ok() {}
        let ask = || {
            let minute = Duration::from_secs(60);
            Ask::new(1000, minute, minute, WorkerName::new("a"))
        };
        out_of_space(engine.lease(&queue, ask()).await.unwrap_err());
        out_of_space(engine.put(&queue, vec![job(refused)]).await.unwrap_err());
        let status = engine.status(&queue).await.unwrap();
        assert_eq!((status.ready, status.running.len()), (u64::from(stored), 0));

        fs::remove_file(ballast).unwrap();
        let leased = engine.lease(&queue, ask()).await.unwrap();
        assert_eq!(leased.len(), stored as usize);
        assert_eq!(engine.put(&queue, vec![job(refused)]).await.unwrap(), [Put::Stored]);
        for job in leased {
            let (id, by) = (&job.envelope.id, Settler::Worker(job.lease));
            engine.settle(&queue, id, by, End::new(vec![0; 1000])).await.unwrap();
        }
        let status = engine.status(&queue).await.unwrap();
        assert_eq!((status.ready, status.settled), (1, u64::from(stored)));
    });
}

/// Given a file that nobody can write to for longer than the time of a caller, as another process writes or the disk is full, then the caller is there when it says so
/// afterwards; otherwise it is gone when it had the same time once more. A file of an earlier version does.
#[test]
fn j115_a_caller_is_there_that_could_not_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    drop(Sqlite::open(&path).unwrap());
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch(
            "drop table callers; create table callers (id text primary key, until integer not null) without rowid",
        )
        .unwrap();
    smol::block_on(async {
        // Of another process: it does not know what this one could not do.
        let (engine, worker) = (Sqlite::open(&path).unwrap(), Sqlite::open(&path).unwrap());
        comes_back(&engine, &worker, async |engine| {
            other.execute_batch("begin immediate").unwrap();
            let somebody = CallerId::unique();
            let says = engine.attend(&somebody, SHORT);
            assert!(timeout(&Smol, SHORT, says).await.is_err());
            other.execute_batch("commit").unwrap();
        })
        .await;
        let Some(disk) = Disk::mount("8m") else {
            eprintln!("skipped: this user may not mount a disk");
            return;
        };
        let path = disk.0.path().join("jobs.db");
        let (engine, worker) = (Sqlite::open(&path).unwrap(), Sqlite::open(&path).unwrap());
        comes_back(&engine, &worker, async |engine| {
            let ballast = disk.0.path().join("ballast");
            let mut filled = fs::File::create(&ballast).unwrap();
            while filled.write_all(&[0; 512]).is_ok() {}
            // What there is of the log may take some.
            let full = async |caller: &CallerId| loop {
                if let Err(error) = engine.attend(caller, SHORT).await {
                    break error;
                }
            };
            let full = full(&CallerId::unique()).await;
            assert_eq!(full.kind(), ErrorKind::OutOfSpace, "{full}");
            pass(engine, SHORT).await;
            fs::remove_file(&ballast).unwrap();
        })
        .await;
    });
}

const SHORT: Duration = Duration::from_millis(500);

/// A caller is there again after `away`, in which nobody can write.
async fn comes_back(engine: &Sqlite, worker: &Sqlite, away: impl AsyncFnOnce(&Sqlite)) {
    let caller = CallerId::unique();
    let is_gone = async || {
        let gone = worker.gone(vec![caller.clone()]).await.unwrap();
        gone == [caller.clone()]
    };
    assert!(is_gone().await, "it never came");
    engine.attend(&caller, SHORT).await.unwrap();
    away(engine).await;
    assert!(!is_gone().await, "it could not say that it is there");
    engine.attend(&caller, SHORT).await.unwrap();
    // Now it could, and does not.
    pass(engine, SHORT).await;
    assert!(!is_gone().await);
    pass(engine, SHORT).await;
    assert!(is_gone().await);
    engine.attend(&caller, 600 * SHORT).await.unwrap();
    assert!(!is_gone().await, "it is there again");
    engine.attend(&caller, Duration::ZERO).await.unwrap();
    assert!(is_gone().await, "it has said that it goes");
}

/// Waits so long.
async fn pass(engine: &Sqlite, time: Duration) {
    let ask = Ask::new(1, time, time, WorkerName::new("nobody"));
    assert!(engine.lease(&"empty".into(), ask).await.unwrap().is_empty());
}

/// A disk of its own, in memory.
struct Disk(tempfile::TempDir);

impl Disk {
    /// Only some users may.
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder.path());
        let mounted = mount.stderr(Stdio::null()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Disk(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Also while a file of it is open.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Given limits of a queue and of a payload, then what is above them is refused by name; and what is kept for no time is forgotten.
#[test]
fn j48_limits_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let builder = Sqlite::builder().queue_limit(2).payload_limit(10).keep(Duration::ZERO);
    let engine = builder.open(folder.path().join("jobs.db")).unwrap();
    let queue = Queue::from("small");
    let job = |id: &str, size| Envelope::new(JobId::parse(id).unwrap(), "job", 1, vec![0; size]);
    smol::block_on(async {
        let large = engine.put(&queue, vec![job("a", 11)]).await.unwrap_err();
        assert_eq!(large.kind(), ErrorKind::TooLarge { size: 11, limit: 10 });
        let many =
            engine.put(&queue, vec![job("a", 1), job("b", 1), job("c", 1)]).await.unwrap_err();
        assert_eq!(many.kind(), ErrorKind::Full);
        assert_eq!(engine.status(&queue).await.unwrap().ready, 0, "none of them is stored");
        engine.put(&queue, vec![job("a", 1), job("b", 1)]).await.unwrap();
        let full = engine.put(&queue, vec![job("c", 1)]).await.unwrap_err();
        assert_eq!(full.kind(), ErrorKind::Full);
        for id in ["a", "b"] {
            let id = JobId::parse(id).unwrap();
            let large = engine
                .settle(&queue, &id, Settler::Caller, End::new(vec![0; 11]))
                .await
                .unwrap_err();
            assert_eq!(large.kind(), ErrorKind::TooLarge { size: 11, limit: 10 });
            engine.settle(&queue, &id, Settler::Caller, End::new(Vec::new())).await.unwrap();
        }
        // The last one is kept, as those who wait count from it.
        Smol.sleep(Duration::from_millis(1)).await;
        engine.put(&queue, vec![job("c", 1)]).await.unwrap();
        assert_eq!(engine.status(&queue).await.unwrap().settled, 1);
        let c = JobId::parse("c").unwrap();
        engine.settle(&queue, &c, Settler::Caller, End::dead(Vec::new())).await.unwrap();
        engine.put(&queue, vec![job("d", 1), job("e", 1)]).await.unwrap();
        let full = engine.redrive(&queue, &c).await.unwrap_err();
        assert_eq!(full.kind(), ErrorKind::Full);
        assert_eq!(engine.status(&queue).await.unwrap().dead, 1, "it stays a dead letter");
    });
}

/// Given another connection that puts jobs and settles them all the time, then each status is of one moment: none of them is delayed.
#[test]
fn j89_a_status_is_of_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let (looks, writes) = (Sqlite::open(&path).unwrap(), Sqlite::open(&path).unwrap());
    let queue = Queue::from("moments");
    let write = async {
        loop {
            let job = Envelope::new(JobId::unique(), "nothing", 1, Vec::new());
            let id = job.id.clone();
            writes.put(&queue, vec![job]).await.unwrap();
            writes.settle(&queue, &id, Settler::Caller, End::new(Vec::new())).await.unwrap();
        }
    };
    let look = async {
        for _ in 0..2000 {
            let status = looks.status(&queue).await.unwrap();
            assert_eq!(status.delayed, 0, "{status:?}");
        }
    };
    smol::block_on(anyscope::race((write, look)));
}
