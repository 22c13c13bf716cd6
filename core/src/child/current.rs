//! Which children and bodies this thread is running: to tell a wait for oneself from a wait, to
//! shield them, and to ask whether they are to end.
//!
//! Every poll of a child puts a [`Frame`] on its stack, linked to the one around it, and so does
//! every poll of the body of a fail-fast scope. Costs two thread-local accesses a poll. What keeps
//! such a frame from being dropped (a shield, a call that blocks) or is none although it belongs
//! to a scope (a finalizer) puts a [`Mark`] on its stack, on a list of its own: polls of children
//! need not know of them. Without `std` there are no thread-locals: such waits hang, and there are
//! no shields.

use super::raw::Raw;
use core::panic::Location;

/// Where the child of `scope` was spawned whose poll this code is part of, if there is one.
pub(crate) fn inside_scope(scope: *const ()) -> Option<&'static Location<'static>> {
    imp::find(|_, frame_scope| core::ptr::addr_eq(frame_scope, scope))
}

/// Whether this code is part of a poll of `child`.
pub(super) fn inside_child(child: Raw) -> bool {
    imp::find(|frame_child, _| frame_child == child).is_some()
}

/// Where this code stands towards a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
pub(crate) enum Stance {
    /// In its body or one of its children, and dropped with that.
    Inside,
    /// In there too, but behind a shield, or on a thread that is blocked: it must go on before
    /// the scope can end.
    Held,
    /// Neither.
    Outside,
    /// In a child of another scope, which may itself be inside: its executor knows not.
    Unknown,
}

/// What is not a [`Frame`], but matters to those inside or around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
pub(crate) enum Mark {
    /// A shield with a number of its own; zero if nobody can lift it.
    Shield(usize),
    /// A part of what is behind the shield of that number, which it does not keep.
    Lifted(usize),
    /// A call that returns only when what it runs has ended.
    Blocked,
    /// A finalizer of the scope at this address.
    Finalizer(usize),
}

/// Whether this code is part of a finalizer of `scope`.
pub(crate) fn inside_finalizer(scope: *const ()) -> bool {
    imp::is_marked(Mark::Finalizer(scope.addr()))
}

pub(super) use imp::{Asks, Frame};
pub(crate) use imp::{Marked, in_body, stance, token_around};
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) use imp::{asked_to_end, has, raise_all};

/// Runs `f` with a mark on its stack.
pub(crate) fn marked<R>(mark: Mark, f: impl FnOnce() -> R) -> R {
    let marked = Marked::new(mark);
    let _inside = marked.enter();
    f()
}

#[cfg(all(feature = "std", not(anyscope_loom)))]
mod imp {
    use super::{
        super::{
            Cancelled,
            parent::Parent,
            shields::{self, Shields},
        },
        *,
    };
    use crate::{cancel::CancelToken, sync::Arc};
    use alloc::vec::Vec;
    use core::{cell::Cell, marker::PhantomData, ptr};

    /// A child, or the body of a scope, that is being polled on this thread.
    pub(in super::super) struct Frame {
        child: Option<Raw>,
        /// The address of its scope.
        scope: *const (),
        /// The slot of its shields.
        shields: *mut Option<Arc<Shields>>,
        asks: &'static Asks,
        outer: *const Frame,
    }

    /// What can be asked of the scope at an address, if there is one.
    pub(in super::super) struct Asks {
        /// Whether it asks for the end.
        to_end: unsafe fn(*const ()) -> Option<Cancelled>,
        token: unsafe fn(*const ()) -> Option<CancelToken>,
    }

    impl Asks {
        /// For the address of an `S`.
        pub(in super::super) const fn of<S: Parent>() -> &'static Self {
            &Asks {
                // SAFETY: promised by the caller: null, or the address of an `S`.
                to_end: |scope| unsafe { scope.cast::<S>().as_ref() }.and_then(S::asks_children),
                // SAFETY: as above.
                token: |scope| unsafe { scope.cast::<S>().as_ref() }.map(S::own_token),
            }
        }
    }

    std::thread_local! {
        static TOP: Cell<*const Frame> = const { Cell::new(ptr::null()) };
        static MARKS: Cell<*const Marked> = const { Cell::new(ptr::null()) };
    }

    // On some targets every thread-local has a destructor, and children may be polled in the
    // destructor of another one, after it: no frames are seen there.

    fn top() -> *const Frame {
        TOP.try_with(Cell::get).unwrap_or(ptr::null())
    }

    fn set_top(frame: *const Frame) {
        let _ = TOP.try_with(|top| top.set(frame));
    }

    impl Frame {
        /// # Safety
        ///
        /// While the frame is entered, the slot is this thread's, and `scope` is null or there, and of
        /// the type that `asks` is for.
        pub(in super::super) unsafe fn new(
            child: Option<Raw>,
            scope: *const (),
            shields: *mut Option<Arc<Shields>>,
            asks: &'static Asks,
        ) -> Self {
            Frame { child, scope, shields, asks, outer: top() }
        }

        /// Puts the frame on the thread's list until the guard is dropped.
        pub(in super::super) fn enter(&self) -> Entered<'_> {
            set_top(self);
            Entered { outer: self.outer, frame: PhantomData }
        }
    }

    pub(in super::super) struct Entered<'a> {
        outer: *const Frame,
        frame: PhantomData<&'a Frame>,
    }

    impl Drop for Entered<'_> {
        fn drop(&mut self) {
            set_top(self.outer);
        }
    }

    /// Polls the body of `scope` with `poll`; `slot` is for its shields.
    pub(crate) fn in_body<S: Parent, R>(
        scope: &S,
        slot: &mut Option<Arc<Shields>>,
        poll: impl FnOnce() -> R,
    ) -> R {
        // SAFETY: both are borrowed until this returns, and the frame is left before that.
        let frame = unsafe { Frame::new(None, ptr::from_ref(scope).cast(), slot, Asks::of::<S>()) };
        let _inside = frame.enter();
        poll()
    }

    /// A [`Mark`] for the list of this thread.
    pub(crate) struct Marked {
        mark: Mark,
        /// The innermost frame around it.
        frame: *const Frame,
        outer: *const Marked,
    }

    impl Marked {
        pub(crate) fn new(mark: Mark) -> Self {
            Marked { mark, frame: TOP.get(), outer: MARKS.get() }
        }

        /// Puts the mark on the thread's list until the guard is dropped.
        pub(crate) fn enter(&self) -> InMark<'_> {
            MARKS.set(self);
            InMark(self)
        }
    }

    pub(crate) struct InMark<'a>(&'a Marked);

    impl Drop for InMark<'_> {
        fn drop(&mut self) {
            MARKS.set(self.0.outer);
        }
    }

    /// The marks of this thread, the innermost first.
    fn marks() -> impl Iterator<Item = (Mark, *const Frame)> {
        let mut next = MARKS.get();
        core::iter::from_fn(move || {
            // SAFETY: a mark is on the list only while the guard that borrows it lives, as for frames;
            // nobody keeps this iterator for longer than a call of his own.
            let marked = unsafe { next.as_ref() }?;
            next = marked.outer;
            Some((marked.mark, marked.frame))
        })
    }

    pub(super) fn is_marked(mark: Mark) -> bool {
        marks().any(|(here, _)| here == mark)
    }

    /// Where this code stands towards `scope`.
    pub(crate) fn stance(scope: *const ()) -> Stance {
        let mut outermost = None;
        let mut marks = marks().enumerate().peekable();
        let mut shielded = false;
        let mut blocked = false;
        let found = walk(|frame| {
            // Those inside of this frame.
            while let Some((n, (mark, _))) = marks.next_if(|(_, (_, at))| ptr::eq(*at, frame)) {
                match mark {
                    Mark::Shield(number) => shielded |= !is_lifted(number, n),
                    Mark::Blocked => blocked = true,
                    Mark::Lifted(_) | Mark::Finalizer(_) => {}
                }
            }
            outermost = Some(frame.child.is_some() && !frame.scope.is_null());
            ptr::addr_eq(frame.scope, scope).then(|| {
                // SAFETY: as for `raise_all`.
                let slot = unsafe { (*frame.shields).as_ref() };
                let kept = shielded && slot.is_some_and(|shields| shields.is_up());
                if blocked || kept { Stance::Held } else { Stance::Inside }
            })
        });
        found.unwrap_or(match outermost {
            Some(true) => Stance::Unknown,
            _ => Stance::Outside,
        })
    }

    /// Whether one of the innermost `n` marks lifts the shield of that number.
    fn is_lifted(number: usize, n: usize) -> bool {
        number != 0 && marks().take(n).any(|(mark, _)| mark == Mark::Lifted(number))
    }

    /// The frames of this thread, the innermost first, until `f` has an answer.
    fn walk<R>(mut f: impl FnMut(&Frame) -> Option<R>) -> Option<R> {
        let mut frame = top();
        // SAFETY: a frame is on the list only while the guard that borrows it lives, and guards
        // are dropped in reverse order, as they never leave the poll of a child.
        while let Some(here) = unsafe { frame.as_ref() } {
            if let Some(answer) = f(here) {
                return Some(answer);
            }
            frame = here.outer;
        }
        None
    }

    pub(super) fn find(
        mut matches: impl FnMut(Raw, *const ()) -> bool,
    ) -> Option<&'static Location<'static>> {
        walk(|frame| {
            let child = frame.child.filter(|&child| matches(child, frame.scope))?;
            // SAFETY: a child that is being polled is kept.
            Some(unsafe { child.tail() }.origin.spawned_at())
        })
    }

    /// Raises one shield in every frame; these are to be lowered.
    pub(crate) fn raise_all() -> Vec<Arc<Shields>> {
        let mut raised = Vec::new();
        walk(|frame| {
            // SAFETY: promised by `Frame::new`; nobody keeps a reference into a slot.
            let shields = shields::in_slot(unsafe { &mut *frame.shields });
            shields.raise();
            raised.push(shields.clone());
            None::<()>
        });
        raised
    }

    /// Whether `shields` are those of a frame.
    pub(crate) fn has(shields: &Arc<Shields>) -> bool {
        let is_here = |frame: &Frame| {
            // SAFETY: as above.
            let slot = unsafe { (*frame.shields).as_ref() };
            slot.is_some_and(|here| Arc::ptr_eq(here, shields)).then_some(())
        };
        walk(is_here).is_some()
    }

    /// The own token of the scope in whose child or body this code runs. None behind a shield.
    pub(crate) fn token_around() -> Option<CancelToken> {
        // The innermost only: what is asked of those around it, its scope has asked for.
        walk(|frame| {
            // SAFETY: as above.
            let is_up = |slot: &Option<Arc<Shields>>| slot.as_ref().is_some_and(|all| all.is_up());
            // SAFETY: as above.
            let shielded = is_up(unsafe { &*frame.shields });
            // SAFETY: promised by `Frame::new`.
            Some(if shielded { None } else { unsafe { (frame.asks.token)(frame.scope) } })
        })
        .flatten()
    }

    /// Why the innermost child or body is to end, if it is, or one around it. What is behind a
    /// shield does not count.
    pub(crate) fn asked_to_end() -> Option<Cancelled> {
        walk(|frame| {
            // SAFETY: as above.
            if unsafe { (*frame.shields).as_ref() }.is_some_and(|shields| shields.is_up()) {
                return Some(None);
            }
            // SAFETY: promised by `Frame::new`.
            let scope = unsafe { (frame.asks.to_end)(frame.scope) };
            // SAFETY: a child that is being polled is kept.
            let state = frame.child.map(|child| unsafe { child.state() });
            match state.filter(|state| state.is_asked_to_end()) {
                Some(state) => {
                    let reason = scope.and_then(|scope| scope.reason().cloned());
                    Some(Some(Cancelled::new(state.cause()).because(reason)))
                }
                None => scope.map(Some),
            }
        })
        .flatten()
    }
}

/// No thread-locals, or (under loom) several threads of a model on one.
#[cfg(not(all(feature = "std", not(anyscope_loom))))]
mod imp {
    use super::{
        super::{parent::Parent, shields::Shields},
        *,
    };
    use crate::{cancel::CancelToken, sync::Arc};

    pub(in super::super) struct Frame;

    pub(in super::super) struct Asks;

    impl Asks {
        pub(in super::super) const fn of<S: Parent>() -> &'static Self {
            &Asks
        }
    }

    pub(crate) fn token_around() -> Option<CancelToken> {
        None
    }

    pub(crate) fn in_body<S, R>(
        _: &S,
        _: &mut Option<Arc<Shields>>,
        poll: impl FnOnce() -> R,
    ) -> R {
        poll()
    }

    impl Frame {
        pub(in super::super) unsafe fn new(
            _: Option<Raw>,
            _: *const (),
            _: *mut Option<Arc<Shields>>,
            _: &'static Asks,
        ) -> Self {
            Frame
        }

        pub(in super::super) fn enter(&self) {}
    }

    pub(super) fn find(
        _: impl FnMut(Raw, *const ()) -> bool,
    ) -> Option<&'static Location<'static>> {
        None
    }

    pub(crate) struct Marked;

    impl Marked {
        pub(crate) fn new(_: Mark) -> Self {
            Marked
        }

        pub(crate) fn enter(&self) {}
    }

    pub(super) fn is_marked(_: Mark) -> bool {
        false
    }

    pub(crate) fn stance(_: *const ()) -> Stance {
        Stance::Unknown
    }
}
