//! What is asked of the tables. Each function runs inside a transaction of its caller's.

use anyscope_remote::engine::{
    Again, Ask, DeadLetter, End, Envelope, Held, JobId, LeaseId, Leased, Put, Queue, Running,
    Settled, Settler, Status, WorkerName,
};
use rusqlite::{
    Connection, Error, OptionalExtension, Result, Row, ffi, named_params, params, types::Type,
};
use std::time::Duration;

/// Microseconds since 1970.
pub(crate) type Time = i64;

pub(crate) fn after(now: Time, duration: Duration) -> Time {
    now.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

pub(crate) fn span(from: Time, to: Time) -> Duration {
    Duration::from_micros(u64::try_from(to.saturating_sub(from)).unwrap_or(0))
}

/// Lets the file grow to so many bytes, and a reserve. Returns how many pages jobs may fill.
pub(crate) fn limit_pages(db: &Connection, bytes: u64) -> Result<i64> {
    let page: i64 = db.query_row("pragma page_size", [], |row| row.get(0))?;
    let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page;
    let most = pages.saturating_add((pages / 8).max(64));
    db.query_row(&format!("pragma max_page_count = {most}"), [], |_| Ok(()))?;
    Ok(pages)
}

/// Fails as if the disk were full if more pages than these are in use.
pub(crate) fn check_pages(db: &Connection, limit: i64) -> Result<()> {
    if limit == i64::MAX {
        return Ok(());
    }
    let pragma = |name: &str| db.prepare_cached(name)?.query_row([], |row| row.get::<_, i64>(0));
    if pragma("pragma page_count")? - pragma("pragma freelist_count")? > limit {
        return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None));
    }
    Ok(())
}

/// Stores all jobs, or none: then it returns none.
pub(crate) fn put(
    db: &Connection,
    queue: &Queue,
    jobs: &[Envelope],
    limit: usize,
    now: Time,
) -> Result<Option<Vec<Put>>> {
    let mut known = db.prepare_cached("select 1 from jobs where queue = ?1 and id = ?2")?;
    let known: Vec<bool> = jobs
        .iter()
        .map(|job| known.exists(params![queue.as_str(), job.id.as_str()]))
        .collect::<Result<_>>()?;
    if !has_room(db, queue, known.iter().filter(|known| !**known).count(), limit)? {
        return Ok(None);
    }
    // A job that is twice in one call is stored once.
    let mut insert = db.prepare_cached(
        "insert into jobs (queue, id, name, envelope, key, put_at, due) values (?1, ?2, ?3, ?4, ?5, ?6, ?6)
         on conflict do nothing",
    )?;
    let put = jobs.iter().map(|job| {
        let key = job.key.as_deref();
        let stored = insert.execute(params![
            queue.as_str(),
            job.id.as_str(),
            job.name,
            job.to_bytes(),
            key,
            now
        ])?;
        Ok(if stored == 0 { Put::Known } else { Put::Stored })
    });
    put.collect::<Result<_>>().map(Some)
}

fn has_room(db: &Connection, queue: &Queue, new: usize, limit: usize) -> Result<bool> {
    if limit == usize::MAX {
        return Ok(true);
    }
    let there: usize = db
        .prepare_cached("select count(*) from jobs where queue = ?1 and outcome is null")?
        .query_row([queue.as_str()], |row| count(row, 0))?;
    Ok(new <= limit.saturating_sub(there))
}

const MAY_CLAIM: &str = "select exists (select 1 from jobs where queue = ?1 and outcome is null and until is null and due <= ?2)
             or exists (select 1 from jobs where queue = ?1 and until is not null and until <= ?2)";

/// Whether [`claim`] may find anything. Reads only, so that those who wait do not keep others from writing.
pub(crate) fn may_claim(db: &Connection, queue: &Queue, now: Time) -> Result<bool> {
    db.prepare_cached(MAY_CLAIM)?.query_row(params![queue.as_str(), now], |row| row.get(0))
}

const NEXT_CHANGE: &str = "select min(at) from (
             select min(due) as at from jobs where queue = ?1 and outcome is null and until is null and due > ?2
             union all select min(until) from jobs where queue = ?1 and until is not null and until > ?2)";

/// When [`may_claim`] changes its mind if nobody writes.
pub(crate) fn next_change(db: &Connection, queue: &Queue, now: Time) -> Result<Option<Time>> {
    db.prepare_cached(NEXT_CHANGE)?.query_row(params![queue.as_str(), now], |row| row.get(0))
}

pub(crate) const CLAIM: &str = "
    select seq, envelope, attempts, epoch, put_at from jobs as job
    where queue = ?1 and outcome is null and until is null and due <= ?2
      and (key is null or not exists (
          select 1 from jobs as other
          where other.queue = job.queue and other.key = job.key and other.outcome is null and other.seq < job.seq))
    order by due, seq limit ?3";

const HELD: &str = "select count(*) from jobs where queue = ?1 and until is not null";

/// Leases the first jobs that are due, but for those whose key has an older one.
pub(crate) fn claim(db: &Connection, queue: &Queue, ask: &Ask, now: Time) -> Result<Vec<Leased>> {
    expire(db, queue, now)?;
    let held: usize = db.prepare_cached(HELD)?.query_row([queue.as_str()], |row| count(row, 0))?;
    let room = ask.everywhere.get().saturating_sub(held).min(ask.free);
    let mut found = db.prepare_cached(CLAIM)?;
    let rows = found.query_map(
        params![queue.as_str(), now, i64::try_from(room).unwrap_or(i64::MAX)],
        |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, Vec<u8>>(1)?,
                row.get::<_, u32>(2)?,
                count::<u64>(row, 3)?,
                row.get::<_, Time>(4)?,
            ))
        },
    )?;
    let rows = rows.collect::<Result<Vec<_>>>()?;
    let mut lease = db.prepare_cached(
        "update jobs set until = ?2, since = ?3, worker = ?4, attempts = attempts + 1, epoch = epoch + 1
         where seq = ?1",
    )?;
    let mut leased = Vec::with_capacity(rows.len());
    for (seq, envelope, attempts, epoch, put_at) in rows {
        // The file is of our version, so this is what we wrote; a file that is damaged is an error of its own.
        let envelope = Envelope::from_bytes(&envelope)
            .map_err(|error| Error::FromSqlConversionFailure(1, Type::Blob, Box::new(error)))?;
        lease.execute(params![seq, after(now, ask.lease), now, ask.worker.as_str()])?;
        let (attempt, epoch) = (attempts + 1, epoch + 1);
        leased.push(Leased::new(lease_id(seq, epoch), envelope, attempt, epoch, span(put_at, now)));
    }
    Ok(leased)
}

const EXPIRE: &str = "update jobs set due = until, until = null where queue = ?1 and until is not null and until <= ?2";

/// Ends leases that have run out.
pub(crate) fn expire(db: &Connection, queue: &Queue, now: Time) -> Result<()> {
    db.prepare_cached(EXPIRE)?.execute(params![queue.as_str(), now])?;
    Ok(())
}

pub(crate) fn extend(
    db: &Connection,
    queue: &Queue,
    leases: &[LeaseId],
    lease: Duration,
    now: Time,
) -> Result<Vec<Held>> {
    let mut update = db.prepare_cached(
        "update jobs set until = ?4 where seq = ?1 and epoch = ?2 and until > ?3 and queue = ?5 returning outcome is not null",
    )?;
    let extended = leases.iter().map(|id| {
        let Some((seq, epoch)) = read_lease(id) else { return Ok(Held::Lost) };
        let settled = update
            .query_row(params![seq, epoch, now, after(now, lease), queue.as_str()], |row| {
                row.get(0)
            })
            .optional()?;
        Ok(match settled {
            None => Held::Lost,
            Some(false) => Held::Yes,
            Some(true) => Held::Settled,
        })
    });
    extended.collect()
}

pub(crate) fn settle(
    db: &Connection,
    queue: &Queue,
    job: &JobId,
    by: &Settler,
    end: &End,
    now: Time,
) -> Result<Settled> {
    let first: Option<(i64, i64, Option<Vec<u8>>)> = db
        .prepare_cached("select seq, epoch, outcome from jobs where queue = ?1 and id = ?2")?
        .query_row(params![queue.as_str(), job.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    // A lease that has run out is good as long as nobody else has had one.
    let is_last = |lease: &LeaseId, seq: i64, epoch: i64| read_lease(lease) == Some((seq, epoch));
    let settled = match (first, by) {
        (Some((.., Some(outcome))), _) => Settled::Already(outcome),
        (None, Settler::Worker(_)) => return Ok(Settled::LeaseLost),
        (Some((seq, epoch, None)), Settler::Worker(lease)) if !is_last(lease, seq, epoch) => {
            return Ok(Settled::LeaseLost);
        }
        (there, _) => {
            if there.is_none() {
                db.prepare_cached(
                    "insert into jobs (queue, id, name, put_at, due) values (?1, ?2, '', ?3, ?3)",
                )?
                .execute(params![queue.as_str(), job.as_str(), now])?;
            }
            db.prepare_cached(
                "update jobs set outcome = :outcome, dead = :dead, settled_at = :now,
                     settled_no = (select ifnull(max(settled_no), 0) + 1 from jobs where settled_no is not null)
                 where queue = :queue and id = :id",
            )?
            .execute(named_params! {
                ":outcome": end.bytes, ":dead": end.dead, ":now": now, ":queue": queue.as_str(), ":id": job.as_str(),
            })?;
            Settled::First
        }
    };
    match by {
        Settler::Worker(lease) => {
            release(db, lease)?;
        }
        // In the same commit, so that whoever runs it hears of it as soon as it can be heard of.
        Settler::Caller if settled == Settled::First => signal(db, queue, job, now)?,
        Settler::Caller => {}
    }
    Ok(settled)
}

fn release(db: &Connection, lease: &LeaseId) -> Result<usize> {
    let Some((seq, epoch)) = read_lease(lease) else { return Ok(0) };
    db.prepare_cached(
        "update jobs set until = null where seq = ?1 and epoch = ?2 and until is not null",
    )?
    .execute(params![seq, epoch])
}

pub(crate) fn give_back(
    db: &Connection,
    queue: &Queue,
    lease: &LeaseId,
    again: Again,
    now: Time,
) -> Result<()> {
    expire(db, queue, now)?;
    let Some((seq, epoch)) = read_lease(lease) else { return Ok(()) };
    db.prepare_cached(
        "update jobs set until = null, due = ?3, attempts = attempts - ?4
         where seq = ?1 and epoch = ?2 and until is not null and queue = ?5",
    )?
    .execute(params![seq, epoch, after(now, again.after), !again.counts, queue.as_str()])?;
    Ok(())
}

pub(crate) fn outcome(db: &Connection, queue: &Queue, job: &JobId) -> Result<Option<Vec<u8>>> {
    let outcome = db
        .prepare_cached("select outcome from jobs where queue = ?1 and id = ?2")?
        .query_row(params![queue.as_str(), job.as_str()], |row| row.get(0))
        .optional()?;
    Ok(outcome.flatten())
}

const SETTLED_SINCE: &str =
    "select queue, id, settled_no from jobs where settled_no > ?1 order by settled_no";

/// The jobs that were settled after the one with this number, and the number of the last.
pub(crate) fn settled_since(db: &Connection, number: i64) -> Result<(Vec<(String, String)>, i64)> {
    numbered_since(db, SETTLED_SINCE, number)
}

/// The queues and jobs of rows after the one with this number, and the number of the last.
fn numbered_since(
    db: &Connection,
    rows: &str,
    number: i64,
) -> Result<(Vec<(String, String)>, i64)> {
    let mut last = number;
    let mut find = db.prepare_cached(rows)?;
    let rows = find.query_map([number], |row| {
        last = row.get(2)?;
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let rows = rows.collect::<Result<Vec<_>>>()?;
    Ok((rows, last))
}

pub(crate) fn last_settled(db: &Connection) -> Result<i64> {
    db.prepare_cached("select ifnull(max(settled_no), 0) from jobs where settled_no is not null")?
        .query_row([], |row| row.get(0))
}

/// Until when a job is leased, if it is.
pub(crate) fn leased_until(
    db: &Connection,
    queue: &Queue,
    job: &JobId,
    now: Time,
) -> Result<Option<Time>> {
    db.prepare_cached("select until from jobs where queue = ?1 and id = ?2 and until > ?3")?
        .query_row(params![queue.as_str(), job.as_str(), now], |row| row.get(0))
        .optional()
}

pub(crate) fn signal(db: &Connection, queue: &Queue, job: &JobId, now: Time) -> Result<()> {
    // Whoever has not read it by then hears of the outcome at its next heartbeat.
    db.prepare_cached("delete from signals where at < ?1")?.execute([now - MINUTE])?;
    db.prepare_cached("insert into signals (queue, job, at) values (?1, ?2, ?3)")?
        .execute(params![queue.as_str(), job.as_str(), now])?;
    Ok(())
}

const MINUTE: Time = 60_000_000;

pub(crate) fn signals_since(db: &Connection, number: i64) -> Result<(Vec<(String, String)>, i64)> {
    numbered_since(db, "select queue, job, no from signals where no > ?1 order by no", number)
}

pub(crate) fn last_signal(db: &Connection) -> Result<i64> {
    db.prepare_cached("select ifnull(max(no), 0) from signals")?.query_row([], |row| row.get(0))
}

/// Forgets some of the outcomes that were kept long enough.
pub(crate) fn forget(db: &Connection, keep: Duration, now: Time) -> Result<()> {
    db.prepare_cached(
        "delete from jobs where seq in (
             select seq from jobs where settled_at is not null and settled_at <= ?1 and until is null
             order by settled_at limit 64)
         and settled_no < (select max(settled_no) from jobs where settled_no is not null)",
    )?
    .execute([now.saturating_sub(after(0, keep))])?;
    Ok(())
}

pub(crate) fn status(db: &Connection, queue: &Queue, now: fn() -> Time) -> Result<Status> {
    // All of it at one moment: other processes write meanwhile.
    let db = &db.unchecked_transaction()?;
    let number =
        |sql: &str| db.prepare_cached(sql)?.query_row(params![queue.as_str()], |row| count(row, 0));
    let waiting: u64 =
        number("select count(*) from jobs where queue = ?1 and outcome is null and until is null")?;
    // The moment is that of the first look. By an earlier time, a job that was put just before it would be delayed.
    let now = now();
    let number_now = |sql: &str| {
        db.prepare_cached(sql)?.query_row(params![queue.as_str(), now], |row| count::<u64>(row, 0))
    };
    let run_out = number_now(
        "select count(*) from jobs where queue = ?1 and until is not null and until <= ?2 and outcome is null",
    )?;
    let due = number_now(&format!("select count(*) from ({})", CLAIM.replace("?3", "-1")))?;
    let mut status = Status::default();
    status.ready = due + run_out;
    status.delayed = waiting - due;
    status.settled = number("select count(*) from jobs where queue = ?1 and outcome is not null")?;
    status.dead = number("select count(*) from jobs where queue = ?1 and dead = 1")?;
    let mut find = db.prepare_cached(
        "select id, name, worker, attempts, since from jobs where queue = ?1 and until is not null and until > ?2 order by since",
    )?;
    let rows = find.query_map(params![queue.as_str(), now], |row| {
        let id: String = row.get(0)?;
        let job = JobId::parse(&id).unwrap_or_else(|_| JobId::unique());
        let worker = WorkerName::new(row.get::<_, String>(2)?);
        Ok(Running::new(job, row.get(1)?, worker, row.get(3)?, span(row.get(4)?, now)))
    })?;
    status.running = rows.collect::<Result<_>>()?;
    Ok(status)
}

pub(crate) fn dead_letters(
    db: &Connection,
    queue: &Queue,
    at_most: usize,
) -> Result<Vec<DeadLetter>> {
    let mut find = db.prepare_cached(
        "select envelope, outcome from jobs where queue = ?1 and dead = 1 and envelope is not null order by settled_no limit ?2",
    )?;
    let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
    let rows = find.query_map(params![queue.as_str(), at_most], |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
    })?;
    let mut letters = Vec::new();
    for row in rows {
        let (envelope, outcome) = row?;
        if let Ok(envelope) = Envelope::from_bytes(&envelope) {
            letters.push(DeadLetter::new(envelope, End::dead(outcome)));
        }
    }
    Ok(letters)
}

/// Lets a dead letter be leased again. Returns none if there is no room.
pub(crate) fn redrive(
    db: &Connection,
    queue: &Queue,
    job: &JobId,
    limit: usize,
    now: Time,
) -> Result<Option<bool>> {
    expire(db, queue, now)?;
    let letter: Option<(Vec<u8>, i64, i64)> = db
        .prepare_cached(
            "select envelope, epoch, settled_no from jobs
             where queue = ?1 and id = ?2 and dead = 1 and envelope is not null and until is null",
        )?
        .query_row(params![queue.as_str(), job.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((envelope, epoch, settled_no)) = letter else { return Ok(Some(false)) };
    let Ok(mut envelope) = Envelope::from_bytes(&envelope) else { return Ok(Some(false)) };
    if !has_room(db, queue, 1, limit)? {
        return Ok(None);
    }
    envelope.caller = None;
    // It comes after all others, and earlier leases of it are none any more.
    db.prepare_cached("delete from jobs where queue = ?1 and id = ?2")?
        .execute(params![queue.as_str(), job.as_str()])?;
    put(db, queue, &[envelope], usize::MAX, now)?;
    // Its number stays taken: those who wait for outcomes look at higher ones only.
    db.prepare_cached("update jobs set epoch = ?3, settled_no = ?4 where queue = ?1 and id = ?2")?
        .execute(params![queue.as_str(), job.as_str(), epoch, settled_no])?;
    Ok(Some(true))
}

/// A number that is never negative.
fn count<N: TryFrom<i64>>(row: &Row<'_>, column: usize) -> Result<N> {
    let number: i64 = row.get(column)?;
    N::try_from(number).map_err(|_| Error::IntegralValueOutOfRange(column, number))
}

fn lease_id(seq: i64, epoch: u64) -> LeaseId {
    LeaseId::new(format!("{seq}:{epoch}"))
}

fn read_lease(id: &LeaseId) -> Option<(i64, i64)> {
    let (seq, epoch) = id.as_str().split_once(':')?;
    Some((seq.parse().ok()?, epoch.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    /// Given a queue with many jobs that have ended, then what is asked for often is found by an index, and no step reads them all or sorts. With one index
    /// and an `or`, a claim took 30 times as long.
    #[test]
    fn j49_no_claim_reads_all_jobs() {
        let mut db = Connection::open_in_memory().unwrap();
        schema::prepare(&mut db).unwrap();
        let often = [
            (CLAIM, "ready"),
            (MAY_CLAIM, "ready"),
            (NEXT_CHANGE, "ready"),
            (EXPIRE, "leased"),
            (HELD, "leased"),
            (SETTLED_SINCE, "settled"),
        ];
        for (sql, index) in often {
            let mut plan = db.prepare(&format!("explain query plan {sql}")).unwrap();
            let all = plan.parameter_count();
            let values = rusqlite::params_from_iter((0..all).map(|n| n as i64));
            let steps = plan.query_map(values, |row| row.get::<_, String>(3)).unwrap();
            let steps: Vec<_> = steps.map(Result::unwrap).collect();
            assert!(
                steps.iter().any(|step| step.contains(&format!("INDEX {index}"))),
                "{sql}: {steps:?}"
            );
            let slow = |step: &&String| step.contains("SCAN jobs") || step.contains("TEMP B-TREE");
            assert_eq!(steps.iter().find(slow), None, "{sql}: {steps:?}");
        }
    }
}
