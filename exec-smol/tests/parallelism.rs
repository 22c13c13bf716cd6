//! What the executors of smol say of their threads is true.

use anyscope_core::{BlockOn, Child, Spawn};
use anyscope_smol::{Smol, SmolExecutor, SmolHandle, SmolStatic};
use async_executor::{Executor, StaticExecutor};
use std::{
    env,
    process::Command,
    sync::{Arc, Barrier},
    thread,
};

/// Set for the process that runs the global executor with so many threads.
const THREADS: &str = "ANYSCOPE_SMOL_TEST_THREADS";

/// As many children as there are threads meet: with fewer threads they would wait for ever.
#[test]
fn global() {
    let Ok(expected) = env::var(THREADS) else { return };
    let threads = Smol.parallelism().get();
    assert_eq!(threads, expected.parse().unwrap());
    let meet = Arc::new(Barrier::new(threads + 1));
    for _ in 0..threads {
        let meet = meet.clone();
        Smol.spawn(Child::unscoped(async move {
            meet.wait();
        }));
    }
    meet.wait();
}

/// One thread unless `SMOL_THREADS` says otherwise.
#[test]
fn the_global_executor_has_what_the_environment_says() {
    for (variable, threads) in [(None, "1"), (Some("3"), "3"), (Some("many"), "1")] {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["global", "--exact"]).env_remove("SMOL_THREADS").env(THREADS, threads);
        command.envs(variable.map(|value| ("SMOL_THREADS", value)));
        assert!(command.output().unwrap().status.success(), "{variable:?}");
    }
}

/// Those that are inside of it at the moment.
#[test]
fn an_executor_has_the_threads_that_run_it() {
    let executor = SmolExecutor::new();
    let handle = executor.handle();
    let both = || (executor.parallelism().get(), handle.parallelism().get());
    let fixed = SmolStatic::new();
    // There will be one at least, or nothing runs.
    assert_eq!(both(), (1, 1));
    let (begun, end) = (Barrier::new(3), Barrier::new(3));
    thread::scope(|threads| {
        for blocks in [false, true] {
            let meet = async || {
                begun.wait();
                end.wait();
            };
            let executor = &executor;
            threads.spawn(move || match blocks {
                false => smol::block_on(executor.run(fixed.run(meet()))),
                true => executor.block_on(fixed.run(meet())),
            });
        }
        begun.wait();
        assert_eq!((both(), fixed.parallelism().get()), ((2, 2), 2));
        end.wait();
    });
    assert_eq!((both(), fixed.parallelism().get()), ((1, 1), 1));

    let theirs = Arc::new(Executor::new());
    let machine = thread::available_parallelism().unwrap();
    assert_eq!(SmolHandle::from(&theirs).parallelism(), machine);

    static THEIRS: StaticExecutor = StaticExecutor::new();
    assert_eq!(SmolStatic::from(&THEIRS).parallelism(), machine);
}
