//! What was given up is done again, when the mistake is mended.

use crate::{engine::QUEUE, thumbnail::Thumbnail};
use anyscope::{flow, smol::Smol};
use anyscope_remote::{Remote, Ticket, engine::Engine};
use std::{collections::HashSet, error::Error};

/// How many dead letters are asked for at once.
const AT_ONCE: usize = 1000;

/// Puts all dead letters again. Nobody waits for them: `status` says what becomes of them.
pub(crate) async fn redrive(engine: &impl Engine) -> Result<bool, Box<dyn Error>> {
    let remote = Remote::<Thumbnail>::new(engine, &Smol, QUEUE);
    let (mut seen, mut again) = (HashSet::new(), 0);
    loop {
        let mut letters = engine.dead_letters(&QUEUE.into(), AT_ONCE).await?;
        // What is given up once more meanwhile, or cannot be read, is not for now.
        letters.retain(|letter| seen.insert(letter.envelope.id.clone()));
        if letters.is_empty() {
            println!("{} were given up, {again} are put again", seen.len());
            return Ok(seen.len() == again);
        }
        let put: Vec<bool> = flow::iter(letters)
            .map_concurrent(16, async |letter| {
                remote.redrive(&Ticket::new(QUEUE, letter.envelope.id)).await
            })
            .try_collect()
            .await?;
        again += put.iter().filter(|put| **put).count();
    }
}
