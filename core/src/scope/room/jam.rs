//! Finds out that all places of a scope are held by children that wait for room in it.
//!
//! Such children wait for ever, unless they are cancelled. A child counts as *stuck* if nothing but
//! room can wake it, which is found out by a poll with a waker of our own, the [`Probe`]. Whatever a
//! future still waits for holds a clone of the waker of its last poll. So if the probe has as many
//! clones after the poll as there are waits for room that hold one, then nothing else does: no
//! timer, no channel, no task that the child wrapped the waker for. Who takes a clone to be one of a
//! wait for room, when it is another's, would accuse a child that goes on in a moment; so each count
//! errs to the other side:
//!
//! - A wait registers after it has its clone, and is struck off before it gives the clone up. It
//!   registers only in the poll with the probe, so that the number only falls afterwards.
//! - A wake is noted before its clone is dropped, and ends the verdict, as do a poll and the drop of
//!   the child.
//!
//! Nothing is known of places that are held by somebody else: a [`Room`](super::Room), a child
//! that blocks a thread; then not all places are those of stuck children, and nobody is accused. The
//! same goes for a child whose wait is inside a combinator that has wakers of its own.

#[cfg(not(all(feature = "std", not(anyscope_loom))))]
pub(in crate::scope) use unknown::{Jam, watched};
#[cfg(not(all(feature = "std", not(anyscope_loom))))]
pub(super) use unknown::{Noted, is_second_poll, note};
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(in crate::scope) use watch::{Jam, watched};
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(super) use watch::{Noted, is_second_poll, note};

#[cfg(all(feature = "std", not(anyscope_loom)))]
mod watch {
    use crate::{
        cancel::current,
        limit::Limit,
        scope::{policy::Policy, shared::Shared},
        sync::{
            AtomicBool, AtomicUsize, Ordering, fence,
            lock::Lock,
            nest::{self, Nest, Nested},
            once_box::OnceBox,
        },
        waits,
    };
    use alloc::{
        collections::BTreeMap,
        format,
        string::String,
        sync::{Arc, Weak},
        task::Wake,
        vec::Vec,
    };
    use core::{
        cell::Cell,
        future::Future,
        mem,
        pin::Pin,
        ptr,
        task::{Context, Poll, Waker},
    };
    use pin_project_lite::pin_project;

    /// Watches a child that has a place of a limited scope.
    pub(in crate::scope) fn watched<F>(future: F) -> Watched<F> {
        Watched { mark: Mark(None), future }
    }

    pin_project! {
        /// A child that panics when it completes a jam.
        pub(in crate::scope) struct Watched<F> {
            // Dropped first: a child that is being dropped is not stuck.
            mark: Mark,
            #[pin]
            future: F,
        }
    }

    impl<F: Future> Future for Watched<F> {
        type Output = F::Output;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
            let mut this = self.project();
            this.mark.lift();
            let polled = this.future.as_mut().poll(cx);
            if polled.is_pending() && has_waited() {
                return look(this.future, this.mark, cx);
            }
            polled
        }
    }

    /// Which children of a scope are stuck.
    pub(in crate::scope) struct Jam {
        /// Made by the first.
        stuck: OnceBox<Arc<Lock<Stuck>>>,
    }

    impl Jam {
        pub(in crate::scope) fn new() -> Self {
            Jam { stuck: OnceBox::new() }
        }

        fn stuck(&self) -> &Arc<Lock<Stuck>> {
            if self.stuck.get().is_none() {
                // If another thread was first, its list is used.
                let _ = self.stuck.set(Arc::new(Lock::new(Stuck::default())));
            }
            self.stuck.get().expect("set above")
        }
    }

    /// The stuck children of a scope.
    #[derive(Default)]
    struct Stuck {
        /// Their names, in the order in which they got stuck.
        names: BTreeMap<usize, String>,
        /// How many have ever been stuck.
        ever: usize,
    }

    /// A wait for room that holds a clone of a probe.
    #[derive(Default)]
    pub(in crate::scope::room) struct Noted {
        _probe: Option<Weak<Probe>>,
    }

    /// Notes that a wait for room has registered the waker of `cx`, if it is that of a child of this
    /// very scope. The result is to be dropped before the waker is given up.
    pub(in crate::scope::room) fn note<P: Policy, K>(
        shared: &Shared<P, K>,
        cx: &Context<'_>,
    ) -> Noted {
        // A limit that changes may be raised by anybody.
        let (Limit::AtMost(limit), None) = (shared.limit(), shared.limit.live()) else {
            return Noted::default();
        };
        let Some(child) = current::directly_in_child_of(ptr::from_ref(shared).cast()) else {
            return Noted::default();
        };
        let _ = WAITING.try_with(|waiting| waiting.set(child));
        let probe = nest::find(&PROBES, |probe| {
            let is_it = ptr::addr_eq(Arc::as_ptr(probe), cx.waker().data());
            is_it.then(|| {
                // Others of the same child wait in the same scope.
                let _ = probe.scope.set((shared.jam.stuck().clone(), limit.get()));
                Arc::downgrade(probe)
            })
        });
        Noted { _probe: probe }
    }

    /// Whether this is the second of two polls, made to find out what the child waits for.
    pub(in crate::scope::room) fn is_second_poll() -> bool {
        !nest::innermost(&PROBES).is_null()
    }

    std::thread_local! {
        /// The last child on this thread that has polled a wait for room in its own scope.
        static WAITING: Cell<*const ()> = const { Cell::new(ptr::null()) };
        static PROBES: Nest<Probes> = const { Nest::new() };
    }

    /// Whether the child that this thread is polling has waited for room in its own scope.
    fn has_waited() -> bool {
        let child = WAITING.try_with(|waiting| waiting.replace(ptr::null()));
        child.is_ok_and(|child| !child.is_null() && current::innermost_child() == child)
    }

    /// The probes with which this thread polls.
    struct Probes;

    impl Nested for Probes {
        type Value<'a> = &'a Arc<Probe>;

        fn shorten<'short, 'long: 'short>(
            value: &'short &'long Arc<Probe>,
        ) -> &'short &'short Arc<Probe> {
            value
        }
    }

    /// A waker of one poll, which counts its clones.
    struct Probe {
        /// The waker of the child.
        task: Waker,
        woken: AtomicBool,
        /// The stuck children of the scope, and its limit. Set by the first wait for room.
        scope: OnceBox<(Arc<Lock<Stuck>>, usize)>,
        /// The place of the child in the list, which counts from 1. Zero if it is not there. Changed
        /// under the lock of the list.
        place: AtomicUsize,
    }

    impl Probe {
        /// Whether it has no clones but those of waits for room.
        fn is_for_room_only(self: &Arc<Self>) -> bool {
            let waits = Arc::weak_count(self);
            let clones = Arc::strong_count(self) - 1;
            // A clone was given up after its wait was struck off, or was fired after the wake was
            // noted: see that, too. And pairs with the fence in `lift`, which may have found no
            // list because it came before the wait was noted.
            fence(Ordering::SeqCst);
            let is_steady = Arc::weak_count(self) == waits && !self.woken.load(Ordering::Relaxed);
            is_steady && waits > 0 && clones == waits
        }

        /// Enters the child in the list. Returns what to say if it completes a jam.
        fn mark(self: &Arc<Self>) -> Option<String> {
            let (stuck, limit) = self.scope.get()?;
            let name = current::name_of_child()?;
            stuck.with(|stuck| {
                if !self.is_for_room_only() {
                    return None;
                }
                stuck.ever += 1;
                self.place.store(stuck.ever, Ordering::Relaxed);
                stuck.names.insert(stuck.ever, name);
                if stuck.names.len() < *limit {
                    return None;
                }
                let names: Vec<_> = stuck.names.values().map(|name| &**name).collect();
                let jam = format!(
                    "all places of a scope of {limit} are held by children that wait for room \
                     in it, and would wait for ever: {}; let its body spawn, or raise the limit",
                    names.join("; "),
                );
                // It gives its place up by its panic, so the others are not stuck any more, also if
                // they are polled before that.
                stuck.names.remove(&self.place.swap(0, Ordering::Relaxed));
                Some(jam)
            })
        }

        /// The child is not stuck any more.
        fn lift(&self) {
            self.woken.store(true, Ordering::Release);
            // Whoever enters the child after this sees the wake, or we find it in the list.
            fence(Ordering::SeqCst);
            if let Some((stuck, _)) = self.scope.get() {
                stuck.with(|stuck| stuck.names.remove(&self.place.swap(0, Ordering::Relaxed)));
            }
        }
    }

    impl Wake for Probe {
        fn wake(self: Arc<Self>) {
            self.wake_by_ref();
        }

        fn wake_by_ref(self: &Arc<Self>) {
            self.lift();
            self.task.wake_by_ref();
        }
    }

    /// That a child is in the list.
    struct Mark(Option<Arc<Probe>>);

    impl Mark {
        fn lift(&mut self) {
            if let Some(probe) = mem::take(&mut self.0) {
                probe.lift();
            }
        }
    }

    impl Drop for Mark {
        fn drop(&mut self) {
            self.lift();
        }
    }

    /// Polls a child a second time, with a probe, and panics if it completes a jam.
    #[cold]
    fn look<F: Future>(
        future: Pin<&mut F>,
        mark: &mut Mark,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        let probe = Arc::new(Probe {
            task: cx.waker().clone(),
            woken: AtomicBool::new(false),
            scope: OnceBox::new(),
            place: AtomicUsize::new(0),
        });
        let polled = {
            let waker = Waker::from(probe.clone());
            let poll = || future.poll(&mut Context::from_waker(&waker));
            nest::with(&PROBES, &probe, || waits::unheard(poll))
        };
        has_waited();
        if polled.is_ready() || current::asked_to_end().is_some() {
            return polled;
        }
        let jam = probe.mark();
        *mark = Mark(Some(probe));
        if let Some(jam) = jam {
            panic!("{jam}");
        }
        Poll::Pending
    }
}

/// Without thread-locals; or under loom, which runs several threads of a model on one thread.
#[cfg(not(all(feature = "std", not(anyscope_loom))))]
mod unknown {
    use crate::scope::{policy::Policy, shared::Shared};
    use core::task::Context;

    pub(in crate::scope) fn watched<F>(future: F) -> F {
        future
    }

    pub(in crate::scope) struct Jam;

    impl Jam {
        pub(in crate::scope) fn new() -> Self {
            Jam
        }
    }

    #[derive(Default)]
    pub(in crate::scope::room) struct Noted;

    pub(in crate::scope::room) fn is_second_poll() -> bool {
        false
    }

    pub(in crate::scope::room) fn note<P: Policy, K>(_: &Shared<P, K>, _: &Context<'_>) -> Noted {
        Noted
    }
}
