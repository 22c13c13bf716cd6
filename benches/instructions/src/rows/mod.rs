//! Every row: what is counted, beside its floor and its peers.

mod calls;
mod flows;
mod peers;
mod scopes;
mod sets;

use crate::{
    channels, groups, limits,
    work::{Bursts, ParksOnce, ParksThrice, Ready, Sparse, WakeOne, ready, yields},
};
use calls::{retries, timeouts, tokens};
use flows::{maps, merges};
use scopes::{cancels, parallel, parts, scopes, spawns};
use sets::{cycles, drops, sets, waits};

/// What a row stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    /// What the work costs when it is written by hand, without any library.
    Floor,
    Own,
    Peer,
}

pub(crate) struct Row {
    /// The hot path. One of each is our own.
    pub(crate) path: String,
    pub(crate) role: Role,
    pub(crate) name: &'static str,
    pub(crate) run: Box<dyn Fn()>,
}

#[derive(Default)]
pub(crate) struct Rows {
    all: Vec<Row>,
    path: String,
}

impl Rows {
    /// What is added from here on is one path.
    pub(crate) fn path(&mut self, path: String) -> &mut Self {
        self.path = path;
        self
    }

    pub(crate) fn add(
        &mut self,
        role: Role,
        name: &'static str,
        run: impl Fn() + 'static,
    ) -> &mut Self {
        self.all.push(Row { path: self.path.clone(), role, name, run: Box::new(run) });
        self
    }

    pub(crate) fn floor(&mut self, run: impl Fn() + 'static) -> &mut Self {
        self.add(Role::Floor, "floor", run)
    }

    pub(crate) fn own(&mut self, run: impl Fn() + 'static) -> &mut Self {
        self.add(Role::Own, "anyscope", run)
    }

    pub(crate) fn peer(&mut self, name: &'static str, run: impl Fn() + 'static) -> &mut Self {
        self.add(Role::Peer, name, run)
    }
}

pub(crate) fn all() -> Vec<Row> {
    let mut rows = Rows::default();
    sets::<Ready>(&mut rows, "ready", &[10, 100, 10_000]);
    sets::<ParksThrice>(&mut rows, "three yields", &[10, 100, 10_000]);
    sets::<WakeOne>(&mut rows, "wake one", &[1, 100, 10_000]);
    cycles(&mut rows, &[1, 100, 10_000]);
    drops(&mut rows, &[100, 10_000]);
    waits(&mut rows, "ready", ready);
    waits(&mut rows, "yields", yields);
    maps(&mut rows, "ready", ready);
    maps(&mut rows, "yields", yields);
    merges::<Bursts>(&mut rows, "bursty");
    merges::<Sparse>(&mut rows, "sparse");
    groups::rows::<Ready>(&mut rows, "ready");
    groups::rows::<ParksOnce>(&mut rows, "yields");
    spawns(&mut rows, "ready", ready);
    spawns(&mut rows, "yields", yields);
    parts(&mut rows);
    scopes(&mut rows);
    parallel(&mut rows, "ready", ready);
    parallel(&mut rows, "yields", yields);
    cancels(&mut rows);
    timeouts(&mut rows);
    retries(&mut rows);
    limits::rows(&mut rows);
    channels::rows(&mut rows);
    tokens(&mut rows);
    rows.all
}
