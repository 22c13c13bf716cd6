//! What those see who look at the tree of a caller, or of a worker.

use crate::{
    cluster::{Runs, SECOND, serve, workers},
    faults::{ORDERS, remote},
    jobs::Number,
};
use anyscope::{
    Timer,
    context::Context,
    observe::tree::Tree,
    scope,
    sim::{SimHandle, explore},
};
use anyscope_remote::{Headers, Memory, memory::Link};
use std::{future::pending, time::Duration};

const MS: Duration = Duration::from_millis(1);

fn tree(sim: &SimHandle) -> Tree {
    Tree::builder().clock(sim.clone()).build()
}

/// Returns what the child of this name waits for, beginning so.
fn wait(tree: &Tree, child: &str, begins: &str) -> Option<String> {
    let snapshot = tree.snapshot();
    let child = snapshot.children().find(|view| view.name() == Some(child))?;
    let inner = child.scopes.iter().flat_map(|scope| &scope.waits);
    let mut waits = child.waits.iter().chain(inner).map(|wait| &wait.text);
    waits.find(|text| text.starts_with(begins)).cloned()
}

/// Looks, lets the engine answer, and looks again: each look shows what was found out for the one before.
async fn place(sim: &SimHandle, tree: &Tree) -> String {
    let outcome = "the outcome of a job";
    wait(tree, "call", outcome).unwrap();
    sim.sleep(MS).await;
    let text = wait(tree, "call", outcome).unwrap();
    text.strip_prefix(outcome).unwrap().trim_start().to_owned()
}

/// Given a call that waits, then whoever looks at the tree sees that no worker has its job, which one has it then and for how long, and when that is killed, the next one;
/// and as many looks as like ask the engine once.
#[test]
fn j33_the_tree_of_a_caller_shows_who_runs_its_job() {
    explore(ORDERS, async |sim| {
        let (engine, runs, tree) = (Memory::new(&sim), Runs::default(), tree(&sim));
        let program = scope(&sim, async |s| {
            let [way, lost, slow] = [(); 3].map(|()| Link::new());
            let asks = remote(&engine.over(&way), &sim);
            let call = s.spawn_named("call", async move { asks.call(Number(7)).await });
            sim.sleep(MS).await;
            assert_eq!(wait(&tree, "call", "the outcome").unwrap(), "the outcome of a job");
            assert_eq!(place(&sim, &tree).await, "(on no worker, 1 wait and 0 run)");
            let start = |name, link: &Link| {
                let sim2 = sim.clone();
                let workers = workers(&engine.over(link)).name(name).lease(10 * SECOND);
                s.spawn(serve(workers, &sim, &runs, move |n, _| {
                    let sim = sim2.clone();
                    async move {
                        sim.sleep(60 * SECOND).await;
                        Ok(n)
                    }
                }))
            };
            let first = start("first", &lost);
            runs.begun(7, 1).await;
            sim.sleep(3 * SECOND).await;
            assert_eq!(place(&sim, &tree).await, "(runs on first for 3 s)");
            // What is not found out anew is counted on, and said to be old when it is.
            way.cut();
            sim.sleep(4 * SECOND).await;
            assert_eq!(place(&sim, &tree).await, "(runs on first for 7 s)");
            sim.sleep(13 * SECOND).await;
            assert_eq!(place(&sim, &tree).await, "(runs on first for 3 s, 17 s ago)");
            way.mend();
            sim.sleep(11 * SECOND).await;

            lost.cut();
            drop(first.cancel().await);
            let second = start("second", &slow);
            runs.begun(7, 2).await;
            sim.sleep(2 * SECOND).await;
            assert_eq!(place(&sim, &tree).await, "(attempt 2 runs on second for 2 s)");
            sim.sleep(SECOND).await;
            let before = asked(&tree);
            (0..9).for_each(|_| assert!(wait(&tree, "call", "the outcome").is_some()));
            assert_eq!(asked(&tree), before + 1);
            sim.sleep(MS).await;
            assert_eq!(place(&sim, &tree).await, "(attempt 2 runs on second for 3 s)");
            assert_eq!(asked(&tree), before + 1, "it was asked a moment ago");
            assert_eq!(call.await.unwrap().unwrap(), 7);
            drop(second.cancel().await);
        });
        tree.watch(program).await;
    });
}

/// Returns how many children there ever were of the scope that has what a caller does beside its calls.
fn asked(tree: &Tree) -> usize {
    let snapshot = tree.snapshot();
    let mut owned = snapshot.all_scopes().filter(|scope| scope.name == "an owned scope");
    owned.next().unwrap().spawned
}

/// Given a job whose caller has a trace around it, then the tree of the worker shows the job, the attempt and the trace; nothing of a header that is none is shown.
#[test]
fn j34_the_tree_of_a_worker_shows_whose_job_it_runs() {
    explore(9, async |sim| {
        let (engine, runs, tree) = (Memory::new(&sim), Runs::default(), tree(&sim));
        scope(&sim, async |s| {
            let serving = serve(workers(&engine), &sim, &runs, |_, _| pending());
            s.spawn_daemon(tree.watch(serving));
            let asks = remote(&engine, &sim);
            let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
            let parents = [
                (format!("00-{trace}-00f067aa0ba902b7-01"), format!(", trace {trace})")),
                (format!("00-{}-00f067aa0ba902b7-01", "secret"), ")".to_owned()),
            ];
            for (n, (parent, end)) in (0..).zip(parents) {
                let headers = Headers::new().with("traceparent", parent);
                let call = Context::new().with(headers).enter(|| asks.call(Number(n)));
                let call = s.spawn(call);
                runs.begun(n, 1).await;
                sim.sleep(MS).await;
                let shown = wait(&tree, "number", "a handler").unwrap();
                let (begin, rest) = shown.split_once(", ").unwrap();
                assert!(begin.starts_with("a handler (job "), "{shown}");
                assert_eq!(rest, format!("attempt 1{end}"));
                drop(call.cancel().await);
                sim.sleep(SECOND).await;
            }
        })
        .await;
    });
}
