//! What a failing exploration says, and that it means the same on every machine.

use anyscope_core::{Limit, Spawn, Timer, flow, scope};
use anyscope_sim::{Explorer, Sim, SimHandle, exhaust, explore};
use std::{
    collections::BTreeSet,
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

/// Items in the order in which their sleeps end.
async fn order(sim: SimHandle) -> Vec<u32> {
    let order = Arc::new(Mutex::new(Vec::new()));
    let (log, sim2) = (order.clone(), sim.clone());
    let work = move |n| {
        let (sim, log) = (sim2.clone(), log.clone());
        async move {
            sim.sleep(Duration::from_millis(sim.choose(3) as u64)).await;
            sim.sleep(Duration::from_millis(sim.choose(50) as u64)).await;
            log.lock().unwrap().push(n);
        }
    };
    flow::iter(0..16).for_each_on(&sim, Limit::new(16), work).await.unwrap();
    Arc::into_inner(order).unwrap().into_inner().unwrap()
}

/// Given a seed, then a test that shares out its work does the same on every machine: what the
/// executor says of its threads is in the rules.
#[test]
fn a_seed_means_the_same_on_every_machine() {
    let parallelism = |builder: anyscope_sim::Builder| {
        let sim = builder.build();
        assert_eq!(sim.parallelism(), sim.handle().parallelism());
        sim.parallelism().get()
    };
    assert_eq!(parallelism(Sim::builder()), 4);
    assert_eq!(parallelism(Sim::builder().parallelism(1)), 1);
    assert_eq!(parallelism(Sim::builder().parallelism(7)), 7);

    let run = |threads| Sim::builder().seed(1).parallelism(threads).build().run(order).unwrap();
    assert_eq!(Sim::new(1).run(order).unwrap(), run(4));
    assert_ne!(run(1), run(4));
    Explorer::new(10).parallelism(3).run(async |sim| assert_eq!(sim.parallelism().get(), 3));
}

fn verdict(f: impl FnOnce()) -> String {
    let failed = catch_unwind(AssertUnwindSafe(f)).expect_err("it is found out");
    *failed.downcast::<String>().expect("a verdict")
}

/// Given a test that has more options in one run than in the others, as one that goes through a
/// `HashMap` may, then `exhaust` says so, and not that it has seen everything.
#[test]
fn exhaust_finds_out_that_a_test_is_not_deterministic() {
    for odd_run in 0..5 {
        let (runs, seen) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
        let message = verdict(|| {
            exhaust(1000, async |sim| {
                let options = if runs.fetch_add(1, SeqCst) == odd_run { 2 } else { 3 };
                let first = sim.choose(options);
                let second = sim.choose(2);
                seen.lock().unwrap().insert((first, second));
            });
        });
        assert!(message.contains("not deterministic"), "{message}");
        assert!(message.contains("of 2") && message.contains("of 3"), "{message}");
        assert!(seen.lock().unwrap().len() < 6);
    }
}

/// The same for one that has a question less, sleeps differently on the way, or has no choices.
#[test]
fn exhaust_finds_out_every_other_way() {
    let nap = |n| Duration::from_secs(n as u64);
    for odd_run in [1, 2] {
        let runs = AtomicUsize::new(0);
        let fewer = verdict(|| {
            exhaust(1000, async |sim| {
                sim.choose(2);
                if runs.fetch_add(1, SeqCst) != odd_run {
                    sim.choose(2);
                }
            });
        });
        assert!(fewer.contains("not deterministic"), "{fewer}");
        let runs = AtomicUsize::new(0);
        let slower = verdict(|| {
            exhaust(1000, async |sim| {
                sim.sleep(nap(if runs.fetch_add(1, SeqCst) == odd_run { 2 } else { 1 })).await;
                sim.choose(4);
            });
        });
        assert!(
            slower.contains("\"sleep until 1s\" and then \"sleep until 2s\"")
                | slower.contains("\"sleep until 2s\" and then \"sleep until 1s\""),
            "{slower}"
        );
    }
    let runs = AtomicUsize::new(0);
    let clock = verdict(|| {
        exhaust(1000, async |sim| sim.sleep(nap(runs.fetch_add(1, SeqCst))).await);
    });
    assert!(clock.contains("not deterministic"), "{clock}");
}

/// Given a test that fails once and never again, then that is what is reported, with what it said.
#[test]
fn a_failure_that_cannot_be_repeated_is_told() {
    let runs = AtomicUsize::new(0);
    let message = verdict(|| {
        explore(1, async |_| assert!(runs.fetch_add(1, SeqCst) > 0, "only the first"));
    });
    assert!(message.contains("when it was repeated it did not"), "{message}");
    assert!(message.contains("only the first"), "{message}");
}

/// Set for the process that runs the two tests below.
const VICTIM: &str = "ANYSCOPE_SIM_TEST_VICTIM";

/// Runs a test of this file in a process of its own, and answers with what it printed.
fn run(test: &str, seed: Option<u64>) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(VICTIM, "1").env("RUST_BACKTRACE", "1");
    command.envs(seed.map(|seed| ("ANYSCOPE_SIM_SEED", seed.to_string())));
    let output = command.output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// Fails with most seeds, so on all threads at once.
#[test]
fn victim() {
    if env::var(VICTIM).is_err() {
        return;
    }
    explore(1000, async |sim| {
        let first = Arc::new(Mutex::new(None));
        scope(&sim, async |s| {
            let (first2, sim2) = (first.clone(), sim.clone());
            s.spawn_named("fetch", async move {
                sim2.sleep(Duration::from_secs(1)).await;
                first2.lock().unwrap().get_or_insert("fetch");
            });
            let (first3, sim3) = (first.clone(), sim.clone());
            s.spawn(async move {
                sim3.sleep(Duration::from_secs(1)).await;
                first3.lock().unwrap().get_or_insert("other");
            });
            s.spawn_blocking(|| ());
        })
        .await;
        assert_eq!(*first.lock().unwrap(), Some("fetch"));
    });
}

/// Contains the name of the other.
#[test]
fn victim_too() {
    assert!(env::var(VICTIM).is_err(), "the filter matches me");
}

/// Given runs that fail on several threads, then there is one message with one backtrace, and the
/// line that repeats it names this test and no other.
#[test]
fn a_failure_is_told_once() {
    let output = run("victim", None);
    assert_eq!(output.matches("panicked at").count(), 1, "{output}");
    assert_eq!(output.matches("stack backtrace:").count(), 1, "{output}");
    assert_eq!(output.matches("repeat with: ").count(), 1, "{output}");
    let line = output.lines().find(|line| line.starts_with("repeat with: ")).unwrap();
    assert!(line.starts_with("repeat with: ANYSCOPE_SIM_SEED="), "{line}");
    let rest = "cargo test -p anyscope-sim --test reports victim -- --exact";
    assert!(line.ends_with(rest), "{line}");
}

/// Given a seed, then the trace names the tasks, and says where each was spawned.
#[test]
fn a_trace_names_its_tasks() {
    let output = run("victim", None);
    let seed = output.split("ANYSCOPE_SIM_SEED=").nth(1).unwrap();
    let seed = seed.split_whitespace().next().unwrap().parse().unwrap();
    let output = run("victim", Some(seed));
    assert_eq!(output.matches("panicked at").count(), 1, "{output}");
    assert!(output.contains("poll #1 `fetch`\n"), "{output}");
    assert!(output.contains("poll #2\n"), "{output}");
    assert!(output.contains("poll #3 (a blocking job)\n"), "{output}");
    let (_, legend) = output.split_once("the tasks in them:\n").unwrap();
    let lines: Vec<_> = legend.lines().take(4).map(str::trim).collect();
    assert_eq!(lines[0], "#0 the test itself");
    assert!(lines[1].starts_with("#1 child `fetch`, spawned at "), "{legend}");
    assert!(lines[2].starts_with("#2 the child spawned at "), "{legend}");
    assert!(lines[1].contains("reports.rs:") && lines[2].contains("reports.rs:"), "{legend}");
    assert_eq!(lines[3], "#3 a blocking job");
}
