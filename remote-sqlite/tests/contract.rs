//! SQLite does what an engine has to do.

use anyscope::smol::Smol;
use anyscope_remote::contract;
use anyscope_sqlite::Sqlite;

/// Given a file, then it is an engine; also with a second handle, as of another process.
#[test]
fn j40_a_file_is_an_engine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let engine = Sqlite::open(&path).unwrap();
    let other = Sqlite::open(&path).unwrap();
    smol::block_on(async {
        anyscope::join((contract::check(&engine, &Smol), contract::check(&other, &Smol))).await;
    });
}
