//! Processes that work, and call.

use anyscope_nats::Nats;
use anyscope_remote_tests::Place;
use std::{env, path::Path, time::Duration};

pub(crate) type Site = anyscope_remote_tests::Site<Servers>;

pub(crate) const LEASE: Duration = Duration::from_secs(2);

const SERVERS: &str = "ANYSCOPE_TEST_SERVERS";
const REPLICAS: &str = "ANYSCOPE_TEST_REPLICAS";

/// Servers, and how many of them have a copy.
pub(crate) struct Servers {
    addresses: String,
    replicas: usize,
}

/// Returns what processes share.
pub(crate) fn site(addresses: String, replicas: usize) -> Site {
    Site::new(Servers { addresses, replicas })
}

impl Place for Servers {
    type Engine = Nats;

    const CHILD: &'static str = "fleet::child";
    const LEASE: Duration = LEASE;
    const ATTEMPTS: u32 = 50;
    const MAY_BE_AWAY: bool = true;

    fn env(&self) -> Vec<(&'static str, String)> {
        vec![(SERVERS, self.addresses.clone()), (REPLICAS, self.replicas.to_string())]
    }

    fn open(&self, _: &Path) -> Nats {
        let builder = Nats::builder(&*self.addresses).replicas(self.replicas);
        smol::block_on(builder.wait_for_server().connect()).unwrap()
    }
}

/// Not a test, but what the processes of the others are.
#[test]
fn child() {
    anyscope_remote_tests::child(|| Servers {
        addresses: env::var(SERVERS).unwrap(),
        replicas: env::var(REPLICAS).unwrap().parse().unwrap(),
    });
}
