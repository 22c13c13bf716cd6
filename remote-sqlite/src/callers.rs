//! Who is there. Each function runs inside a transaction of its caller's.

use crate::jobs::{Time, after};
use anyscope_remote::engine::{CallerId, Gone};
use rusqlite::{Connection, OptionalExtension, Result, params};
use std::time::Duration;

/// Within this time a caller that is there says so again when it can.
const AGAIN: Time = 5_000_000;

/// For so long one is known that may come back.
const DAY: Time = 24 * 60 * 60 * 1_000_000;

pub(crate) fn attend(db: &Connection, caller: &CallerId, lease: Duration, now: Time) -> Result<()> {
    // Whoever is not known never came, or is gone; so those that may come back are kept.
    db.prepare_cached("delete from callers where until < ?1")?.execute([now - DAY])?;
    db.prepare_cached(
        "insert into callers (id, until, lease) values (?1, ?2, ?3)
         on conflict do update set until = ?2, lease = ?3, missed = null",
    )?
    .execute(params![caller.as_str(), after(now, lease), after(0, lease)])?;
    Ok(())
}

/// Those of these callers that have not said lately that they are there. Reads only, as there mostly are none.
pub(crate) fn missed(db: &Connection, callers: &[CallerId], now: Time) -> Result<Vec<CallerId>> {
    let mut there = db.prepare_cached("select 1 from callers where id = ?1 and until > ?2")?;
    let mut missed = Vec::new();
    for caller in callers {
        if !there.exists(params![caller.as_str(), now])? {
            missed.push(caller.clone());
        }
    }
    Ok(missed)
}

/// Judges callers that were missed. While another process writes for long, or the disk is full, none of them can say that it is there; so it has time to, from the first
/// moment on at which it is missed and this could be written.
pub(crate) fn gone(db: &Connection, callers: &[CallerId], now: Time) -> Result<Gone> {
    let mut find = db.prepare_cached("select until, lease, missed from callers where id = ?1")?;
    let mut gone = Vec::new();
    for caller in callers {
        let id = caller.as_str();
        let known: Option<(Time, Time, Option<Time>)> =
            find.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        let over = match known {
            None => true,
            Some((until, ..)) if until > now => false,
            Some((_, lease, missed)) => {
                let over = missed.unwrap_or(now).saturating_add(lease.min(AGAIN)) <= now;
                if over {
                    db.prepare_cached("delete from callers where id = ?1")?.execute([id])?;
                } else {
                    let note = "update callers set missed = ifnull(missed, ?2) where id = ?1";
                    db.prepare_cached(note)?.execute(params![id, now])?;
                }
                over
            }
        };
        if over {
            gone.push(caller.clone());
        }
    }
    Ok(gone)
}
