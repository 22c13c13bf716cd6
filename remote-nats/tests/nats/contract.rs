//! NATS does what an engine has to do.

use crate::support::server_or_return;
use anyscope::smol::Smol;
use anyscope_nats::Nats;
use anyscope_remote::contract;

/// Given a server, then it is an engine; also with a second client, as of another machine, whose user has no more permissions than the docs name.
#[test]
fn j52_a_server_is_an_engine() {
    let docs = include_str!("../../../docs/scale-out.md");
    let (_, permissions) = docs.split_once("```text\npublish:").unwrap();
    let (permissions, _) = permissions.split_once("```").unwrap();
    let server = server_or_return!(&format!(
        "authorization {{ users: [{{ user: all, password: pw }},
            {{ user: few, password: pw, permissions: {{ publish:{permissions} }} }}] }}"
    ));
    smol::block_on(async {
        let [engine, other] =
            ["all", "few"].map(|user| Nats::builder(server.address()).user(user, "pw").connect());
        let (engine, other) = (engine.await.unwrap(), other.await.unwrap());
        anyscope::join((contract::check(&engine, &Smol), contract::check(&other, &Smol))).await;
    });
    assert!(!server.log().contains("Violation"), "{}", server.log());
}
