//! The tables, and the version of them.

use crate::error::translate;
use anyscope_remote::{EngineError, ErrorKind};
use rusqlite::{Connection, TransactionBehavior};

/// Of the tables. A file of another version is refused: nobody guesses at what is stored.
const VERSION: i64 = 1;

/// "anyj", so that other databases are not taken for ours.
const APPLICATION: i64 = 0x616e_796a;

/// Each column of times has microseconds since 1970. A lease is held while `until` is not null; a job has ended when `outcome` is not.
const TABLES: &str = "
create table jobs (
    seq integer primary key autoincrement,
    queue text not null,
    id text not null,
    name text not null,
    envelope blob,          -- null if it was settled before it was put
    key text,
    put_at integer not null,
    due integer not null,
    attempts integer not null default 0,
    epoch integer not null default 0,
    until integer,
    since integer,
    worker text,
    outcome blob,
    dead integer not null default 0,
    settled_at integer,
    settled_no integer,     -- in the order in which jobs were settled, for those who wait
    unique (queue, id)
);
-- Partial, so that what has ended is in none that a claim reads.
create index ready on jobs (queue, due, seq) where outcome is null and until is null;
create index leased on jobs (queue, until) where until is not null;
create index keys on jobs (queue, key, seq) where outcome is null and key is not null;
create index settled on jobs (settled_no) where settled_no is not null;
create index kept on jobs (settled_at) where settled_at is not null;
create index dead on jobs (queue, settled_no) where dead = 1;
create table callers (
    id text primary key,
    until integer not null,
    lease integer not null default 0,
    missed integer          -- since when it is known not to have come back
) without rowid;
create table signals (
    no integer primary key autoincrement,
    queue text not null,
    job text not null,
    at integer not null
);
";

/// Makes the tables if there are none, and checks whose they are.
pub(crate) fn prepare(db: &mut Connection) -> Result<(), EngineError> {
    let transaction =
        db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(translate)?;
    let pragma = |name: &str| {
        transaction.query_row(&format!("pragma {name}"), [], |row| row.get::<_, i64>(0))
    };
    let (application, version) =
        (pragma("application_id").map_err(translate)?, pragma("user_version").map_err(translate)?);
    let tables: i64 = transaction
        .query_row("select count(*) from sqlite_master", [], |row| row.get(0))
        .map_err(translate)?;
    match (application, version, tables) {
        (APPLICATION, VERSION, _) => add(&transaction).map_err(translate)?,
        (0, 0, 0) => transaction
            .execute_batch(&format!(
                "{TABLES} pragma application_id = {APPLICATION}; pragma user_version = {VERSION};"
            ))
            .map_err(translate)?,
        (APPLICATION, version, _) => {
            let what = format!(
                "the file has tables of version {version}, and this is for version {VERSION}"
            );
            return Err(EngineError::new(ErrorKind::Incompatible, what));
        }
        _ => {
            let what = "the file is a database of something else";
            return Err(EngineError::new(ErrorKind::Incompatible, what));
        }
    }
    transaction.commit().map_err(translate)
}

/// Adds what earlier programs have not made, and pass over.
fn add(db: &Connection) -> rusqlite::Result<()> {
    let is_there =
        "select exists (select 1 from pragma_table_info('callers') where name = 'lease')";
    if db.query_row(is_there, [], |row| row.get(0))? {
        return Ok(());
    }
    db.execute_batch(
        "alter table callers add column lease integer not null default 0;
         alter table callers add column missed integer;",
    )
}
