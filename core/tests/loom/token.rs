//! Tokens: a cancel against everything else that can be done with one.

use anyscope_core::{
    CancelToken, OwnedScope, Scope,
    model::{Tasks, block_on, block_on_fresh, check, spawn},
};

fn why(token: &CancelToken) -> Option<&str> {
    token.reason().map(|reason| reason.message())
}

/// A child is made while its parent is cancelled: it is cancelled too, for the same reason. Fails
/// if a closed list takes it, if whoever is refused does not see the reason, or if what is refused
/// is leaked.
#[test]
fn child_or_cancel() {
    check("token: child or cancel", || {
        let parent = CancelToken::new();
        let other = parent.clone();
        let maker = spawn(move || other.child_token());
        parent.cancel("test");
        let child = maker.join();
        assert!(child.is_cancelled());
        assert_eq!(child.reason(), parent.reason());
    });
}

/// A grandchild is made while the cancel comes down from above. Fails if a cancel does not close
/// the lists on its way.
#[test]
fn grandchild_or_cancel() {
    check("token: grandchild or cancel", || {
        let root = CancelToken::new();
        let child = root.child_token();
        let maker = spawn(move || child.child_token());
        root.cancel("test");
        assert_eq!(why(&maker.join()), Some("test"));
    });
}

/// Two cancel: one reason counts, both see it, and so does a child. Fails if the flag is set before
/// the reason, with less than a release, or if each goes down with its own reason.
#[test]
fn cancel_or_cancel() {
    check("token: cancel or cancel", || {
        let token = CancelToken::new();
        let child = token.child_token();
        let other = token.clone();
        let below = child.clone();
        let canceller = spawn(move || {
            other.cancel("one");
            assert!(below.is_cancelled());
            other.reason().expect("it is cancelled").clone()
        });
        token.cancel("other");
        assert!(child.is_cancelled());
        let reason = token.reason().expect("it is cancelled").clone();
        assert_eq!(canceller.join(), reason);
        assert_eq!(why(&child), Some(reason.message()));
    });
}

/// One cancels a token, another its child: all below are cancelled when either call returns. Fails
/// if who comes second leaves to the first what that has begun.
#[test]
fn cancel_or_cancel_below() {
    check("token: cancel or cancel below", || {
        let root = CancelToken::new();
        let child = root.child_token();
        let grandchild = child.child_token();
        let below = grandchild.clone();
        let canceller = spawn(move || {
            child.cancel("child");
            assert!(below.is_cancelled());
        });
        root.cancel("root");
        assert!(grandchild.is_cancelled());
        canceller.join();
        assert_eq!(why(&root), Some("root"));
        assert!(matches!(why(&grandchild), Some("root" | "child")));
    });
}

/// A task waits while the token is cancelled: no wake is lost, and whoever is told can ask why.
/// Fails without the fence of a listener, or if the flag is set before the reason.
#[test]
fn wait_or_cancel() {
    check("token: wait or cancel", || {
        let token = CancelToken::new();
        let other = token.clone();
        let canceller = spawn(move || other.cancel("test"));
        block_on(token.cancelled());
        assert_eq!(why(&token), Some("test"));
        canceller.join();
    });
}

/// The same below, with another waker at each poll. Fails if the flag is set with less than a
/// release.
#[test]
fn wait_or_cancel_above() {
    check("token: wait or cancel above", || {
        let root = CancelToken::new();
        let child = root.child_token();
        let waiter = spawn(move || {
            block_on_fresh(child.cancelled());
            assert_eq!(why(&child), Some("test"));
        });
        root.cancel("test");
        waiter.join();
    });
}

/// The flag alone, read without waiting, brings the reason along.
#[test]
fn look_or_cancel() {
    check("token: look or cancel", || {
        let token = CancelToken::new();
        let other = token.clone();
        let canceller = spawn(move || other.cancel("test"));
        if let Err(cancelled) = token.checkpoint() {
            assert_eq!(cancelled.reason().map(|reason| reason.message()), Some("test"));
        }
        canceller.join();
    });
}

/// A child is made after a cancel has returned, while somebody else still cancels: it is
/// cancelled. Fails if who comes second leaves it to the first to close the list.
#[test]
fn child_or_cancel_or_cancel() {
    check("token: child or cancel or cancel", || {
        let token = CancelToken::new();
        let other = token.clone();
        let canceller = spawn(move || other.cancel("one"));
        token.cancel("other");
        assert!(token.child_token().is_cancelled());
        canceller.join();
    });
}

/// The last handle of a child is dropped while the parent is cancelled: its memory is freed once,
/// by whoever is last. loom counts.
#[test]
fn drop_or_cancel() {
    check("token: drop or cancel", || {
        let parent = CancelToken::new();
        let child = parent.child_token();
        let dropper = spawn(move || drop(child));
        parent.cancel("test");
        dropper.join();
    });
}

/// Both ends of a chain are dropped at the same time.
#[test]
fn drop_or_drop() {
    check("token: drop or drop", || {
        let parent = CancelToken::new();
        let child = parent.child_token();
        let dropper = spawn(move || drop(child));
        drop(parent);
        dropper.join();
    });
}

/// Siblings lose their last handles while another is made, which sweeps them out, and a cancel
/// comes: who has a handle is told. Fails if who has descendants is swept out.
#[test]
fn drop_or_sweep() {
    check("token: drop or sweep", || {
        let root = CancelToken::new();
        let child = root.child_token();
        let grandchild = child.child_token();
        let dropper = spawn(move || drop(child));
        (0..3).for_each(|_| drop(root.child_token()));
        root.cancel("test");
        assert_eq!(why(&grandchild), Some("test"));
        dropper.join();
    });
}

/// Children lose their last handles one after the other, and so sweep each other out, while another
/// is made and a cancel comes.
#[test]
fn drop_or_drop_or_cancel() {
    check("token: drop or drop or cancel", || {
        let root = CancelToken::new();
        let children = [(); 4].map(|()| root.child_token());
        let other = root.clone();
        let dropper = spawn(move || drop(children));
        let maker = spawn(move || other.child_token());
        root.cancel("test");
        assert_eq!(why(&maker.join()), Some("test"));
        dropper.join();
    });
}

/// A scope is cancelled while somebody asks for its token: the token is cancelled. Fails without
/// either of the fences between the two.
#[test]
fn token_of_a_scope_or_cancel() {
    check("token: of a scope or cancel", || {
        let scope = OwnedScope::new(&Tasks::default());
        let other = Scope::clone(&scope);
        let asks = spawn(move || other.token());
        scope.cancel("test");
        let token = asks.join();
        assert_eq!(why(&token), Some("test"));
    });
}

/// Two ask for tokens of a scope: a cancel tells both. Fails if each makes the token that it then
/// takes its own from.
#[test]
fn token_of_a_scope_or_token() {
    check("token: of a scope or of a scope", || {
        let scope = OwnedScope::new(&Tasks::default());
        let other = Scope::clone(&scope);
        let asks = spawn(move || other.token());
        let tokens = [scope.token(), asks.join()];
        scope.cancel("test");
        assert!(tokens.iter().all(|token| why(token) == Some("test")));
    });
}
