//! Dead letters that are put again.

use crate::{
    cluster::{QUEUE, Runs, SECOND, serve, workers},
    faults::{ORDERS, remote},
    jobs::{Number, Trouble},
};
use anyscope::{Timer, scope, sim::explore};
use anyscope_remote::{
    CallError, ErrorKind, LastAttempt, Memory, Ticket,
    engine::{End, Engine, Envelope, JobId, Queue, Settler},
    memory::{Faults, Link},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// Given a job that was given up, and messages that are late, lost and delivered twice, when it is put again after the worker was mended, then who is attached has its value, it has had
/// its attempts anew, and there is no dead letter; and what is no dead letter stays as it is.
#[test]
fn j36_a_dead_letter_is_put_again() {
    explore(ORDERS, async |sim| {
        let (engine, runs, mended) =
            (Memory::new(&sim), Runs::default(), Arc::new(AtomicBool::new(false)));
        scope(&sim, async |s| {
            let (sim2, is_mended) = (sim.clone(), mended.clone());
            let serving =
                serve(workers(&engine).attempts(2, [SECOND; 1]), &sim, &runs, move |n, cx| {
                    let (sim, is_mended) = (sim2.clone(), is_mended.clone());
                    async move {
                        sim.sleep(SECOND / 4).await;
                        match is_mended.load(Relaxed) && cx.attempt() == 2 {
                            true => Ok(n),
                            false => Err(Trouble::Passing),
                        }
                    }
                });
            s.spawn_daemon(serving);
            let (link, chooses) = (Link::new(), sim.clone());
            let faults = Faults { latest: Duration::from_millis(400), lost: 8, twice: 8 };
            link.faults(faults, move |options| chooses.choose(options));
            let remote = remote(&engine.over(&link), &sim);
            let ticket = remote.submit_as(JobId::parse("seven").unwrap(), Number(7)).await.unwrap();
            let dead = remote.attach(&ticket).await.unwrap_err();
            assert!(
                matches!(
                    dead,
                    CallError::Dead { attempts: 2, last: LastAttempt::Failed(Trouble::Passing) }
                ),
                "{dead:?}"
            );
            mended.store(true, Relaxed);
            assert!(!remote.redrive(&Ticket::new(QUEUE, JobId::unique())).await.unwrap());
            remote.redrive(&ticket).await.unwrap();
            assert_eq!(remote.attach(&ticket).await.unwrap(), 7);
            assert_eq!(runs.of(7), 4);
            assert!(engine.dead_letters(&QUEUE.into(), 9).await.unwrap().is_empty());
            assert!(!remote.redrive(&ticket).await.unwrap());
            assert_eq!(remote.attach(&ticket).await.unwrap(), 7);
        })
        .await;
    });
}

/// Given a queue that is full, then a dead letter is not put again and stays what it is; when there is room, it is.
#[test]
fn j37_a_full_queue_takes_no_dead_letter() {
    explore(1, async |sim| {
        let (engine, queue) = (Memory::builder().queue_limit(1).build(&sim), Queue::from(QUEUE));
        let [dead, fills] = ["dead", "fills"].map(|id| JobId::parse(id).unwrap());
        for (id, end) in [(&dead, Some(End::dead(b"dead".to_vec()))), (&fills, None)] {
            engine.put(&queue, vec![Envelope::new(id.clone(), "a", 1, Vec::new())]).await.unwrap();
            if let Some(end) = end {
                engine.settle(&queue, id, Settler::Caller, end).await.unwrap();
            }
        }
        let error = engine.redrive(&queue, &dead).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full);
        assert_eq!(engine.dead_letters(&queue, 9).await.unwrap().len(), 1);
        assert_eq!(engine.outcome(&queue, &dead).await.unwrap(), b"dead");
        engine.settle(&queue, &fills, Settler::Caller, End::new(Vec::new())).await.unwrap();
        assert!(engine.redrive(&queue, &dead).await.unwrap());
    });
}
