//! What a failing exploration says, and that it means the same on every machine.

use anyscope_core::{Limit, Spawn, Timer, flow, scope};
use anyscope_sim::{Explorer, Faults, Sim, SimHandle, exhaust, explore};
use std::{
    collections::BTreeSet,
    env,
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

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

/// Set for the process that runs the victims below.
const VICTIM: &str = "ANYSCOPE_SIM_TEST_VICTIM";

/// Runs a test of this file, which fails, in a process of its own, and returns what it printed.
fn run(test: &str, settings: &[(&str, &str)]) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(VICTIM, "1").env("RUST_BACKTRACE", "1");
    let output = command.envs(settings.iter().copied()).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// Returns the variable, and its value, of the line that repeats the run.
fn repeats(output: &str) -> (&str, &str) {
    assert_eq!(output.matches("repeat with: ").count(), 1, "{output}");
    let line = output.lines().find_map(|line| line.strip_prefix("repeat with: ")).unwrap();
    line.split_once(' ').unwrap().0.split_once('=').unwrap()
}

/// Returns the lines with the steps.
fn steps(output: &str) -> Vec<&str> {
    let lines = output.lines().skip_while(|line| !line.contains(" steps"));
    lines.skip(1).take_while(|line| *line != "the tasks in them:").map(str::trim).collect()
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

/// Two children, each of which reads, waits and then writes, beside many that do no harm.
async fn lost_update(sim: SimHandle) {
    let count = Arc::new(AtomicUsize::new(0));
    scope(&sim, async |s| {
        for n in 0..10 {
            let (sim, count) = (sim.clone(), count.clone());
            s.spawn_named(if n == 3 || n == 7 { "racer" } else { "noise" }, async move {
                for _ in 0..10 {
                    sim.yield_now().await;
                }
                if n == 3 || n == 7 {
                    let old = count.load(SeqCst);
                    sim.yield_now().await;
                    count.store(old + 1, SeqCst);
                }
            });
        }
    })
    .await;
    assert_eq!(count.load(SeqCst), 2, "an update is lost");
}

#[test]
fn victim_of_a_race() {
    if env::var(VICTIM).is_ok() {
        explore(1000, lost_update);
    }
}

#[test]
fn victim_that_stays_as_it_is() {
    if env::var(VICTIM).is_ok() {
        Explorer::new(1000).max_shrink_runs(0).run(lost_update);
    }
}

#[test]
fn victim_that_spins() {
    if env::var(VICTIM).is_ok() {
        Explorer::new(10).max_polls(100).run(async |sim| {
            while sim.elapsed() == Duration::ZERO {
                sim.yield_now().await;
            }
        });
    }
}

#[test]
fn victim_of_exhaust() {
    if env::var(VICTIM).is_ok() {
        exhaust(1000, async |sim| {
            scope(&sim, async |s| {
                for n in 0..3 {
                    let sim = sim.clone();
                    s.spawn(async move { assert!(n != 2 || sim.choose(4) != 3, "unlucky") });
                }
            })
            .await;
        });
    }
}

/// Fails if a child is dropped, after many others.
#[test]
fn victim_of_a_fault() {
    if env::var(VICTIM).is_ok() {
        let faults = Faults { drops: 100, late_wakes: 3, spurious_polls: 3, ..Faults::default() };
        Explorer::new(1000).faults(faults).run(async |sim| {
            for _ in 0..20 {
                let done = scope(&sim, async |s| s.spawn(sim.sleep(SECOND)).await).await;
                assert!(done.is_ok(), "a child is lost");
            }
        });
    }
}

#[test]
fn victim_of_a_hang() {
    if env::var(VICTIM).is_ok() {
        explore(1000, async |sim| {
            sim.choose(5);
            if sim.choose(20) == 7 {
                sim.label("the gate", pending::<()>()).await;
            }
        });
    }
}

/// Given runs that fail on several threads, then there is one message with one backtrace, and the
/// line that repeats it names this test and no other.
#[test]
fn a_failure_is_told_once() {
    let output = run("victim", &[]);
    assert_eq!(output.matches("panicked at").count(), 1, "{output}");
    assert_eq!(output.matches("stack backtrace:").count(), 1, "{output}");
    assert_eq!(repeats(&output).0, "ANYSCOPE_SIM_REPLAY", "{output}");
    let rest = "cargo test -p anyscope-sim --test reports victim -- --exact";
    assert!(output.trim_end().ends_with(rest), "{output}");
}

/// Given a failure, then the trace names the tasks, and says where each was spawned.
#[test]
fn v21_a_trace_names_its_tasks() {
    let first = run("victim", &[]);
    let replay = run("victim", &[repeats(&first)]);
    assert_eq!(replay.matches("panicked at").count(), 1, "{replay}");
    for output in [first, replay] {
        let steps = steps(&output);
        let has = |end: &str| steps.iter().any(|step| step.ends_with(end));
        assert!(has("poll #0 (the test)") && has("poll #1 `fetch`"), "{output}");
        assert!(has("poll #3 (a blocking job)"), "{output}");
        assert!(steps.iter().any(|step| step.contains("poll #2 (reports.rs:")), "{output}");
        let (_, legend) = output.split_once("the tasks in them:\n").unwrap();
        let lines: Vec<_> = legend.lines().take(4).map(str::trim).collect();
        assert_eq!(lines[0], "#0 the test itself");
        for (line, what) in lines.iter().skip(1).zip([
            "#1 child `fetch`, spawned at ",
            "#2 the child spawned at ",
            "#3 a blocking job, spawned at ",
        ]) {
            let place = line.strip_prefix(what).unwrap_or_else(|| panic!("{legend}"));
            assert!(place.contains("reports.rs:"), "{legend}");
        }
    }
}

/// Given a failing run with many switches between tasks, then the report has one that fails in the
/// same way with the fewest, and the line repeats that one.
#[test]
fn v19_a_failing_run_is_shrunk() {
    let output = run("victim_of_a_race", &[]);
    let (_, line) = output.split_once("switches between tasks: ").unwrap();
    let (after, line) = line.split_once("; with seed ").unwrap();
    let (before, line) = line.split_once(": ").unwrap().1.split_once("; runs").unwrap();
    let runs = line.split_once(": ").unwrap().1.lines().next().unwrap();
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{output}"));
    // From the test to the ten children and back, and from the first racer away and back to it.
    assert_eq!(number(after), 12, "{output}");
    assert!(number(before) > 50 && number(runs) <= 500, "{output}");
    // One decision: the second racer goes on when the first has read.
    let (variable, value) = repeats(&output);
    assert!(variable == "ANYSCOPE_SIM_REPLAY" && !value.contains(','), "{output}");
    let replay = run("victim_of_a_race", &[(variable, value)]);
    assert!(replay.contains("an update is lost"), "{replay}");
    assert_eq!(steps(&replay), steps(&output));
    assert_eq!(repeats(&replay), (variable, value));
    // The seed is still that of the run as it was found.
    let seed = output.split_once("; with seed ").unwrap().1.split_once(':').unwrap().0;
    let long = run("victim_of_a_race", &[("ANYSCOPE_SIM_SEED", seed)]);
    assert!(long.contains("an update is lost") && steps(&long).len() == 50, "{long}");
}

/// Given a choice, a fault or a hang as the reason, then that is the only decision that is left.
#[test]
fn v19_whatever_is_not_the_reason_is_left_out() {
    for (victim, decision, step) in [
        ("victim_of_exhaust", "c3", "choose 3 of 4"),
        ("victim_of_a_fault", "d1", "fault: drop of #1"),
        ("victim_of_a_hang", "c1.7", "choose 7 of 20"),
    ] {
        let output = run(victim, &[]);
        let (variable, value) = repeats(&output);
        assert_eq!(variable, "ANYSCOPE_SIM_REPLAY", "{output}");
        assert!(value.ends_with(decision) && !value.contains(','), "{output}");
        assert!(steps(&output).iter().any(|line| line.contains(step)), "{output}");
        let replay = run(victim, &[(variable, value)]);
        assert_eq!(steps(&replay), steps(&output));
    }
}

/// Given no runs to shrink one, or one that cannot be shrunk, then its seed repeats it as it was found.
#[test]
fn v19_what_is_not_shrunk_is_repeated_by_its_seed() {
    for (victim, what) in
        [("victim_that_stays_as_it_is", "an update is lost"), ("victim_that_spins", "livelock")]
    {
        let output = run(victim, &[]);
        assert!(output.contains(what) && !output.contains("switches"), "{output}");
        let (variable, value) = repeats(&output);
        assert_eq!(variable, "ANYSCOPE_SIM_SEED", "{output}");
        let replay = run(victim, &[(variable, value)]);
        assert!(replay.contains(what) && steps(&replay).len() == 50, "{replay}");
    }
}

/// Given what is no replay, then that is said.
#[test]
fn nonsense_instead_of_a_replay_is_refused() {
    let output = run("victim", &[("ANYSCOPE_SIM_REPLAY", "12")]);
    assert!(
        output.contains("ANYSCOPE_SIM_REPLAY is \"12\", which no report has shown"),
        "{output}"
    );
}
