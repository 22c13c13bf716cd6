//! The system tells of a write (inotify). A wait for that is no wait for the channel of messages, so who sends one rings a bell.

use super::Heard;
use crate::thread::Message;
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    fd::OwnedFd,
    fs::inotify::{self, CreateFlags, WatchFlags},
    io,
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::Duration,
};

/// Ends a wait for the log, as there is a message.
pub(crate) struct Bell(Option<Arc<Shared>>);

struct Shared {
    /// The thread waits, or is about to: it has not looked for messages since this is true.
    waits: Mutex<bool>,
    /// A number that can be waited for.
    rung: OwnedFd,
}

impl Shared {
    fn waits(&self) -> MutexGuard<'_, bool> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bell {
    /// To be called after a message is sent. If the thread does not see that message before it waits, then it has said before that it waits, and that is seen here.
    pub(crate) fn ring(&self) {
        let Some(shared) = &self.0 else { return };
        let mut waits = shared.waits();
        if std::mem::take(&mut *waits) {
            // Under the lock: when the thread finds that it does not wait any more, then this is written.
            let _ = io::write(&shared.rung, &1_u64.to_ne_bytes());
        }
    }
}

pub(crate) struct Watch {
    log: PathBuf,
    events: OwnedFd,
    bell: Arc<Shared>,
}

impl Watch {
    /// None if the system has no more of them: a user may have 128 of them on many.
    pub(crate) fn new(database: Option<&Path>) -> (Option<Self>, Bell) {
        match database.and_then(Self::open) {
            Some(watch) => {
                let bell = Bell(Some(watch.bell.clone()));
                (Some(watch), bell)
            }
            None => (None, Bell(None)),
        }
    }

    fn open(database: &Path) -> Option<Self> {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        let rung = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok()?;
        let bell = Arc::new(Shared { waits: Mutex::new(false), rung });
        Some(Watch { log: log.into(), events, bell })
    }

    /// Asks to be told of the next write. Returns false if that is not possible.
    pub(crate) fn arm(&mut self) -> bool {
        while matches!(io::read(&self.events, &mut [0; 1024]), Ok(1..)) {}
        // Once: who is not waiting is not told either.
        let what = WatchFlags::MODIFY | WatchFlags::ONESHOT;
        inotify::add_watch(&self.events, &self.log, what).is_ok()
    }

    /// Waits for a message or a write, but no longer than `at_most`.
    pub(crate) fn wait(&mut self, inbox: &Receiver<Message>, at_most: Duration) -> Heard {
        *self.bell.waits() = true;
        let mut message = inbox.try_recv();
        let mut written = false;
        if matches!(message, Err(TryRecvError::Empty)) {
            written = self.poll(at_most);
        }
        let is_rung = !std::mem::take(&mut *self.bell.waits());
        if is_rung {
            // Also if the message was found before: otherwise this would end the next wait.
            let _ = io::read(&self.bell.rung, &mut [0; 8]);
        }
        if matches!(message, Err(TryRecvError::Empty)) {
            message = inbox.try_recv();
        }
        let message = message.map_err(|error| match error {
            TryRecvError::Empty => RecvTimeoutError::Timeout,
            TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
        });
        Heard { message, written }
    }

    /// Returns whether there was a write.
    fn poll(&self, at_most: Duration) -> bool {
        let mut both =
            [PollFd::new(&self.bell.rung, PollFlags::IN), PollFd::new(&self.events, PollFlags::IN)];
        let at_most = Timespec::try_from(at_most).ok();
        // Interrupted, it ends early, which is a look more.
        poll(&mut both, at_most.as_ref()).is_ok() && !both[1].revents().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;
    use std::{sync::mpsc, thread};

    /// Longer than the test.
    const LONG: Duration = Duration::from_secs(600);

    /// Given a wait for the log, then a write of somebody else ends it, a message does, and so does the end of those who send any; nothing is told twice.
    #[test]
    fn j111_a_wait_ends_with_a_write_or_a_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.db");
        let open = || Connection::open(&path).unwrap();
        // As long as it is open there is a log.
        let waits = open();
        waits.pragma_update(None, "journal_mode", "wal").unwrap();
        waits.execute_batch("create table numbers (number integer)").unwrap();
        let (watch, bell) = Watch::new(Some(&path));
        let mut watch = watch.unwrap();
        let (to, inbox) = mpsc::channel();

        for number in 0..3 {
            assert!(watch.arm());
            let nothing = watch.wait(&inbox, Duration::ZERO);
            assert!(!nothing.written && matches!(nothing.message, Err(RecvTimeoutError::Timeout)));
            let heard = thread::scope(|s| {
                s.spawn(|| open().execute("insert into numbers values (?1)", [number]).unwrap());
                watch.wait(&inbox, LONG)
            });
            assert!(heard.written && matches!(heard.message, Err(RecvTimeoutError::Timeout)));
        }

        assert!(watch.arm());
        for _ in 0..1000 {
            let heard = thread::scope(|s| {
                s.spawn(|| {
                    to.send(Message::Read(Box::new(Nothing))).unwrap();
                    bell.ring();
                });
                watch.wait(&inbox, LONG)
            });
            assert!(!heard.written && heard.message.is_ok());
        }
        let heard = thread::scope(|s| {
            s.spawn(|| {
                drop(to);
                bell.ring();
            });
            watch.wait(&inbox, LONG)
        });
        assert!(matches!(heard.message, Err(RecvTimeoutError::Disconnected)));
        // A log that is not there cannot be watched.
        drop(waits);
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert!(!watch.arm());
    }

    struct Nothing;

    impl crate::thread::Task for Nothing {
        fn run(&mut self, _: &Connection, _: crate::jobs::Time) -> rusqlite::Result<()> {
            Ok(())
        }

        fn answer(self: Box<Self>, _: Result<(), anyscope_remote::EngineError>) {}
    }
}
