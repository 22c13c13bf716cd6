//! A thread of the pool, which has at most one process.

use super::{
    call::{End, Request},
    child::is_astray,
    pool::{Queue, Settings},
    process::{Process, Silence},
};
use crate::outcome::{Last, Outcome};
use std::{io, sync::Arc};

pub(super) struct Place {
    queue: Arc<Queue>,
    settings: Arc<Settings>,
    process: Option<Process>,
    /// How many jobs it has done.
    done: u32,
    /// How many processes ended, one after the other, that had done nothing.
    useless: u32,
}

impl Place {
    pub(super) fn new(queue: Arc<Queue>, settings: Arc<Settings>) -> Self {
        Place { queue, settings, process: None, done: 0, useless: 0 }
    }

    pub(super) fn work(mut self) {
        while let Some(request) = self.queue.next() {
            let ended = self.process_for(&request).and_then(|()| self.ask(&request));
            if let Some(end) = ended {
                request.finish(end);
            }
            if self.process.is_none() && self.done == 0 && self.useless > 0 {
                match (self.settings.restart)(self.useless) {
                    Some(delay) => self.queue.pause(delay),
                    None => return self.queue.give_up(),
                }
            }
        }
        if let Some(process) = self.process.take() {
            process.end();
        }
    }

    /// Has a process that lives. If none can be started, that is the request's end.
    fn process_for(&mut self, request: &Request) -> Option<()> {
        if self.process.as_ref().is_some_and(|process| process.killable().has_ended()) {
            self.process = None;
        }
        if self.process.is_some() {
            return Some(());
        }
        self.done = 0;
        let started = if is_astray() {
            let why =
                "this is a process of a pool, and `Child::run` was not called first in `main`";
            Err(io::Error::other(why))
        } else {
            let mut command = (self.settings.command)();
            command
                .as_mut()
                .map_err(|error| io::Error::new(error.kind(), error.to_string()))
                .and_then(|command| Process::start(command, self.settings.on_output.clone()))
        };
        match started {
            Ok(process) => {
                self.process = Some(process);
                Some(())
            }
            Err(error) => {
                self.useless = self.useless.saturating_add(1);
                request.finish(End::NotStarted(error));
                None
            }
        }
    }

    fn ask(&mut self, request: &Request) -> Option<End> {
        let process = self.process.as_mut()?;
        if !request.begin(process.killable()) {
            return None;
        }
        let limit = self.settings.limit;
        let answer = process.ask(&request.job, limit);
        let wanted = request.release();
        let end = match answer {
            Ok(bytes) => {
                (self.done, self.useless) = (self.done + 1, 0);
                let outcome = Outcome::from_bytes(&bytes).unwrap_or_else(|error| {
                    let last =
                        Last::Refused(format!("its process says what is not known: {error}"));
                    Outcome::Dead { attempts: 1, last }
                });
                End::Outcome(outcome)
            }
            Err(silence) => {
                let output = process.output();
                self.process = None;
                // One that was killed as nobody waited has done nothing wrong.
                if wanted && self.done == 0 && !matches!(silence, Silence::TimedOut) {
                    self.useless = self.useless.saturating_add(1);
                }
                match silence {
                    Silence::Ended(status) => End::Exited(status, output),
                    Silence::TimedOut => End::TimedOut(limit.unwrap_or_default(), output),
                    Silence::Failed(error) => End::NotStarted(error),
                }
            }
        };
        let is_old = self.settings.jobs_per_process.is_some_and(|jobs| self.done >= jobs.get());
        match self.process.take_if(|_| is_old) {
            Some(process) => {
                // Whoever waits need not wait for its end.
                request.finish(end);
                process.end();
                None
            }
            None => Some(end),
        }
    }
}
