//! One process: its start, its end, what it prints.

use super::{child::MARK, frame};
use std::{
    collections::VecDeque,
    io::{self, Read},
    os::{fd::OwnedFd, unix::net::UnixStream},
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

/// Hears what processes print.
pub(super) type OnOutput = Arc<dyn Fn(u32, &[u8]) + Send + Sync>;

pub(super) struct Process {
    child: Arc<Killable>,
    socket: UnixStream,
    printed: Arc<Mutex<VecDeque<u8>>>,
    /// Disconnected when nobody can print any more.
    silent: mpsc::Receiver<()>,
}

/// A process that others may kill.
pub(super) struct Killable(Mutex<Child>);

/// Why a process has not answered.
pub(super) enum Silence {
    Ended(ExitStatus),
    TimedOut,
    Failed(io::Error),
}

/// How much of what a process prints is kept.
const KEPT: usize = 64 * 1024;

impl Process {
    pub(super) fn start(command: &mut Command, on_output: Option<OnOutput>) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        let (output, prints) = UnixStream::pair()?;
        let stdio = |stream: UnixStream| Stdio::from(OwnedFd::from(stream));
        command.env(MARK, "1").stdin(stdio(theirs));
        command.stdout(stdio(prints.try_clone()?)).stderr(stdio(prints));
        let child = command.spawn();
        // The command has their ends, which must be closed here, so that the end of the process is the end of what it says.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = child?;
        let (printed, id) = (Arc::default(), child.id());
        let child = Arc::new(Killable(Mutex::new(child)));
        let (keeps, silent) = mpsc::channel();
        let listening = listen(output, Arc::clone(&printed), id, on_output, keeps);
        let process = Process { child, socket, printed, silent };
        match listening {
            Ok(()) => Ok(process),
            Err(error) => {
                process.end();
                Err(error)
            }
        }
    }

    pub(super) fn killable(&self) -> Arc<Killable> {
        self.child.clone()
    }

    /// Sends a job, and waits for its outcome.
    pub(super) fn ask(&mut self, job: &[u8], limit: Option<Duration>) -> Result<Vec<u8>, Silence> {
        self.printed().clear();
        let until = limit.map(|limit| Instant::now() + limit);
        let asked = frame::write(Limited { socket: &self.socket, until }, job)
            .and_then(|()| frame::read(Limited { socket: &self.socket, until }));
        match asked {
            Ok(Some(answer)) => Ok(answer),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.child.kill();
                self.wait()
                    .map_or_else(|error| Err(Silence::Failed(error)), |_| Err(Silence::TimedOut))
            }
            // The end of what it says is that of the process, or soon will be.
            Ok(None) | Err(_) => {
                self.child.wait_for(Duration::from_secs(1));
                self.child.kill();
                Err(self.wait().map_or_else(Silence::Failed, Silence::Ended))
            }
        }
    }

    /// Returns what it has printed last. If it has ended, all of that is here.
    pub(super) fn output(&self) -> String {
        // A process of its own may have its outputs, and be there still.
        let _ = self.silent.recv_timeout(Duration::from_millis(200));
        let printed = self.printed();
        let (a, b) = printed.as_slices();
        String::from_utf8_lossy(&[a, b].concat()).into_owned()
    }

    /// Ends it, if it has nothing to do: when it hears no more it ends, and is killed if not.
    pub(super) fn end(self) {
        let Process { child, socket, .. } = self;
        drop(socket);
        child.wait_for(Duration::from_secs(1));
        child.kill();
        let _ = child.lock().wait();
    }

    fn wait(&self) -> io::Result<ExitStatus> {
        self.child.lock().wait()
    }

    fn printed(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Killable {
    fn lock(&self) -> MutexGuard<'_, Child> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_ended(&self) -> bool {
        !matches!(self.lock().try_wait(), Ok(None))
    }

    /// Does nothing if it has ended.
    pub(super) fn kill(&self) {
        let _ = self.lock().kill();
    }

    /// Waits until it ends by itself, but not for longer.
    fn wait_for(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.has_ended() && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Keeps what a process prints, in a thread, until nobody can print.
fn listen(
    mut output: UnixStream,
    printed: Arc<Mutex<VecDeque<u8>>>,
    id: u32,
    mut on_output: Option<OnOutput>,
    keeps: mpsc::Sender<()>,
) -> io::Result<()> {
    let listen = move || {
        let _keeps = keeps;
        let mut buffer = [0; 8192];
        while let Ok(length @ 1..) = output.read(&mut buffer) {
            let bytes = &buffer[..length];
            {
                let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
                printed.extend(bytes);
                let over = printed.len().saturating_sub(KEPT);
                printed.drain(..over);
            }
            // One that panics hears no more; but the process can go on printing.
            let tell =
                on_output.as_ref().map(|tell| catch_unwind(AssertUnwindSafe(|| tell(id, bytes))));
            if let Some(Err(panic)) = tell {
                std::mem::forget(panic);
                on_output = None;
            }
        }
    };
    thread::Builder::new().name("anyscope-output".to_owned()).spawn(listen).map(drop)
}

/// A socket on which nothing is waited for after a moment.
struct Limited<'a> {
    socket: &'a UnixStream,
    until: Option<Instant>,
}

impl Limited<'_> {
    fn left(&self) -> io::Result<Option<Duration>> {
        let Some(until) = self.until else { return Ok(None) };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

/// A system says of a time that is over that it would block.
fn timed<T>(result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    })
}

impl io::Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        timed(self.socket.read(buffer))
    }
}

impl io::Write for Limited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        timed(self.socket.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
