//! The side of the workers.

use crate::{args::Work, engine::QUEUE, thumbnail::Thumbnail};
use anyscope::{Grace, Limit, Timer, exponential, scope, shutdown::Shutdown, smol::Smol};
use anyscope_remote::{JobContext, WorkerEvent, Workers, engine::Engine};
use std::{error::Error, time::Duration};

/// Makes thumbnails until Ctrl-C: then it takes no more, ends those that it has begun, and gives back what is not done after five seconds. A second Ctrl-C
/// gives all back at once.
pub(crate) async fn work(
    engine: &impl Engine,
    work: &Work,
    shutdown: &Shutdown,
) -> Result<bool, Box<dyn Error>> {
    let pause = Duration::from_millis(work.pause);
    let workers = Workers::new(engine, QUEUE)
        .here(work.here)
        .everywhere(Limit::from(work.everywhere))
        .lease(Duration::from_secs(work.lease))
        .attempts(5, exponential(Duration::from_millis(100), Duration::from_secs(10)))
        .grace(Grace::For(Duration::from_secs(5)))
        .until(&shutdown.token())
        .on_event(|event| match event {
            WorkerEvent::Engine(error) => eprintln!("fleet: {error}"),
            WorkerEvent::Dead { job, attempts, why } => {
                eprintln!("fleet: {job} is given up after {attempts} attempts: {why}")
            }
            _ => {}
        });
    let serve = workers.serve(&Smol, &Smol, move |thumbnail: Thumbnail, cx| async move {
        Smol.sleep(pause).await;
        make(thumbnail, cx).await
    });
    // Dropped by a second Ctrl-C; what it held is given back all the same.
    if let Ok(served) = shutdown.forced().run_until_cancelled(serve).await {
        let served = served?;
        println!("{} thumbnails made or refused, {} given back", served.settled, served.given_back);
    }
    Ok(true)
}

/// On a thread for what blocks.
async fn make(
    thumbnail: Thumbnail,
    cx: JobContext,
) -> Result<<Thumbnail as anyscope_remote::Job>::Output, <Thumbnail as anyscope_remote::Job>::Error>
{
    scope(&Smol, async |s| {
        let made = s.spawn_blocking(move || thumbnail.make(cx.epoch(), cx.token()));
        made.value().await
    })
    .await
}
