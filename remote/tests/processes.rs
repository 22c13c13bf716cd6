//! A pool of processes, which crash, hang, print and leak.

#![cfg(unix)]

use anyscope::{Timer, flow, scope, smol::Smol};
use anyscope_remote::{
    Job, Json, ProcessError, ProcessPool,
    processes::{Builder, Child},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    env,
    os::unix::process::ExitStatusExt,
    process::{self, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

#[derive(Clone, Serialize, Deserialize)]
enum Do {
    Return(u32),
    Fail,
    Panic,
    Abort,
    Exit(i32),
    Hang,
    Print(usize),
    PrintAndAbort(usize),
    /// Has a pool of its own, whose process hangs, and aborts.
    Orphan,
    /// Returns the id of its process.
    Id,
}

impl Job for Do {
    const NAME: &'static str = "do";
    type Output = u32;
    type Error = String;
    type Codec = Json;
}

#[derive(Serialize, Deserialize)]
struct Unknown;

impl Job for Unknown {
    const NAME: &'static str = "unknown";
    type Output = u32;
    type Error = String;
    type Codec = Json;
}

/// Not a test, but what processes of the pools are.
#[test]
fn child() {
    Child::new()
        .job(|what| match what {
            Do::Return(number) => Ok(number),
            Do::Fail => Err("as asked".to_owned()),
            Do::Panic => panic!("as asked"),
            Do::Abort => {
                eprintln!("about to abort");
                process::abort()
            }
            Do::Exit(code) => process::exit(code),
            Do::Hang => loop {
                println!("hangs");
                thread::park();
            },
            Do::Print(bytes) => {
                println!("{}", "x".repeat(bytes));
                Ok(0)
            }
            Do::PrintAndAbort(bytes) => {
                println!("{}", "x".repeat(bytes));
                process::abort()
            }
            Do::Orphan => smol::block_on(async {
                let pool = pool(1);
                println!("orphan {}.", pool.call(Do::Id).await.unwrap());
                let soon = async {
                    Smol.sleep(Duration::from_millis(100)).await;
                    process::abort()
                };
                anyscope::join((pool.call(Do::Hang), soon)).await.0
            })
            .map_err(|error| error.to_string()),
            Do::Id => Ok(process::id()),
        })
        .run();
}

fn this() -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]);
    command
}

fn builder(processes: usize) -> Builder {
    ProcessPool::builder(processes).command(this)
}

fn pool(processes: usize) -> ProcessPool {
    builder(processes).start().unwrap()
}

fn is_there(process: u32) -> bool {
    let id = process.to_string();
    Command::new("kill").args(["-0", &id]).stderr(Stdio::null()).status().unwrap().success()
}

async fn is_gone(process: u32) {
    while is_there(process) {
        Smol.sleep(Duration::from_millis(2)).await;
    }
}

/// Given jobs of which some end their process, then that is an error of these, with how it ended and what it printed, and all others have their values.
#[test]
fn j70_a_crash_is_an_error_of_one_job() {
    let pool = pool(3);
    let outcomes = smol::block_on(
        flow::iter(0..40)
            .map_concurrent(8, |n| pool.call(if n % 7 == 3 { Do::Abort } else { Do::Return(n) }))
            .collect::<Vec<_>>(),
    );
    for (n, outcome) in (0..).zip(outcomes) {
        match outcome {
            Ok(number) => assert_eq!(number, n),
            Err(ProcessError::Exited { status, output }) => {
                assert_eq!((n % 7, status.signal()), (3, Some(6)));
                assert!(output.ends_with("about to abort\n"), "{output:?}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    let exit = smol::block_on(pool.call(Do::Exit(7))).unwrap_err();
    assert!(matches!(&exit, ProcessError::Exited { status, .. } if status.code() == Some(7)));
    assert!(exit.to_string().contains("exit status: 7"), "{exit}");
}

/// Given a job that takes longer than it may, then its process is killed, and the next job has another.
#[test]
fn j71_a_job_that_hangs_is_killed() {
    let pool = builder(1).timeout(Duration::from_secs(1)).start().unwrap();
    // On a busy machine it may take longer than that to start one.
    let id = async || loop {
        match pool.call(Do::Id).await {
            Err(ProcessError::TimedOut { .. }) => {}
            answer => break answer.unwrap(),
        }
    };
    smol::block_on(async {
        let first = id().await;
        let hung = pool.call(Do::Hang).await.unwrap_err();
        assert!(matches!(hung, ProcessError::TimedOut { .. }), "{hung:?}");
        is_gone(first).await;
        assert_ne!(id().await, first);
    });
}

/// Given a call that is dropped, then the process that has its job is killed, and one that waits is not begun.
#[test]
fn j72_a_dropped_call_kills_its_process() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = heard.clone();
    let pool = builder(1).on_output(move |_, bytes| hears.lock().unwrap().extend_from_slice(bytes));
    let pool = pool.start().unwrap();
    smol::block_on(scope(&Smol, async |s| {
        let first = pool.call(Do::Id).await.unwrap();
        let hangs = s.spawn(pool.call(Do::Hang));
        while !String::from_utf8_lossy(&heard.lock().unwrap()).contains("hangs") {
            Smol.sleep(Duration::from_millis(2)).await;
        }
        let waits = s.spawn(pool.call(Do::Abort));
        while !format!("{pool:?}").contains("waiting: 1") {
            Smol.sleep(Duration::from_millis(2)).await;
        }
        waits.cancel().await.unwrap_err();
        hangs.cancel().await.unwrap_err();
        is_gone(first).await;
        let second = pool.call(Do::Id).await.unwrap();
        assert_ne!(second, first);
        assert_eq!(pool.call(Do::Id).await.unwrap(), second, "nothing else was begun");
    }));
}

/// Given jobs that fail, panic, are not known, then each is an error of its own, and the process goes on.
#[test]
fn j73_errors_are_named() {
    let pool = pool(1);
    smol::block_on(async {
        let first = pool.call(Do::Id).await.unwrap();
        let failed = pool.call(Do::Fail).await.unwrap_err();
        assert!(matches!(failed, ProcessError::Failed(why) if why == "as asked"));
        let panicked = pool.call(Do::Panic).await.unwrap_err();
        assert!(matches!(panicked, ProcessError::Panicked(why) if why == "as asked"));
        let refused = pool.call(Unknown).await.unwrap_err();
        assert!(matches!(refused, ProcessError::Refused(why) if why.contains("`unknown`")));
        assert_eq!(pool.call(Do::Id).await.unwrap(), first);
    });
}

/// Given processes that do not start, or end before they do anything, then that is an error of each job, and no more are started than the policy says.
#[test]
fn j74_what_does_not_start_is_given_up() {
    let missing = ProcessPool::builder(1).command(|| Command::new("/no/such/program"));
    let missing = missing.start().unwrap();
    let error = smol::block_on(missing.call(Do::Id)).unwrap_err();
    assert!(matches!(error, ProcessError::NotStarted(_)), "{error:?}");

    let useless = ProcessPool::builder(1)
        .command(|| Command::new("true"))
        .restart([Duration::ZERO, Duration::ZERO])
        .start()
        .unwrap();
    smol::block_on(async {
        for _ in 0..3 {
            let error = useless.call(Do::Id).await.unwrap_err();
            assert!(matches!(error, ProcessError::Exited { .. }), "{error:?}");
        }
        let error = useless.call(Do::Id).await.unwrap_err();
        assert!(matches!(error, ProcessError::GivenUp), "{error:?}");
    });
}

/// Given a number of jobs for each process, then another one has the next job; and when the pool is gone, so are its processes.
#[test]
fn j75_processes_are_replaced_and_end() {
    let pool = builder(1).jobs_per_process(2.try_into().unwrap()).start().unwrap();
    smol::block_on(async {
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.push(pool.call(Do::Id).await.unwrap());
        }
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 3, "{ids:?}");
        assert_eq!((ids[0], ids[2]), (ids[1], ids[3]));
        drop(pool);
        for id in ids {
            is_gone(id).await;
        }
    });
}

/// Given a caller that is killed while its process has a job, then that process ends as well.
#[test]
fn j77_a_process_ends_with_its_caller() {
    let pool = pool(1);
    let error = smol::block_on(pool.call(Do::Orphan)).unwrap_err();
    let ProcessError::Exited { output, .. } = error else { panic!("{error:?}") };
    let (_, id) = output.split_once("orphan ").unwrap();
    smol::block_on(is_gone(id.split_once('.').unwrap().0.parse().unwrap()));
}

/// Given processes that print, then it is heard, also if whoever hears panics, and no more than a part is kept.
#[test]
fn j76_what_is_printed_is_heard() {
    let heard = Arc::new(Mutex::new((0, BTreeSet::new())));
    let hears = heard.clone();
    let pool = builder(1).on_output(move |process, bytes| {
        let mut heard = hears.lock().unwrap();
        heard.0 += bytes.len();
        heard.1.insert(process);
    });
    let pool = pool.start().unwrap();
    smol::block_on(async {
        let id = pool.call(Do::Id).await.unwrap();
        pool.call(Do::Print(1_000_000)).await.unwrap();
        let error = pool.call(Do::PrintAndAbort(1_000_000)).await.unwrap_err();
        let ProcessError::Exited { output, .. } = error else { panic!("{error:?}") };
        assert_eq!(output.len(), 64 * 1024);
        let heard = heard.lock().unwrap();
        assert!(heard.0 > 1_000_000 && heard.1 == BTreeSet::from([id]));
    });
    let panics = builder(1).on_output(|_, _| panic!("of whoever hears")).start().unwrap();
    smol::block_on(panics.call(Do::Print(1_000_000))).unwrap();
}
