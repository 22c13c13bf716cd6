//! A job that outlives its caller.

use crate::engine::{BadName, JobId, Queue};
use std::{fmt, str::FromStr};

/// A job that outlives its caller; from [`Remote::submit`](crate::Remote::submit).
///
/// As a text it is the queue and the id, so it can be kept anywhere and [attached](crate::Remote::attach) to from another process.
///
/// # Examples
///
/// ```
/// use anyscope_remote::Ticket;
///
/// let ticket: Ticket = "thumbs/order-4711".parse().unwrap();
/// assert_eq!(ticket.id().as_str(), "order-4711");
/// assert_eq!(ticket.to_string(), "thumbs/order-4711");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    queue: Queue,
    id: JobId,
}

impl Ticket {
    /// Creates the ticket of a job that was put under this id, now or later.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::{Ticket, engine::JobId};
    ///
    /// let ticket = Ticket::new("thumbs", JobId::parse("order-4711").unwrap());
    /// assert_eq!(ticket.to_string(), "thumbs/order-4711");
    /// ```
    pub fn new(queue: impl Into<Queue>, id: JobId) -> Self {
        Ticket { queue: queue.into(), id }
    }

    /// Returns the queue.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::Ticket;
    ///
    /// let ticket: Ticket = "thumbs/order-4711".parse().unwrap();
    /// assert_eq!(ticket.queue().as_str(), "thumbs");
    /// ```
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Returns the id of the job.
    ///
    /// # Examples
    ///
    /// See [`Ticket`].
    pub fn id(&self) -> &JobId {
        &self.id
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.queue, self.id)
    }
}

impl FromStr for Ticket {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let (queue, id) = text.split_once('/').unwrap_or((text, ""));
        Ok(Ticket { queue: Queue::parse(queue)?, id: JobId::parse(id)? })
    }
}
