//! NATS does what an engine has to do.

use crate::support::server_or_return;
use anyscope::smol::Smol;
use anyscope_nats::Nats;
use anyscope_remote::contract;

/// Given a server, then it is an engine; also with a second client, as of another machine.
#[test]
fn j52_a_server_is_an_engine() {
    let server = server_or_return!("");
    smol::block_on(async {
        let engine = Nats::builder(server.address()).connect().await.unwrap();
        let other = Nats::builder(server.address()).connect().await.unwrap();
        anyscope::join((contract::check(&engine, &Smol), contract::check(&other, &Smol))).await;
    });
}
