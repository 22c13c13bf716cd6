//! What became of a job, as bytes that engines keep.

use crate::{engine::Malformed, wire};

/// The one outcome of a job.
pub(crate) enum Outcome {
    Returned(Vec<u8>),
    /// Its error, which is not to be tried again.
    Failed(Vec<u8>),
    Dead {
        attempts: u32,
        last: Last,
    },
    Cancelled(String),
    DeadlinePassed,
}

/// How the last attempt of a dead letter ended.
pub(crate) enum Last {
    Failed(Vec<u8>),
    Panicked(String),
    WorkerLost,
    Refused(String),
}

impl Outcome {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut writer = wire::Writer::new();
        match self {
            Outcome::Returned(value) => writer.bytes(RETURNED, value),
            Outcome::Failed(error) => writer.bytes(FAILED, error),
            Outcome::Dead { attempts, last } => {
                writer.number(DEAD, (*attempts).into());
                match last {
                    Last::Failed(error) => writer.bytes(LAST_FAILED, error),
                    Last::Panicked(message) => writer.text(LAST_PANICKED, message),
                    Last::WorkerLost => writer.bytes(LAST_WORKER_LOST, &[]),
                    Last::Refused(why) => writer.text(LAST_REFUSED, why),
                }
            }
            Outcome::Cancelled(why) => writer.text(CANCELLED, why),
            Outcome::DeadlinePassed => writer.bytes(DEADLINE_PASSED, &[]),
        }
        writer.finish()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let (mut dead, mut last) = (None, None);
        for (tag, field) in wire::read(bytes)? {
            match tag {
                RETURNED => return Ok(Outcome::Returned(field.to_vec())),
                FAILED => return Ok(Outcome::Failed(field.to_vec())),
                CANCELLED => return Ok(Outcome::Cancelled(wire::text(field)?)),
                DEADLINE_PASSED => return Ok(Outcome::DeadlinePassed),
                DEAD => dead = Some(wire::small(field)?),
                LAST_FAILED => last = Some(Last::Failed(field.to_vec())),
                LAST_PANICKED => last = Some(Last::Panicked(wire::text(field)?)),
                LAST_WORKER_LOST => last = Some(Last::WorkerLost),
                LAST_REFUSED => last = Some(Last::Refused(wire::text(field)?)),
                _ => {}
            }
        }
        match (dead, last) {
            (Some(attempts), Some(last)) => Ok(Outcome::Dead { attempts, last }),
            _ => Err(Malformed::Broken),
        }
    }
}

const RETURNED: u8 = 1;
const FAILED: u8 = 2;
const DEAD: u8 = 3;
const CANCELLED: u8 = 4;
const DEADLINE_PASSED: u8 = 5;
const LAST_FAILED: u8 = 6;
const LAST_PANICKED: u8 = 7;
const LAST_WORKER_LOST: u8 = 8;
const LAST_REFUSED: u8 = 9;
