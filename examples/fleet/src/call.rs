//! The side of the caller.

use crate::{args::Call, engine::QUEUE, pictures, thumbnail::Thumbnail};
use anyscope::{
    Timer, concurrent,
    flow::{self, Partitioned},
    progress::{Bar, Bars},
    shutdown::Shutdown,
    smol::Smol,
};
use anyscope_remote::{Remote, engine::Engine};
use std::{collections::BTreeMap, error::Error, fs, path::PathBuf, time::Duration};

/// Has a thumbnail made of each picture. Returns whether all are there.
///
/// Ctrl-C drops the flow, and with it the calls: jobs that wait are not begun, those that run are asked to end.
pub(crate) async fn call(
    engine: &impl Engine,
    call: &Call,
    shutdown: &Shutdown,
) -> Result<bool, Box<dyn Error>> {
    fs::create_dir_all(&call.thumbs)?;
    let thumbs = fs::canonicalize(&call.thumbs)?;
    let pictures = pictures::in_folder(&call.pictures)?;
    let number = pictures.len();
    let remote = Remote::<Thumbnail>::new(engine, &Smol, QUEUE);
    let bars = Bars::new();
    let bar = bars.bar("thumbnails").unit("pictures").rate();

    let thumbnail = |picture: PathBuf| {
        let mut name = picture.file_name().expect("a file has a name").to_owned();
        name.push(".png");
        let thumb = thumbs.join(name);
        let job = Thumbnail { picture: picture.clone(), thumb, width: call.width };
        let done = remote.call(job);
        async move { done.await.map_err(|error| format!("{}: {error}", picture.display())) }
    };
    let work = concurrent(async |s| {
        // A line for each worker, as long as there is one.
        s.spawn_daemon(watch(engine, &bar));
        let outcomes = flow::iter(pictures).map_concurrent(call.limit, thumbnail).unordered();
        let outcomes = outcomes.try_progress(&Smol, bar.observer());
        outcomes.partition_results().await
    });
    let ended = shutdown.token().run_until_cancelled(work).await;
    // Until the engine knows which jobs nobody waits for.
    remote.close().await;
    eprintln!("{}", bar.finish());
    let Ok(Partitioned { successes: made, failures: failed }) = ended else {
        println!("cancelled");
        return Ok(false);
    };
    let now = made.iter().filter(|(_, made)| made.now).count();
    println!(
        "{number} pictures: {now} thumbnails made, {} were there, {} failed",
        made.len() - now,
        failed.len()
    );
    failed.iter().for_each(|(_, error)| eprintln!("{error}"));
    Ok(failed.is_empty())
}

/// Shows who does what, below the bar.
async fn watch(engine: &impl Engine, bar: &Bar) {
    let mut workers: BTreeMap<String, Bar> = BTreeMap::new();
    loop {
        if let Ok(status) = engine.status(&QUEUE.into()).await {
            let mut running: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for job in status.running {
                let since = format!("{:.1} s", job.since.as_secs_f32());
                running.entry(job.worker.to_string()).or_default().push(since);
            }
            workers.retain(|worker, _| running.contains_key(worker));
            for (worker, jobs) in running {
                let line = workers
                    .entry(worker.clone())
                    .or_insert_with(|| bar.nested(format!("worker {worker}")));
                line.set_message(format!("{} running, for {}", jobs.len(), jobs.join(", ")));
            }
            bar.set_message(format!("{} wait", status.ready + status.delayed));
        }
        Smol.sleep(Duration::from_millis(250)).await;
    }
}
