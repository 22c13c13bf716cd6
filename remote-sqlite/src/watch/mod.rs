//! A wait that also ends when somebody writes to the log of a database. On Linux; elsewhere there is none.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::{Bell, Watch};

#[cfg(not(target_os = "linux"))]
mod none;
#[cfg(not(target_os = "linux"))]
pub(crate) use none::{Bell, Watch};

use crate::thread::Message;
use std::sync::mpsc::RecvTimeoutError;

/// What has ended a wait.
pub(crate) struct Heard {
    pub(crate) message: Result<Message, RecvTimeoutError>,
    /// Somebody has written to the log. What was written may not be committed yet.
    pub(crate) written: bool,
}
