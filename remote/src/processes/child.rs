//! The other side: what a process of a pool does.

use super::frame;
use crate::{
    Codec, Job,
    engine::Envelope,
    outcome::{Last, Outcome},
};
use std::{
    collections::HashMap,
    env, fmt, io,
    os::{fd::AsFd, unix::net::UnixStream},
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

/// What a process of a [`ProcessPool`](crate::ProcessPool) can do.
///
/// [`run`](Self::run) it first in `main`. In the program itself it does nothing; in a process of its pool it works, and does not return.
///
/// # Examples
///
/// See [`ProcessPool`](crate::ProcessPool).
#[derive(Default)]
#[must_use = "a child does nothing unless it is run"]
pub struct Child {
    handlers: HashMap<&'static str, Handler>,
}

type Handler = Box<dyn FnMut(Envelope) -> Outcome>;

/// Set in processes of pools.
pub(super) const MARK: &str = "ANYSCOPE_PROCESS";

static WORKS: AtomicBool = AtomicBool::new(false);

/// Whether this is a process of a pool that has come past where it should work: it would start processes that start processes.
pub(super) fn is_astray() -> bool {
    env::var_os(MARK).is_some() && !WORKS.load(Ordering::Relaxed) && socket().is_some()
}

impl Child {
    /// Creates one that can do nothing.
    ///
    /// # Examples
    ///
    /// See [`ProcessPool`](crate::ProcessPool).
    pub fn new() -> Self {
        Child::default()
    }

    /// Lets it do jobs of this kind. A handler has the process for itself while it runs.
    ///
    /// # Examples
    ///
    /// See [`ProcessPool`](crate::ProcessPool).
    pub fn job<J: Job>(
        mut self,
        mut handler: impl FnMut(J) -> Result<J::Output, J::Error> + 'static,
    ) -> Self {
        let handle = move |envelope: Envelope| {
            if !(J::OLDEST..=J::VERSION).contains(&envelope.version) {
                return refused(format!("version {} is not known", envelope.version));
            }
            let job = match J::Codec::decode(&envelope.payload) {
                Ok(job) => job,
                Err(error) => return refused(format!("its payload is not decoded: {error}")),
            };
            let encoded = match handler(job) {
                Ok(value) => J::Codec::encode(&value).map(Outcome::Returned),
                Err(error) => J::Codec::encode(&error).map(Outcome::Failed),
            };
            encoded.unwrap_or_else(|error| refused(format!("its outcome is not encoded: {error}")))
        };
        self.handlers.insert(J::NAME, Box::new(handle));
        self
    }

    /// Works, if this is a process of a pool, until the pool is gone, and then ends the process. Returns otherwise.
    ///
    /// What is said to the pool goes over the standard input, which handlers must leave alone. Both outputs are free.
    ///
    /// # Examples
    ///
    /// See [`ProcessPool`](crate::ProcessPool).
    pub fn run(mut self) {
        let Some(socket) = env::var_os(MARK).and_then(|_| socket()) else { return };
        WORKS.store(true, Ordering::Relaxed);
        let code = match self.work(&socket) {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("a process of a pool: {error}");
                1
            }
        };
        process::exit(code);
    }

    fn work(&mut self, socket: &UnixStream) -> io::Result<()> {
        let (send, jobs) = mpsc::channel();
        let hears = socket.try_clone()?;
        thread::Builder::new().name("anyscope-child".to_owned()).spawn(move || {
            while let Ok(Some(bytes)) = frame::read(&hears) {
                let _ = send.send(bytes);
            }
            // The pool is gone, or its process is: nobody waits for what a handler still does.
            process::exit(0);
        })?;
        while let Ok(bytes) = jobs.recv() {
            let outcome = match Envelope::from_bytes(&bytes) {
                Ok(envelope) => self.handle(envelope),
                Err(error) => refused(error.to_string()),
            };
            frame::write(socket, &outcome.to_bytes())?;
        }
        Ok(())
    }

    fn handle(&mut self, envelope: Envelope) -> Outcome {
        let Some(handler) = self.handlers.get_mut(&*envelope.name) else {
            return refused(format!("`{}` is not known here", envelope.name));
        };
        catch_unwind(AssertUnwindSafe(|| handler(envelope))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let message = text.unwrap_or_else(|| "a value that is no text".to_owned());
            // Its destructor is the handler's code, too, and may panic.
            std::mem::forget(panic);
            Outcome::Dead { attempts: 1, last: Last::Panicked(message) }
        })
    }
}

fn refused(why: String) -> Outcome {
    Outcome::Dead { attempts: 1, last: Last::Refused(why) }
}

/// The standard input, if it is one end of what a pool has made.
fn socket() -> Option<UnixStream> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    socket.peer_addr().ok()?.is_unnamed().then_some(socket)
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("jobs", &self.handlers.keys()).finish()
    }
}
