//! The steps of a get, each with what undoes it.

use super::{
    error::GetError,
    guard::Guard,
    idle::Resource,
    manage::Manage,
    places::Place,
    shared::{Next, Shared},
};
use alloc::sync::Arc;

/// Makes a guard of a resource that is idle and can be used again, or else of a new one.
///
/// Dropped or panicking at any point, it frees the place, and what it holds is destroyed.
pub(super) async fn checkout<M: Manage>(
    shared: &Arc<Shared<M>>,
    place: Place<'_>,
) -> Result<Guard<M>, GetError<M::Error>> {
    let now = shared.now();
    let ready = loop {
        match shared.next(now) {
            Next::Closed => return Err(GetError::Closed),
            Next::Destroy(resource) => shared.destroy(resource),
            Next::Recycle(resource) => {
                let mut ready = Ready { shared, resource: Some(resource) };
                if ready.recycle().await {
                    break ready;
                }
            }
            Next::Create => break create(shared).await?,
        }
    };
    if shared.is_closed() {
        return Err(GetError::Closed);
    }
    let guard = ready.into_guard();
    place.forget();
    Ok(guard)
}

async fn create<M: Manage>(shared: &Arc<Shared<M>>) -> Result<Ready<'_, M>, GetError<M::Error>> {
    let creating = Creating { shared, is_done: false };
    let value = shared.manager.create().await.map_err(GetError::Create)?;
    // Not before there is one: counts as lent from here on, so that it is destroyed if what follows
    // panics.
    let mut ready = creating.done(value);
    if let Some(resource) = &mut ready.resource {
        resource.created = shared.now();
    }
    Ok(ready)
}

/// A call of `create`.
struct Creating<'a, M: Manage> {
    shared: &'a Arc<Shared<M>>,
    is_done: bool,
}

impl<'a, M: Manage> Creating<'a, M> {
    fn done(mut self, value: M::Resource) -> Ready<'a, M> {
        self.is_done = true;
        let created = crate::time::Instant::NEVER;
        let ready = Ready { shared: self.shared, resource: Some(Resource { value, created }) };
        self.shared.created(true);
        ready
    }
}

impl<M: Manage> Drop for Creating<'_, M> {
    fn drop(&mut self) {
        if !self.is_done {
            self.shared.created(false);
        }
    }
}

/// A resource that counts as lent, and has no guard yet.
struct Ready<'a, M: Manage> {
    shared: &'a Arc<Shared<M>>,
    // None only once there is a guard.
    resource: Option<Resource<M::Resource>>,
}

impl<M: Manage> Ready<'_, M> {
    /// Returns whether the resource can be used again.
    async fn recycle(&mut self) -> bool {
        match &mut self.resource {
            Some(resource) => self.shared.manager.recycle(&mut resource.value).await,
            None => false,
        }
    }

    fn into_guard(mut self) -> Guard<M> {
        let resource = self.resource.take().expect("there is no guard yet");
        Guard::new(self.shared.clone(), resource)
    }
}

impl<M: Manage> Drop for Ready<'_, M> {
    fn drop(&mut self) {
        if let Some(resource) = self.resource.take() {
            self.shared.end_lent(resource);
        }
    }
}
