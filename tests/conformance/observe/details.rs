//! What is said of a wait when somebody looks.

use anyscope::{
    concurrent,
    observe::{labelled, tree::Tree},
    scope,
};
use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use support::{Signal, behaviour, until, yields};

fn text(tree: &Tree, name: &str) -> Option<String> {
    let snapshot = tree.snapshot();
    let child = snapshot.children().find(|child| child.name() == Some(name))?;
    Some(child.waits.first()?.text.clone())
}

behaviour! {
    /// Given a wait of which more can be said, then each look asks once and shows the words of that moment; the verdict and whoever does not look ask for none; and when the
    /// wait is over, what would have said them is gone.
    o22_details_are_said_to_who_looks in [spawned, inline] |ex| {
        let (tree, go, asked) = (Tree::new(), Signal::new(), Arc::new(AtomicUsize::new(0)));
        let detail = asked.clone();
        let wait = labelled("an answer", go.wait())
            .detailed(move || Some(format!("{} before", detail.fetch_add(1, Relaxed))));
        let work = open!(async |s| {
            let child = s.spawn_named("asks", wait);
            until(|| text(&tree, "asks").is_some()).await;
            let before = asked.load(Relaxed);
            let looks = [(); 3].map(|()| text(&tree, "asks").unwrap());
            assert_eq!(looks, [0, 1, 2].map(|n| format!("an answer ({} before)", before + n)));
            assert_eq!(tree.verdict().map(|verdict| verdict.to_string()), None);
            assert_eq!(asked.load(Relaxed), before + 3);
            go.fire();
            child.await.unwrap();
        });
        tree.watch(work).await;
        assert_eq!(Arc::strong_count(&asked), 1);
    }
}

/// Given who has nothing to say, or panics, then the wait is shown without it, and the look goes on; one that ends with its scope is gone with it.
#[test]
fn o23_a_look_outlives_what_it_asks() {
    let tree = Tree::new();
    let kept = Arc::new(());
    let held = kept.clone();
    let silent = labelled("the first", pending::<()>()).detailed(|| None);
    let broken = labelled("the second", pending::<()>()).detailed(move || -> Option<String> {
        let _held = &held;
        panic!("broken")
    });
    let last = labelled("the third", pending::<()>()).detailed(|| Some("it goes on".to_owned()));
    smol::block_on(tree.watch(concurrent(async |s| {
        s.spawn_named("silent", silent);
        s.spawn_named("broken", broken);
        s.spawn_named("last", last);
        yields(2).await;
        assert_eq!(text(&tree, "silent").unwrap(), "the first");
        assert_eq!(text(&tree, "broken").unwrap(), "the second");
        assert_eq!(text(&tree, "last").unwrap(), "the third (it goes on)");
        s.cancel("seen");
    })));
    assert_eq!(Arc::strong_count(&kept), 1);
}

/// Given a wait that nobody watches, then nobody is asked.
#[test]
fn o24_without_a_tree_nothing_is_said() {
    let go = Signal::new();
    let wait = labelled("an answer", go.wait()).detailed(|| panic!("nobody looks"));
    smol::block_on(scope(&anyscope::smol::Smol, async |s| {
        let child = s.spawn(wait);
        until(|| go.waiting() == 1).await;
        go.fire();
        child.await.unwrap();
    }));
}
