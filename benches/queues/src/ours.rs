//! Jobs of anyscope.

use crate::{AT_ONCE, JOBS, Rates, rate};
use anyscope::{flow, scope, smol::Smol};
use anyscope_remote::{Job, Json, Remote, Workers, engine::Engine};
use anyscope_sqlite::Sqlite;
use std::time::Duration;

#[derive(serde::Serialize, serde::Deserialize)]
struct Nothing(u32);

impl Job for Nothing {
    const NAME: &'static str = "nothing";
    type Output = ();
    type Error = String;
    type Codec = Json;
}

const QUEUE: &str = "jobs";

pub(crate) fn measure() -> Rates {
    let folder = tempfile::tempdir().unwrap();
    let engine = Sqlite::open(folder.path().join("jobs.db")).unwrap();
    let remote = Remote::<Nothing>::new(&engine, &Smol, QUEUE);
    smol::block_on(async {
        let stored = rate(async || {
            let puts = flow::iter(0..JOBS).map_concurrent(AT_ONCE, |n| remote.submit(Nothing(n)));
            assert_eq!(puts.filter(|put| put.is_err()).count().await, 0);
        });
        let stored = stored.await;
        scope(&Smol, async |s| {
            let workers = Workers::new(&engine, QUEUE).here(AT_ONCE).lease(Duration::from_secs(30));
            s.spawn_daemon(workers.serve(&Smol, &Smol, async |Nothing(_), _cx| Ok(())));
            let drained = rate(async || {
                while engine.status(&QUEUE.into()).await.unwrap().settled < JOBS.into() {
                    smol::Timer::after(Duration::from_millis(2)).await;
                }
            });
            let drained = drained.await;
            let called = rate(async || {
                let calls =
                    flow::iter(0..JOBS).map_concurrent(AT_ONCE, |n| remote.call(Nothing(n)));
                assert_eq!(calls.filter(|call| call.is_err()).count().await, 0);
            });
            Rates { stored, drained, called: called.await }
        })
        .await
    })
}
