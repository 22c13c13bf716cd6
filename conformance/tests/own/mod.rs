//! An adapter from nothing, as short as it can be: a pool of threads, out of `std` alone.

use anyscope::{BlockOn, Child, Spawn, enter};
use std::{
    collections::HashMap,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

struct Task {
    child: Mutex<Option<Child>>,
    queued: AtomicBool,
    pool: Handle,
}

#[derive(Clone)]
pub(crate) struct Handle(Arc<Shared>);

struct Shared {
    /// None tells a thread to end.
    queue: Mutex<Sender<Option<Arc<Task>>>>,
    /// All that have not ended; none once the pool is closed.
    living: Mutex<Option<HashMap<usize, Arc<Task>>>>,
}

pub(crate) struct Pool(Handle, Vec<thread::JoinHandle<()>>);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::SeqCst) {
            let queue = self.pool.0.queue.lock().unwrap();
            let _ = queue.send(Some(self.clone()));
        }
    }
}

impl Spawn for Handle {
    fn spawn(&self, child: Child) {
        let child = Mutex::new(Some(child));
        let task = Arc::new(Task { child, queued: AtomicBool::new(false), pool: self.clone() });
        // Refused if the pool is closed: the child is dropped, after the lock.
        if let Some(living) = &mut *self.0.living.lock().unwrap() {
            living.insert(Arc::as_ptr(&task).addr(), task.clone());
            task.clone().wake();
        }
    }
}

impl Pool {
    pub(crate) fn new(threads: usize) -> Pool {
        let (send, receive) = channel();
        let receive = Arc::new(Mutex::new(receive));
        let shared = Shared { queue: Mutex::new(send), living: Mutex::new(Some(HashMap::new())) };
        let handle = Handle(Arc::new(shared));
        let run = || {
            let (receive, key) = (receive.clone(), handle.key());
            thread::spawn(move || {
                let _working = enter::work(key);
                while let Some(task) = next(&receive) {
                    task.run();
                }
            })
        };
        let threads = (0..threads).map(|_| run()).collect();
        Pool(handle, threads)
    }

    pub(crate) fn handle(&self) -> Handle {
        self.0.clone()
    }
}

fn next(queue: &Mutex<Receiver<Option<Arc<Task>>>>) -> Option<Arc<Task>> {
    queue.lock().unwrap().recv().ok().flatten()
}

impl Task {
    fn run(self: Arc<Self>) {
        // Before the poll: a wake during the poll must queue it again.
        self.queued.store(false, Ordering::SeqCst);
        let waker = Waker::from(self.clone());
        let mut slot = self.child.lock().unwrap();
        let Some(child) = slot.as_mut() else { return };
        if Pin::new(child).poll(&mut Context::from_waker(&waker)).is_ready() {
            *slot = None; // an empty shell
            let mut living = self.pool.0.living.lock().unwrap();
            let _task = living.as_mut().map(|living| living.remove(&Arc::as_ptr(&self).addr()));
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let living = self.0.0.living.lock().unwrap().take();
        self.1.iter().for_each(|_| drop(self.0.0.queue.lock().unwrap().send(None)));
        self.1.drain(..).for_each(|thread| thread.join().unwrap());
        for task in living.into_iter().flat_map(HashMap::into_values) {
            let child = task.child.lock().unwrap().take();
            drop(child); // cancels it: user code, so without a lock
        }
    }
}

impl Handle {
    fn key(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl BlockOn for Pool {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _inside = enter::block(self.0.key(), "pool");
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            thread::park();
        }
    }
}
