//! All kinds of scopes on an executor, to do the same to each.

use anyscope::{
    CancelledBy, Limit, OwnedScope, ScopeError, Spawn, flow, scope, scope_limited, try_scope,
    try_scope_limited,
};
use std::{future::Future, pin::Pin};

/// What a child does.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a scope ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Done,
    Cancelled(CancelledBy),
}

/// A kind of scope whose children run on an executor of type `E`.
pub struct Kind<E> {
    pub name: &'static str,
    pub fails_fast: bool,
    pub has_body: bool,
    open: fn(&E, Vec<Work>, Work) -> Opened,
}

/// A scope of any kind.
pub type Opened = Pin<Box<dyn Future<Output = End>>>;

impl<E> Kind<E> {
    /// A scope that spawns all of `work` in its first poll, or as much as it has room for, and
    /// drops the handles. Its body is `body` from then on, if it has one.
    pub fn open(
        &self,
        exec: &E,
        work: impl IntoIterator<Item = impl Future<Output = ()> + Send + 'static>,
        body: impl Future<Output = ()> + Send + 'static,
    ) -> Opened {
        let work = work.into_iter().map(|work| Box::pin(work) as Work).collect();
        (self.open)(exec, work, Box::pin(body))
    }
}

/// How many children the limited ones have at once.
const LIMIT: Limit = Limit::new(2);

/// All kinds.
pub fn kinds<E: Spawn + Clone + Send + Sync + 'static>() -> [Kind<E>; 8] {
    let kind = |name, fails_fast, open| Kind { name, fails_fast, has_body: true, open };
    let bodiless = |name, fails_fast, open| Kind { name, fails_fast, has_body: false, open };
    [
        kind("scope", false, |exec, work, body| {
            let scope = scope(exec, async move |s| {
                work.into_iter().for_each(|work| drop(s.spawn(work)));
                body.await;
            });
            Box::pin(async {
                scope.await;
                End::Done
            })
        }),
        kind("try_scope", true, |exec, work, body| {
            let scope = try_scope(exec, async move |s| {
                work.into_iter().for_each(|work| drop(s.spawn(unfailing(work))));
                body.await;
                Ok(())
            });
            Box::pin(async { end(scope.await) })
        }),
        kind("scope_limited", false, |exec, work, body| {
            let scope = scope_limited(exec, LIMIT, async move |s| {
                for work in work {
                    drop(s.spawn(work).await);
                }
                body.await;
            });
            Box::pin(async {
                scope.await;
                End::Done
            })
        }),
        kind("try_scope_limited", true, |exec, work, body| {
            let scope = try_scope_limited(exec, LIMIT, async move |s| {
                for work in work {
                    drop(s.spawn(unfailing(work)).await);
                }
                body.await;
                Ok(())
            });
            Box::pin(async { end(scope.await) })
        }),
        bodiless("owned", false, |exec, work, _| {
            let scope = OwnedScope::new(exec);
            Box::pin(async move {
                work.into_iter().for_each(|work| drop(scope.spawn(work)));
                scope.close().await;
                End::Done
            })
        }),
        bodiless("owned, fail-fast", true, |exec, work, _| {
            let scope = OwnedScope::fail_fast(exec);
            Box::pin(async move {
                work.into_iter().for_each(|work| drop(scope.spawn(unfailing(work))));
                end(scope.close().await)
            })
        }),
        bodiless("for_each_on", true, |exec, work, _| {
            let scope = flow::iter(work).for_each_on(exec, LIMIT, |work| work);
            Box::pin(async { end(scope.await.map_err(ScopeError::Cancelled)) })
        }),
        bodiless("try_for_each_on", true, |exec, work, _| {
            let scope = flow::iter(work).try_for_each_on(exec, LIMIT, unfailing);
            Box::pin(async { end(scope.await) })
        }),
    ]
}

async fn unfailing(work: Work) -> Result<(), ()> {
    work.await;
    Ok(())
}

fn end(result: Result<(), ScopeError<()>>) -> End {
    match result {
        Ok(()) => End::Done,
        Err(ScopeError::Cancelled(cancelled)) => End::Cancelled(cancelled.by()),
        Err(other) => panic!("nothing fails here: {other:?}"),
    }
}
