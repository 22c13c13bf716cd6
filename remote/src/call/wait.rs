//! From a job to its outcome.

use super::{
    caller::{Abandon, Caller},
    error::{CallError, LastAttempt},
};
use crate::{
    Codec, Job,
    engine::{Engine, EngineError, Envelope, Malformed},
    outcome::{Last, Outcome},
    time::Backoff,
};
use anyscope_core::{Clock, Instant, deadline, observe::labelled, race};
use std::{future::pending, sync::Arc};

/// Puts a job whose caller waits for it, and returns its outcome.
pub(super) async fn call(
    caller: Arc<Caller>,
    mut envelope: Envelope,
    at: Instant,
) -> Result<Outcome, EngineError> {
    let id = envelope.id.clone();
    let abandon = Abandon::new(caller.clone(), id.clone());
    let answer = async {
        let waiting = caller.attend().await?;
        envelope.caller = Some(caller.presence.id().clone());
        let outcome = outcome_of(&caller, envelope, at);
        let place = caller.place_of(&id);
        let outcome = labelled("the outcome of a job", outcome).detailed(place).await;
        drop(waiting);
        outcome
    };
    let outcome = match deadline(&caller.time, at, answer).await {
        Ok(outcome) => outcome,
        // Whoever is first to say what became of it is right.
        Err(_) => match caller.settle_once(&id, &Outcome::DeadlinePassed).await {
            // There is no time to wait for it; what is left to do is done without us.
            Err(error) if error.passes() => return Ok(Outcome::DeadlinePassed),
            outcome => outcome,
        },
    };
    abandon.disarm();
    outcome
}

/// Puts a job, and waits for its outcome. When the engine was away meanwhile, the job is put once
/// more: what was stored may be lost, by a server that was killed before its disk had it. Where it is not lost, this changes
/// nothing.
async fn outcome_of(
    caller: &Arc<Caller>,
    envelope: Envelope,
    at: Instant,
) -> Result<Outcome, EngineError> {
    let mut backoff = Backoff::new(&caller.time);
    let mut was_away = false;
    loop {
        // It begins before the job is put, so it hears of whatever happens to the engine after that. And the outcome
        // may be there while the queue is too full for a job that is put again.
        let outcome = caller.engine.outcome(&caller.queue, &envelope.id);
        let put = async {
            if was_away {
                caller.attend_again().await?;
            }
            let (budget, is_new) = (left(caller, at), envelope.is_new && !was_away);
            let envelope = Envelope { budget, is_new, ..envelope.clone() };
            caller.put(envelope).await?;
            pending().await
        };
        match race((outcome, put)).await {
            Err(error) if error.passes() => {
                was_away = true;
                backoff.wait().await;
            }
            bytes => return Ok(Outcome::from_bytes(&bytes?)?),
        }
    }
}

/// How much time is left until `at`.
pub(super) fn left(caller: &Caller, at: Instant) -> Option<std::time::Duration> {
    (at != Instant::NEVER).then(|| at.saturating_duration_since(caller.time.now()))
}

/// Returns what users see of an outcome.
pub(super) fn decode<J: Job>(outcome: Outcome) -> Result<J::Output, CallError<J::Error>> {
    Err(match outcome {
        Outcome::Returned(value) => return Ok(J::Codec::decode(&value)?),
        Outcome::Failed(error) => CallError::Failed(J::Codec::decode(&error)?),
        Outcome::Dead { attempts, last } => {
            let last = match last {
                Last::Failed(error) => LastAttempt::Failed(J::Codec::decode(&error)?),
                Last::Panicked(message) => LastAttempt::Panicked(message),
                Last::WorkerLost => LastAttempt::WorkerLost,
                Last::Refused(why) => LastAttempt::Refused(why),
            };
            CallError::Dead { attempts, last }
        }
        Outcome::Cancelled(why) => CallError::Cancelled(why),
        Outcome::DeadlinePassed => CallError::DeadlinePassed,
    })
}

/// Bytes that are no outcome were written by another version.
impl<E> From<Malformed> for CallError<E> {
    fn from(error: Malformed) -> Self {
        CallError::Engine(error.into())
    }
}
