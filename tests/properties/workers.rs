//! Any order of submits, cancels, drops, aborts and ends of a pool, against what adds up: each job is
//! done, has failed, was handed back or dropped, once; and jobs are done in the order in which they
//! came into the queue.

use anyscope::{
    future::Submit,
    pool::{JobError, Pool, Shutdown, Ticket, worker},
};
use proptest::{collection::vec, prelude::*};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};

#[derive(Clone, Copy, Debug)]
enum Step {
    Submit(What),
    TrySubmit(What),
    /// One of the submits that wait.
    Poll(usize),
    Cancel(usize),
    Drop(usize),
    /// One of the tickets.
    Await(usize),
    GiveUp(usize),
    Abort(usize),
    /// A worker of an inline pool goes on only with somebody who waits.
    End(Shutdown),
}

#[derive(Clone, Copy, Debug)]
enum What {
    Returns,
    Yields(u8),
    Panics,
    Hangs,
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        4 => Just(What::Returns),
        3 => (1..4u8).prop_map(What::Yields),
        1 => Just(What::Panics),
        1 => Just(What::Hangs),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => what().prop_map(Step::Submit),
        3 => what().prop_map(Step::TrySubmit),
        4 => (0..8usize).prop_map(Step::Poll),
        2 => (0..8usize).prop_map(Step::Cancel),
        2 => (0..8usize).prop_map(Step::Drop),
        6 => (0..8usize).prop_map(Step::Await),
        2 => (0..8usize).prop_map(Step::GiveUp),
        2 => (0..8usize).prop_map(Step::Abort),
    ]
}

fn end() -> impl Strategy<Value = Step> {
    prop_oneof![Just(Step::End(Shutdown::Drain)), Just(Step::End(Shutdown::Abort))]
}

/// Counts its drop.
struct Job {
    number: usize,
    what: What,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, SeqCst);
    }
}

type Begun = Arc<Mutex<Vec<usize>>>;
type Jobs = Pool<Job, usize>;

fn start(room: usize, begun: Begun) -> Jobs {
    let make = move |_| {
        let begun = begun.clone();
        async move {
            worker(begun, async |begun: &mut Begun, job: Job| {
                begun.lock().unwrap().push(job.number);
                match job.what {
                    What::Returns => {}
                    What::Yields(times) => support::yields(times.into()).await,
                    What::Panics => support::blow_up("a bad job"),
                    What::Hangs => std::future::pending().await,
                }
                job.number
            })
        }
    };
    Pool::inline().queue(room).start(make).unwrap()
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[derive(Default)]
struct Seen {
    made: usize,
    handed_back: u64,
    /// Dropped with their submits.
    left: u64,
    done: u64,
    failed: u64,
    aborted: u64,
    closed: u64,
}

struct Run<'p> {
    pool: &'p Jobs,
    waits: Vec<Submit<'p, Job, usize>>,
    tickets: Vec<Ticket<usize>>,
    /// Whose results nobody sees.
    given_up: u64,
    seen: Seen,
    dropped: Arc<AtomicUsize>,
}

impl<'p> Run<'p> {
    fn job(&mut self, what: What) -> Job {
        self.seen.made += 1;
        Job { number: self.seen.made, what, dropped: self.dropped.clone() }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Submit(what) => {
                let submit = self.pool.submit(self.job(what));
                self.poll_submit(submit);
            }
            Step::TrySubmit(what) => match self.pool.try_submit(self.job(what)) {
                Ok(ticket) => self.tickets.push(ticket),
                Err(error) => self.back(error.into_job()),
            },
            Step::Poll(n) => {
                if let Some(submit) = pick(&mut self.waits, n) {
                    self.poll_submit(submit);
                }
            }
            Step::Cancel(n) => {
                if let Some(submit) = pick(&mut self.waits, n) {
                    match submit.cancel() {
                        Some(job) => self.back(job),
                        None => self.given_up += 1,
                    }
                }
            }
            Step::Drop(n) => {
                if let Some(submit) = pick(&mut self.waits, n) {
                    let dropped = self.dropped.load(SeqCst);
                    drop(submit);
                    // If its job is not gone, it was in the queue, or done.
                    match self.dropped.load(SeqCst) == dropped {
                        true => self.given_up += 1,
                        false => self.seen.left += 1,
                    }
                }
            }
            Step::Await(n) => {
                if let Some(mut ticket) = pick(&mut self.tickets, n) {
                    match poll(&mut ticket) {
                        Poll::Ready(result) => self.result(&result),
                        Poll::Pending => self.tickets.push(ticket),
                    }
                }
            }
            Step::GiveUp(n) => {
                if pick(&mut self.tickets, n).is_some() {
                    self.given_up += 1;
                }
            }
            Step::Abort(n) => {
                let among = self.tickets.len().max(1);
                if let Some(ticket) = self.tickets.get(n % among) {
                    ticket.abort();
                }
            }
            Step::End(how) => {
                let mut closing = self.pool.shutdown(how);
                let ready = poll(&mut closing).is_ready();
                assert!(ready || how == Shutdown::Drain);
            }
        }
    }

    fn poll_submit(&mut self, mut submit: Submit<'p, Job, usize>) {
        match poll(&mut submit) {
            Poll::Ready(Ok(ticket)) => self.tickets.push(ticket),
            Poll::Ready(Err(error)) => self.back(error.into_job()),
            Poll::Pending => self.waits.push(submit),
        }
    }

    fn back(&mut self, job: Job) {
        self.seen.handed_back += 1;
        drop(job);
    }

    fn result(&mut self, result: &Result<usize, JobError>) {
        match result {
            Ok(_) => self.seen.done += 1,
            Err(JobError::Panicked(_)) => self.seen.failed += 1,
            Err(JobError::Aborted) => self.seen.aborted += 1,
            Err(JobError::Closed(_)) => self.seen.closed += 1,
            Err(other) => panic!("{other}"),
        }
    }
}

fn pick<T>(all: &mut Vec<T>, n: usize) -> Option<T> {
    (!all.is_empty()).then(|| all.remove(n % all.len()))
}

proptest! {
    #[test]
    fn every_job_has_one_end(
        room in 1..4usize,
        steps in vec(step(), 0..60),
        end in end(),
        late in vec(step(), 0..10),
    ) {
        let begun = Begun::default();
        let dropped = Arc::new(AtomicUsize::new(0));
        let pool = start(room, begun.clone());
        let mut run = Run {
            pool: &pool,
            waits: Vec::new(),
            tickets: Vec::new(),
            given_up: 0,
            seen: Seen::default(),
            dropped: dropped.clone(),
        };
        for step in steps {
            run.step(step);
            let stats = pool.stats();
            let ends = stats.done + stats.failed + stats.aborted + stats.dropped;
            prop_assert_eq!(stats.submitted, ends + (stats.queued + stats.running) as u64);
            prop_assert!(stats.queued <= room);
            prop_assert!(stats.waiting == 0 || stats.queued == room);
        }
        for step in [end].into_iter().chain(late) {
            run.step(step);
        }
        // A drain may hang in a job.
        run.step(Step::End(Shutdown::Abort));
        while let Some(mut submit) = run.waits.pop() {
            match poll(&mut submit) {
                Poll::Ready(Ok(ticket)) => run.tickets.push(ticket),
                Poll::Ready(Err(error)) => run.back(error.into_job()),
                Poll::Pending => prop_assert!(false, "a submit hangs"),
            }
        }
        while let Some(mut ticket) = run.tickets.pop() {
            match poll(&mut ticket) {
                Poll::Ready(result) => run.result(&result),
                Poll::Pending => prop_assert!(false, "a ticket hangs"),
            }
        }
        let (seen, given_up) = (run.seen, run.given_up);
        let stats = pool.stats();
        prop_assert_eq!((stats.queued, stats.running, stats.waiting), (0, 0, 0));
        let ends = stats.done + stats.failed + stats.aborted + stats.dropped;
        prop_assert_eq!(stats.submitted, ends);
        let shown = seen.done + seen.failed + seen.aborted + seen.closed;
        prop_assert_eq!(ends, shown + given_up);
        prop_assert_eq!(seen.made as u64, stats.submitted + seen.handed_back + seen.left);
        prop_assert!(seen.done <= stats.done && seen.failed <= stats.failed);
        prop_assert_eq!(dropped.load(SeqCst), seen.made);
        let begun = begun.lock().unwrap();
        prop_assert!(begun.is_sorted(), "{:?}", begun);
    }
}
