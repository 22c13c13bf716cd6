//! Which jobs are leased next.

use super::line::{Lease, Line, lease_id};
use crate::engine::{Ask, Leased};
use anyscope_core::Instant;

/// What an ask for jobs is answered.
pub(super) enum Claim {
    Jobs(Vec<Leased>),
    /// Nothing now. Something may be at this moment, or when it is notified.
    Nothing(Instant),
}

impl Line {
    /// Leases jobs: the first that are due, but for those whose key has an older one.
    pub(super) fn claim(&mut self, ask: &Ask, now: Instant) -> Claim {
        self.expire(now);
        let room = ask.everywhere.get().saturating_sub(self.leased.len()).min(ask.free);
        let due = self.waiting.iter().take_while(|(due, _)| *due <= now);
        let claimed: Vec<_> =
            due.filter(|(_, number)| self.is_first_of_key(*number)).take(room).copied().collect();
        if claimed.is_empty() {
            return Claim::Nothing(self.next_change(now));
        }
        Claim::Jobs(claimed.into_iter().map(|waiting| self.lease(waiting, ask, now)).collect())
    }

    fn lease(&mut self, waiting: (Instant, u64), ask: &Ask, now: Instant) -> Leased {
        self.waiting.remove(&waiting);
        self.leased.insert(waiting.1);
        let item = self.items.get_mut(&waiting.1).expect("there");
        item.attempts += 1;
        item.epoch += 1;
        let job = item.envelope.clone().expect("it waits, so it was put");
        let id = lease_id(&job.id, item.epoch);
        let until = now.saturating_add(ask.lease);
        item.lease = Some(Lease { id: id.clone(), worker: ask.worker.clone(), since: now, until });
        let waited = now.saturating_duration_since(item.put_at);
        Leased::new(id, job, item.attempts, item.epoch, waited)
    }

    /// When something may be leased that cannot be now, if nothing else happens.
    fn next_change(&self, now: Instant) -> Instant {
        let due = self.waiting.iter().map(|(due, _)| *due).find(|due| *due > now);
        let leases = self.leased.iter().filter_map(|number| self.items[number].lease.as_ref());
        leases.map(|lease| lease.until).chain(due).min().unwrap_or(Instant::NEVER)
    }
}
