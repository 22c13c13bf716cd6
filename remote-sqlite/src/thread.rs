//! The thread of a handle: it has the connection, and does all that is asked while it wrote in one transaction.
//!
//! So a commit, which waits for the disk, is paid once for many requests.

use crate::{
    error::translate,
    jobs::{self, Time},
    lookout::Lookout,
    oneshot::Reply,
    waits::{Claims, Waits},
};
use anyscope_remote::{
    EngineError, ErrorKind,
    engine::{Ask, JobId, Leased, Queue},
};
use rusqlite::{Connection, TransactionBehavior};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::SystemTime,
};

/// What is asked of the thread.
pub(crate) enum Message {
    /// In a transaction, with others.
    Write(Box<dyn Task>),
    /// Outside of one.
    Read(Box<dyn Task>),
    Lease {
        queue: Queue,
        ask: Ask,
        to: Reply<Vec<Leased>>,
    },
    Outcome {
        queue: Queue,
        job: JobId,
        to: Reply<Vec<u8>>,
    },
    Released {
        queue: Queue,
        job: JobId,
        to: Reply<()>,
    },
    Signals {
        queue: Queue,
        to: Arc<crate::inbox::Inbox>,
    },
}

/// Something to do, whose answer is given when it is committed. It may be done anew, if the transaction failed because of another.
pub(crate) trait Task: Send {
    fn run(&mut self, db: &Connection, now: Time) -> rusqlite::Result<()>;
    fn answer(self: Box<Self>, committed: Result<(), EngineError>);
}

/// So many requests are done in one transaction, at most.
const BATCH: usize = 512;

pub(crate) fn run(mut db: Connection, inbox: &Receiver<Message>, mut lookout: Lookout) {
    let mut waits = Waits::default();
    let mut version = None;
    loop {
        let first = if waits.is_empty() {
            inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            lookout.wait(inbox, waits.until_due(now()))
        };
        let mut changed = false;
        match first {
            Ok(first) => {
                let (mut writes, mut reads) = (Vec::new(), Vec::new());
                for message in std::iter::once(first).chain(inbox.try_iter()).take(BATCH) {
                    match message {
                        Message::Write(task) => writes.push(task),
                        Message::Read(task) => reads.push(task),
                        wait => waits.add(&db, wait),
                    }
                    changed = true;
                }
                write(&mut db, writes, &mut waits);
                let now = now();
                for mut task in reads {
                    let done = attempt(&mut *task, &db, now);
                    task.answer(done);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            // All handles are gone, and so is everybody who waits.
            Err(RecvTimeoutError::Disconnected) => return,
        }
        lookout.before_look();
        // It is another number when another connection has written.
        let seen = db
            .prepare_cached("pragma data_version")
            .and_then(|mut get| get.query_row([], |row| row.get::<_, i64>(0)));
        let elsewhere = seen.as_ref().ok() != version.as_ref();
        version = seen.ok();
        changed |= elsewhere;
        lookout.looked(changed);
        waits.look(&mut db, changed);
    }
}

/// Does them all in one transaction, and in the same leases jobs to those who wait. If one fails, each has a transaction of its own, so that it fails alone.
fn write(db: &mut Connection, mut tasks: Vec<Box<dyn Task>>, waits: &mut Waits) {
    if tasks.is_empty() {
        return;
    }
    match together(db, &mut tasks, Some(waits)) {
        Ok(claims) => {
            tasks.into_iter().for_each(|task| task.answer(Ok(())));
            waits.deliver(db, claims);
        }
        // Another process writes for very long. Each alone would wait as long.
        Err(error) if error.kind() == ErrorKind::Unavailable => {
            tasks.into_iter().for_each(|task| task.answer(Err(error.kind().into())));
        }
        Err(_) => {
            for task in tasks {
                let mut one = [task];
                let done = together(db, &mut one, None).map(drop);
                let [task] = one;
                task.answer(done);
            }
        }
    }
}

fn together(
    db: &mut Connection,
    tasks: &mut [Box<dyn Task>],
    waits: Option<&Waits>,
) -> Result<Claims, EngineError> {
    let transaction =
        db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(translate)?;
    for task in tasks.iter_mut() {
        attempt(&mut **task, &transaction, now())?;
    }
    let claims = match waits {
        Some(waits) => waits.claim(&transaction, now()).map_err(translate)?,
        None => Claims::new(),
    };
    transaction.commit().map_err(translate)?;
    Ok(claims)
}

/// A task panics if it has a bug; the thread goes on for the others.
fn attempt(task: &mut dyn Task, db: &Connection, now: Time) -> Result<(), EngineError> {
    match catch_unwind(AssertUnwindSafe(|| task.run(db, now))) {
        Ok(done) => done.map_err(translate),
        Err(_) => Err(EngineError::new(ErrorKind::Other, "a request has panicked")),
    }
}

pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    jobs::after(0, since)
}
