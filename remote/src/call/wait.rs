//! From a job to its outcome.

use super::{
    caller::{Abandon, Caller},
    error::{CallError, LastAttempt},
};
use crate::{
    Codec, Job,
    engine::{EngineError, Envelope, Malformed},
    outcome::{Last, Outcome},
};
use anyscope_core::{Clock, Instant, deadline, observe::labelled};
use std::sync::Arc;

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
        envelope.budget = left(&caller, at);
        caller.put(envelope).await?;
        let outcome = labelled("the outcome of a job", caller.outcome(&id)).await;
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
