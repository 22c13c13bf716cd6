//! Subjects and streams of a queue.

use anyscope_remote::engine::{CallerId, JobId, Queue};
use std::fmt::Write;

/// What has the names of one queue.
pub(crate) struct Names {
    subjects: String,
    streams: String,
    /// Jobs that may be leased, and those that are.
    pub(crate) work: String,
    /// Jobs that wait: for a delay, or for another job with their key.
    pub(crate) wait: String,
    /// Outcomes.
    pub(crate) ends: String,
    /// Dead letters.
    pub(crate) dead: String,
    /// Whose turn it is of a key; what workers have.
    pub(crate) state: String,
}

/// The consumer of jobs that may be leased.
pub(crate) const WORKERS: &str = "workers";
/// The consumer of jobs that wait for a delay.
pub(crate) const LATER: &str = "later";

impl Names {
    pub(crate) fn new(prefix: &str, queue: &Queue) -> Self {
        let streams = format!("{prefix}-{queue}");
        let stream = |kind: &str| format!("{streams}-{kind}");
        Names {
            subjects: format!("{prefix}.{queue}"),
            work: stream("work"),
            wait: stream("wait"),
            ends: stream("ends"),
            dead: stream("dead"),
            state: stream("state"),
            streams,
        }
    }

    pub(crate) fn subject(&self, kind: &str) -> String {
        format!("{}.{kind}", self.subjects)
    }

    pub(crate) fn job(&self, job: &JobId) -> String {
        self.of("job", job)
    }

    pub(crate) fn later(&self, job: &JobId) -> String {
        self.of("later", job)
    }

    pub(crate) fn end(&self, job: &JobId) -> String {
        self.of("end", job)
    }

    /// Where it is told, not stored, that a job has its outcome.
    pub(crate) fn won(&self, job: &JobId) -> String {
        self.of("won", job)
    }

    pub(crate) fn parked(&self, key: &Key, job: &JobId) -> String {
        format!("{}.park.{}.{}", self.subjects, key.0, token(job.as_str()))
    }

    /// A parked job, whatever its key is.
    pub(crate) fn parked_any(&self, job: &JobId) -> String {
        format!("{}.park.*.{}", self.subjects, token(job.as_str()))
    }

    pub(crate) fn parked_of(&self, key: &Key) -> String {
        format!("{}.park.{}.*", self.subjects, key.0)
    }

    pub(crate) fn turn(&self, key: &Key) -> String {
        format!("{}.turn.{}", self.subjects, key.0)
    }

    pub(crate) fn dead_letter(&self, job: &JobId, part: &str) -> String {
        format!("{}.{part}", self.of("dead", job))
    }

    pub(crate) fn worker(&self, client: &str) -> String {
        self.subject(&format!("worker.{client}"))
    }

    fn of(&self, kind: &str, job: &JobId) -> String {
        format!("{}.{kind}.{}", self.subjects, token(job.as_str()))
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.streams)
    }
}

/// A key as a part of subjects. Two keys may have the same: then their jobs run one after the other, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    pub(crate) fn new(key: &str) -> Self {
        // FNV-1a: the same in all processes, of all versions.
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Key(format!("{hash:016x}"))
    }

    /// The key of a parked job's subject.
    pub(crate) fn of_parked(subject: &str) -> Option<Self> {
        let mut tokens = subject.rsplit('.');
        let (_job, key, park) = (tokens.next()?, tokens.next()?, tokens.next()?);
        (park == "park").then(|| Key(key.to_owned()))
    }
}

pub(crate) fn caller(prefix: &str, caller: &CallerId) -> String {
    format!("{prefix}.callers.{}", token(caller.as_str()))
}

/// A text as one token of a subject, such that no two texts have the same.
fn token(text: &str) -> String {
    let mut token = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            token.push(byte.into());
        } else {
            write!(token, "={byte:02x}").expect("a text takes it");
        }
    }
    token
}

/// The text of the last token of a subject.
pub(crate) fn last_token(subject: &str) -> Option<String> {
    let token = subject.rsplit('.').next()?.as_bytes();
    let (mut text, mut rest) = (Vec::with_capacity(token.len()), token);
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'=' {
            let (hex, after) = after.split_at_checked(2)?;
            text.push(u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?);
            rest = after;
        } else {
            text.push(byte);
            rest = after;
        }
    }
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j50_ids_are_tokens() {
        for id in ["a", "order-4711", "a.b", "*", ">", "=", "=2e", "ä ö", "a=b.c"] {
            let token = token(id);
            assert!(!token.contains(['.', '*', '>', ' ']), "{token}");
            assert_eq!(last_token(&format!("x.{token}")).as_deref(), Some(id));
        }
        assert_eq!(last_token("x.=z"), None);
        assert_eq!(Key::of_parked("p.q.park.0f.id"), Some(Key("0f".to_owned())));
        assert_eq!(Key::of_parked("p.q.job.id"), None);
    }
}
