//! A job as an engine stores it.

use super::{
    error::Malformed,
    names::{CallerId, JobId},
};
use crate::{Headers, wire};
use std::{fmt, num::NonZeroU32, time::Duration};

/// A job as an engine stores it. What is in it is between callers and workers; an engine needs its `id`, its `key` and its `caller`.
///
/// See [`from_bytes`](Self::from_bytes).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Envelope {
    /// Unique in its queue. One that is put twice is stored once.
    pub id: JobId,
    /// Which kind of job it is; see [`Job::NAME`](crate::Job::NAME).
    pub name: String,
    /// The version of the payload; see [`Job::VERSION`](crate::Job::VERSION).
    pub version: u32,
    /// The job.
    pub payload: Vec<u8>,
    /// How much time was left when it was put. A span and not a moment, as clocks of machines differ.
    pub budget: Option<Duration>,
    /// How often it may be run, instead of what the workers say.
    pub attempts: Option<NonZeroU32>,
    /// Of all jobs with the same key at most one is leased at once, and they are leased in the order in which they were put: the next
    /// one when this one has its outcome.
    pub key: Option<String>,
    /// Who waits for it. When that one is gone, nobody wants the job. None if it outlives its caller.
    pub caller: Option<CallerId>,
    /// What follows the work, as the context of a trace.
    pub headers: Headers,
    /// Its id was made for it, and it was not put before: an engine need not look whether it knows it. Said at a put only, and not stored.
    pub is_new: bool,
}

impl Envelope {
    /// Creates an envelope with a payload, and nothing else.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::{Envelope, JobId};
    ///
    /// let mut envelope = Envelope::new(JobId::unique(), "thumbnail", 1, b"{}".to_vec());
    /// envelope.key = Some("customer-7".into());
    /// assert_eq!((envelope.name.as_str(), envelope.version), ("thumbnail", 1));
    /// ```
    pub fn new(id: JobId, name: impl Into<String>, version: u32, payload: Vec<u8>) -> Self {
        Envelope {
            id,
            name: name.into(),
            version,
            payload,
            budget: None,
            attempts: None,
            key: None,
            caller: None,
            headers: Headers::new(),
            is_new: false,
        }
    }

    /// Returns it as bytes, for engines that store bytes.
    ///
    /// # Panics
    ///
    /// Panics if a part of it has 4 GiB or more.
    ///
    /// # Examples
    ///
    /// See [`from_bytes`](Self::from_bytes).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = wire::Writer::new();
        writer.text(ID, self.id.as_str());
        writer.text(NAME, &self.name);
        writer.number(VERSION, self.version.into());
        writer.bytes(PAYLOAD, &self.payload);
        if let Some(budget) = self.budget {
            writer.duration(BUDGET, budget);
        }
        if let Some(attempts) = self.attempts {
            writer.number(ATTEMPTS, attempts.get().into());
        }
        if let Some(key) = &self.key {
            writer.text(KEY, key);
        }
        if let Some(caller) = &self.caller {
            writer.text(CALLER, caller.as_str());
        }
        for (name, value) in self.headers.iter() {
            writer.text(HEADER_NAME, name);
            writer.text(HEADER_VALUE, value);
        }
        writer.finish()
    }

    /// Returns the envelope with these bytes.
    ///
    /// # Errors
    ///
    /// If they are not those of an envelope. Fields that a later version has added are ignored.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::engine::{Envelope, JobId};
    ///
    /// let envelope = Envelope::new(JobId::unique(), "thumbnail", 1, b"{}".to_vec());
    /// assert_eq!(Envelope::from_bytes(&envelope.to_bytes()), Ok(envelope));
    /// assert!(Envelope::from_bytes(b"something else").is_err());
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let (mut id, mut name, mut version, mut payload) = (None, None, None, None);
        let (mut budget, mut attempts, mut key, mut caller) = (None, None, None, None);
        let (mut headers, mut header) = (Headers::new(), None);
        for (tag, field) in wire::read(bytes)? {
            match tag {
                ID => id = Some(JobId::parse(&wire::text(field)?).map_err(|_| Malformed::Broken)?),
                NAME => name = Some(wire::text(field)?),
                VERSION => version = Some(wire::small(field)?),
                PAYLOAD => payload = Some(field.to_vec()),
                BUDGET => budget = Some(wire::duration(field)?),
                ATTEMPTS => attempts = NonZeroU32::new(wire::small(field)?),
                KEY => key = Some(wire::text(field)?),
                CALLER => caller = Some(CallerId::new(wire::text(field)?)),
                HEADER_NAME => header = Some(wire::text(field)?),
                HEADER_VALUE => {
                    let name = header.take().ok_or(Malformed::Broken)?;
                    headers = headers.with(name, wire::text(field)?);
                }
                _ => {}
            }
        }
        let (Some(id), Some(name), Some(version), Some(payload)) = (id, name, version, payload)
        else {
            return Err(Malformed::Broken);
        };
        let is_new = false;
        Ok(Envelope { id, name, version, payload, budget, attempts, key, caller, headers, is_new })
    }
}

const ID: u8 = 1;
const NAME: u8 = 2;
const VERSION: u8 = 3;
const PAYLOAD: u8 = 4;
const BUDGET: u8 = 5;
const ATTEMPTS: u8 = 6;
const KEY: u8 = 7;
const CALLER: u8 = 8;
const HEADER_NAME: u8 = 9;
const HEADER_VALUE: u8 = 10;

/// Without the payload and the headers, which may have secrets.
impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("version", &self.version)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish_non_exhaustive()
    }
}
