//! Observers that do not want to know of children, at the moment, are not told of them.

use anyscope::observe::{Begin, Observer, Outcome, Subject, Who, tree::Tree};
use std::sync::{Arc, Mutex};
use support::{behaviour, yield_now};

/// Keeps the names of children of which it is told. Wants to know of them while `wants`.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<(bool, Vec<String>, usize)>>);

impl Names {
    fn want(&self, wants: bool) {
        self.0.lock().unwrap().0 = wants;
    }

    /// The names of those that have begun, and how many have ended.
    fn told(&self) -> (String, usize) {
        let kept = self.0.lock().unwrap();
        (kept.1.join(" "), kept.2)
    }
}

impl Observer for Names {
    fn begins(&self, begin: &Begin<'_>) -> u64 {
        let Who::Child { .. } = begin.who else { return 0 };
        self.0.lock().unwrap().1.push(begin.name.unwrap().into());
        1
    }

    fn ends(&self, subject: Subject, _: Outcome) {
        self.0.lock().unwrap().2 += subject.mark as usize;
    }

    fn wants_children(&self) -> bool {
        self.0.lock().unwrap().0
    }
}

behaviour! {
    /// Given an observer that wants to know of children now and then, then it is told of those that are spawned meanwhile, from begin
    /// to end; given another one that wants to know, then both are told.
    o114_unwanted_children_are_not_told in [spawned, inline] |ex| {
        let names = Names::default();
        let work = open!(async |s| {
            s.spawn_named("a", yield_now()).await.unwrap();
            names.want(true);
            let b = s.spawn_named("b", yield_now());
            names.want(false);
            b.await.unwrap();
            s.spawn_named("c", yield_now()).await.unwrap();
        });
        Tree::builder().observer(names.clone()).build().watch(work).await;
        assert_eq!(names.told(), ("b".into(), 1));

        let (names, other) = (Names::default(), Names::default());
        other.want(true);
        let work = open!(async |s| s.spawn_named("a", yield_now()).await.unwrap());
        let tree = Tree::builder().observer(names.clone()).observer(other.clone()).build();
        tree.watch(work).await;
        assert_eq!((names.told(), other.told()), (("a".into(), 1), ("a".into(), 1)));
    }
}
