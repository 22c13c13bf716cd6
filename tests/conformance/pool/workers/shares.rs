//! Which worker gets a job.

use super::jobs::{after, say, start};
use anyscope::pool::{Pool, Strategy};
use support::{Log, Signal, behaviour, until};

behaviour! {
    /// Given jobs with keys, then those of one key have one worker, which does them in order, and
    /// some keys have others.
    a_key_has_one_worker_and_its_order |ex| {
        let log = Log::new();
        let pool = start(Pool::builder(&ex).workers(3).queue(200), &log);
        let mut tickets = Vec::new();
        for n in 0..100 {
            tickets.push(pool.submit_to_key(&(n % 10), say(n)).await.unwrap());
        }
        let mut worker_of = [None; 10];
        for (n, ticket) in tickets.into_iter().enumerate() {
            let (_, index) = ticket.await.unwrap();
            assert_eq!(*worker_of[n % 10].get_or_insert(index), index);
        }
        assert!((0..3).all(|index| worker_of.contains(&Some(index))), "{worker_of:?}");
        for key in 0..10 {
            let numbers = log.events().into_iter().map(|n| n.parse::<u32>().unwrap());
            assert!(numbers.filter(|n| n % 10 == key).is_sorted());
        }
    }

    /// Given a worker that is busy, then jobs of its key wait for it, and those of others do not.
    a_key_waits_for_its_worker |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(2).queue(10), &log);
        let busy = pool.submit_to_key(&0, after(0, &signal)).await.unwrap();
        let waits = pool.try_submit_to_key(&0, say(1)).unwrap();
        for n in 2..6 {
            pool.call(say(n)).await.unwrap();
        }
        assert!(!waits.is_finished());
        signal.fire();
        assert_eq!(busy.await.unwrap().1, waits.await.unwrap().1);
    }

    /// Given jobs with and without a key, then a worker does first what was submitted first.
    a_worker_takes_the_older_of_two_queues |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(1).queue(10), &log);
        let mut tickets = vec![pool.submit(after(0, &signal)).await.unwrap()];
        for n in 1..7 {
            tickets.push(match n % 3 {
                0 => pool.try_submit_to_key(&n, say(n)).unwrap(),
                _ => pool.try_submit(say(n)).unwrap(),
            });
        }
        signal.fire();
        for ticket in tickets {
            ticket.await.unwrap();
        }
        assert_eq!(log.events(), ["0", "1", "2", "3", "4", "5", "6"]);
    }

    /// Given round robin, then workers have their turns, busy or not.
    round_robin_goes_round |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let builder = Pool::builder(&ex).workers(3).queue(10).strategy(Strategy::RoundRobin);
        let pool = start(builder, &log);
        let tickets: Vec<_> = (0..9).map(|n| pool.try_submit(after(n, &signal)).unwrap()).collect();
        signal.fire();
        for (n, ticket) in tickets.into_iter().enumerate() {
            assert_eq!(ticket.await.unwrap().1, n % 3);
        }
    }

    /// Given least busy, then a job goes to the worker with the fewest, and of several to the first.
    least_busy_takes_the_first_of_the_idle |ex| {
        let (log, signals) = (Log::new(), [(); 5].map(|()| Signal::new()));
        let builder = Pool::builder(&ex).workers(3).queue(10).strategy(Strategy::LeastBusy);
        let pool = start(builder, &log);
        let mut tickets = Vec::new();
        for (n, signal) in (0..).zip(&signals) {
            tickets.push(pool.try_submit(after(n, signal)).unwrap());
        }
        // Workers 0 and 1 have two each, worker 2 has one.
        signals[2].fire();
        assert_eq!(tickets.remove(2).await.unwrap(), (2, 2));
        until(|| pool.stats().workers[2].done == 1).await;
        assert_eq!(pool.call(say(5)).await.unwrap().1, 2);
        signals.iter().for_each(Signal::fire);
        let mut workers = Vec::new();
        for ticket in tickets {
            workers.push(ticket.await.unwrap().1);
        }
        assert_eq!(workers, [0, 1, 0, 1]);
        until(|| pool.stats().running == 0).await;
        assert_eq!(pool.call(say(6)).await.unwrap().1, 0);
    }

    /// Given the shared queue, when a worker is busy, then another one does the job.
    no_job_waits_while_a_worker_is_idle |ex| {
        let (log, signal) = (Log::new(), Signal::new());
        let pool = start(Pool::builder(&ex).workers(3).queue(10), &log);
        let busy = [0, 1].map(|n| pool.try_submit(after(n, &signal)).unwrap());
        for n in 2..12 {
            pool.call(say(n)).await.unwrap();
        }
        signal.fire();
        for ticket in busy {
            ticket.await.unwrap();
        }
    }
}
