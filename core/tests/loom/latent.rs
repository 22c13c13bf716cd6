//! Children that have not begun: a host and the code that awaits them meet.

use anyscope_core::{
    Child, Latent,
    model::{Census, Flag, Tasks, Thread, Work, block_on, check, poll_once, spawn},
    scope,
};

/// Polls a host once, and after it the children that it has handed to the executor.
fn once(mut host: Child, tasks: Tasks) -> Thread<Child> {
    spawn(move || {
        assert!(poll_once(&mut host).is_pending());
        while let Some(child) = tasks.try_take() {
            block_on(child);
        }
        host
    })
}

/// Given a child that is ready at once, when it is awaited while a host looks for it, then one of
/// them polls it, and the code that awaits has its value.
///
/// Fails if what `take` has taken is given up, or if a host that finds nothing has ended.
#[test]
fn a_child_is_begun_once() {
    check("a child is begun once", || {
        let (census, tasks) = (Census::default(), Tasks::default());
        let latent = Latent::new(&tasks);
        block_on(async {
            let host = scope(&latent, async |s| {
                let child = s.spawn(Work::new(&census, 1));
                let host = once(tasks.take(), tasks.clone());
                drop(child.await.unwrap());
                host
            });
            drop(host.await.join());
        });
        drop((latent, tasks));
        assert_eq!(census.alive(), 0);
    });
}

/// Given a child that waits, when whoever has polled it first hands it to the executor, then a wake
/// that comes in between is not lost.
///
/// Fails if a child that waits is kept instead of handed over.
#[test]
fn a_child_that_waits_is_handed_over() {
    check("a child that waits is handed over", || {
        let (flag, tasks) = (Flag::default(), Tasks::default());
        let latent = Latent::new(&tasks);
        block_on(async {
            let host = scope(&latent, async |s| {
                s.spawn(flag.clone());
                let host = once(tasks.take(), tasks.clone());
                flag.set();
                host.join()
            });
            drop(host.await);
        });
    });
}

/// Given a host that becomes idle, when another child comes, then the host is called.
///
/// Fails if `park` does not look whether there are children, or if `call` does not count the host as one that
/// searches.
#[test]
fn a_host_that_becomes_idle_is_called() {
    check("a host that becomes idle is called", || {
        let (first, second, tasks) = (Flag::default(), Flag::default(), Tasks::default());
        let latent = Latent::new(&tasks);
        let host = block_on(async {
            scope(&latent, async |s| {
                let set = first.clone();
                s.spawn(async move { set.set() });
                let host = tasks.take();
                let host = spawn(move || block_on(host));
                let set = second.clone();
                s.spawn(async move { set.set() });
                first.await;
                second.await;
                host
            })
            .await
        });
        // One that was called beside it.
        drop((latent, tasks.try_take()));
        host.join();
    });
}
