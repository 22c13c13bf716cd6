//! Which public types may move between threads, and which must not: a row for each.
//!
//! This file is its own test: if a row is wrong, it does not compile.

#![allow(dead_code)]

use anyscope::{
    smol::{Smol, SmolExecutor, SmolHandle, SmolLocal, SmolLocalHandle},
    threads::{Builder, ThreadPool, ThreadPoolHandle},
    tokio::{Tokio, TokioLocal, TokioLocalHandle, TokioRuntime, WithTokio},
    *,
};
use std::{cell::Cell, rc::Rc};

/// A value that may be sent, but not shared.
type SendOnly = Cell<u8>;
/// A value that stays on its thread.
type Local = Rc<u8>;
type Body = std::future::Ready<()>;
type LocalBody = std::future::Ready<Local>;
type TryBody = std::future::Ready<Result<(), Local>>;

/// `$type` is `$bound`.
macro_rules! yes {
    ($bound:ident: $($type:ty),+ $(,)?) => {$(
        const _: fn() = || {
            fn check<T: ?Sized + $bound>() {}
            check::<$type>();
        };
    )+};
}

/// `$type` is not `$bound`: else there would be two ways to fill in the blank.
macro_rules! no {
    ($bound:ident: $($type:ty),+ $(,)?) => {$(
        const _: fn() = || {
            trait Ambiguous<A> {
                fn check() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            impl<T: ?Sized + $bound> Ambiguous<u8> for T {}
            <$type as Ambiguous<_>>::check();
        };
    )+};
}

// What an executor is lent, and what a user is given.
yes!(Send: Child, JoinHandle<'_, SendOnly>, Cancel<'_, SendOnly>, Value<'_, SendOnly>);
yes!(Sync: Child, JoinHandle<'_, SendOnly>, JoinHandle<'_, Local>);
yes!(Unpin: Child, LocalChild, JoinHandle<'_, Local>, LocalJoinHandle<'_, Local>);
no!(Send: LocalChild, LocalJoinHandle<'_, ()>, JoinHandle<'_, Local>, Cancel<'_, Local>);
no!(Sync: LocalChild, LocalJoinHandle<'_, ()>);
yes!(Send: Kept, JoinError, Cancelled, CancelCause, ChildId, Panic, Limit, ZeroLimit, Instant);
yes!(Sync: Kept, JoinError, Cancelled, CancelCause, ChildId, Panic, Limit, ZeroLimit, Instant);

// Scopes: as their children.
yes!(Send: Scope<Smol>, TryScope<Smol, SendOnly>, LimitedScope<Smol>, OwnedScope<Smol>);
yes!(Sync: Scope<Smol>, TryScope<Smol, SendOnly>, LimitedScope<Smol>, OwnedScope<Smol>);
yes!(Send: Concurrent<'_>, TryConcurrent<'_, SendOnly>);
yes!(Sync: Concurrent<'_>, TryConcurrent<'_, SendOnly>);
yes!(Sync: BlockScope<'_, '_, Smol>, TryBlockScope<'_, '_, Smol, SendOnly>);
no!(Send: ScopeLocal<Smol>, ConcurrentLocal<'_>, TryScope<Smol, Local>, TryConcurrent<'_, Local>);
no!(Sync: ScopeLocal<Smol>, ConcurrentLocal<'_>, TryScope<Smol, Local>, TryConcurrent<'_, Local>);
yes!(Send: ScopeFuture<Body>, ConcurrentFuture<'_, Body>);
no!(Send: ScopeFuture<LocalBody>, ConcurrentFuture<'_, LocalBody>);
no!(Send: ScopeFuture<TryBody, FailFast<Local>>);
no!(Send: ScopeFuture<Body, Supervise, SameThread>, ConcurrentFuture<'_, Body, Supervise, SameThread>);
yes!(Send: Ready<SendOnly>, Start<'_, SendOnly, SendOnly>, ScopeError<SendOnly>);
no!(Send: Ready<Local>, Start<'_, Local, ()>, Start<'_, (), Local>, ScopeError<Local>);
yes!(Send: Supervise, FailFast<SendOnly>, Anywhere, TrySpawnError<SendOnly>);
no!(Send: FailFast<Local>, SameThread);

// Adapters.
yes!(Send: Smol, SmolExecutor, SmolHandle, Tokio, TokioRuntime, WithTokio<Smol>);
yes!(Sync: Smol, SmolExecutor, SmolHandle, Tokio, TokioRuntime, WithTokio<Smol>);
yes!(Send: ThreadPool, ThreadPoolHandle, Builder);
yes!(Sync: ThreadPool, ThreadPoolHandle, Builder);
no!(Send: SmolLocal, SmolLocalHandle, TokioLocal, TokioLocalHandle);
// Owners are not handed around: whoever has one may block on it, and its drop is the shutdown.
no!(Clone: SmolExecutor, SmolLocal, TokioRuntime, TokioLocal, ThreadPool);
yes!(Clone: Smol, SmolHandle, SmolLocalHandle, Tokio, TokioLocalHandle, ThreadPoolHandle);
no!(Send: enter::Entered);
