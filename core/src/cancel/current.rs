//! Which children and bodies this thread is running: to detect a child that waits for itself, to
//! shield them, and to ask whether they are to end.
//!
//! Every poll of a child puts a [`Frame`] on its stack, linked to the one around it, and so does
//! every poll of the body of a fail-fast scope. Code that keeps such a frame from being dropped (a
//! shield, a call that blocks), or that belongs to a scope without being a frame (a finalizer), puts
//! a [`Mark`] on its stack. Marks have a list of their own, so polls of children need not know of
//! them. Without `std` there are no thread-locals: a child that waits for itself hangs, and there
//! are no shields.

use super::{CancelToken, Cancelled, shields::Shields};
#[cfg(all(feature = "std", not(anyscope_loom)))]
use crate::waits::watcher::Member;
use crate::{sync::Arc, time::Instant, values::Context};
use core::{fmt, panic::Location, ptr};

/// A child, or the body of a scope, that is being polled on this thread.
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
pub(crate) struct Frame<'a> {
    /// The address of the child. Null for a body.
    pub(crate) child: *const (),
    /// The address of its scope. Null if it has none.
    pub(crate) scope: *const (),
    pub(crate) about: &'a dyn About,
}

/// What code can ask about the child or body whose poll it is part of.
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
pub(crate) trait About {
    /// Returns where the child was spawned, if this is a child.
    fn spawned_at(&self) -> Option<&'static Location<'static>>;

    /// Returns what messages call it, if this is a child.
    fn name(&self) -> Option<&dyn fmt::Display>;

    /// Calls `f` with the place for its shields.
    fn with_shields(&self, f: &mut dyn FnMut(&mut Option<Arc<Shields>>));

    /// Returns why it is to end, if it is.
    fn asked_to_end(&self) -> Option<Cancelled>;

    /// Returns the token of its scope, if it has one.
    fn token(&self) -> Option<CancelToken>;

    /// Returns the context of its scope.
    fn context(&self) -> Option<&Context>;

    /// Calls `f` with what is kept of this child, if it is watched.
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    fn with_member(&self, f: &mut dyn FnMut(&Member<'_>));

    /// Asks for the end of this child. Returns whether it is one.
    fn cancel_self(&self) -> bool;
}

/// Returns where the child of `scope` was spawned that this code is part of, if there is one.
pub(crate) fn inside_scope(scope: *const ()) -> Option<&'static Location<'static>> {
    imp::find(|frame| ptr::addr_eq(frame.scope, scope).then(|| frame.about.spawned_at()).flatten())
}

/// Returns the address of the innermost child around this code, if it is one of `scope`, and no body
/// is in between.
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) fn directly_in_child_of(scope: *const ()) -> Option<*const ()> {
    imp::find(|frame| {
        Some(if ptr::addr_eq(frame.scope, scope) { frame.child } else { ptr::null() })
    })
    .filter(|child| !child.is_null())
}

/// Returns the address of the innermost child around this code. Null if a body is in between, or
/// there is none.
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) fn innermost_child() -> *const () {
    imp::find(|frame| Some(frame.child)).unwrap_or(ptr::null())
}

/// Returns what messages call the innermost child around this code.
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) fn name_of_child() -> Option<alloc::string::String> {
    imp::find(|frame| frame.about.name().map(alloc::string::ToString::to_string))
}

/// Returns whether this code is part of a poll of `child`.
pub(crate) fn inside_child(child: *const ()) -> bool {
    imp::find(|frame| ptr::addr_eq(frame.child, child).then_some(())).is_some()
}

/// Returns when the scope is cancelled at the latest in whose child or body this code runs, as far as
/// deadlines say, those of scopes around it included. Never behind a shield.
pub(crate) fn deadline_around() -> Instant {
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    return token_around().map_or(Instant::NEVER, |token| token.deadline());
    #[cfg(not(all(feature = "std", not(anyscope_loom))))]
    return Instant::NEVER;
}

/// How the running code relates to a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
pub(crate) enum Stance {
    /// In its body or in one of its children, and dropped with it.
    Inside,
    /// Also in its body or a child, but behind a shield, or on a thread that is blocked: this code
    /// must resume before the scope can end.
    Held,
    /// In neither.
    Outside,
    /// In a child of another scope, which may itself be inside. The executor that polls the child
    /// does not know.
    Unknown,
}

/// Something that is not a [`Frame`], but matters to the frames inside or around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
pub(crate) enum Mark {
    /// A shield with a number of its own; zero if it cannot be lifted.
    Shield(usize),
    /// A part of the code behind the shield of that number for which the shield is lifted.
    Lifted(usize),
    /// A call that returns only when what it runs has ended.
    Blocked,
    /// A finalizer of the scope at this address.
    Finalizer(usize),
}

/// Returns whether this code is part of a finalizer of `scope`.
pub(crate) fn inside_finalizer(scope: *const ()) -> bool {
    imp::is_marked(Mark::Finalizer(scope.addr()))
}

pub(crate) use imp::{
    alone, context, framed, in_context, is_outermost, marked, stance, token_around,
};
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) use imp::{asked_to_end, cancel_self, context_around, has, innermost_member, raise_all};

#[cfg(all(feature = "std", not(anyscope_loom)))]
mod imp {
    use super::*;
    use crate::{
        cancel::shields,
        sync::nest::{self, Nest, Nested, Plain},
    };
    use alloc::vec::Vec;

    /// The list of frames.
    struct Frames;

    impl Nested for Frames {
        type Value<'a> = Frame<'a>;

        fn shorten<'short, 'long: 'short>(frame: &'short Frame<'long>) -> &'short Frame<'short> {
            frame
        }
    }

    /// A mark, and the innermost frame around it.
    type Marked = (Mark, *const ());

    /// The list of contexts, each with the innermost frame around it.
    struct Contexts;

    impl Nested for Contexts {
        type Value<'a> = (&'a Context, *const ());

        fn shorten<'short, 'long: 'short>(
            value: &'short Self::Value<'long>,
        ) -> &'short Self::Value<'short> {
            value
        }
    }

    std::thread_local! {
        static FRAMES: Nest<Frames> = const { Nest::new() };
        static MARKS: Nest<Plain<Marked>> = const { Nest::new() };
        static CONTEXTS: Nest<Contexts> = const { Nest::new() };
    }

    /// Polls something with a frame on its stack.
    #[inline]
    pub(crate) fn framed<R>(frame: Frame<'_>, poll: impl FnOnce() -> R) -> R {
        nest::with(&FRAMES, frame, poll)
    }

    /// Runs `f` as an executor would: in no child, body or context, whatever there is around this
    /// code.
    pub(crate) fn alone<R>(f: impl FnOnce() -> R) -> R {
        nest::without(&FRAMES, || nest::without(&MARKS, || nest::without(&CONTEXTS, f)))
    }

    /// Runs `f` with a mark on its stack.
    pub(crate) fn marked<R>(mark: Mark, f: impl FnOnce() -> R) -> R {
        nest::with(&MARKS, (mark, nest::innermost(&FRAMES)), f)
    }

    /// Runs `f` with a context around it.
    pub(crate) fn in_context<R>(context: &Context, f: impl FnOnce() -> R) -> R {
        nest::with(&CONTEXTS, (context, nest::innermost(&FRAMES)), f)
    }

    /// Calls `f` with the context around this code, if there is one: one that was put around it
    /// since the innermost frame began, or that of the frame's scope.
    pub(crate) fn context_around<R>(f: impl FnOnce(Option<&Context>) -> R) -> R {
        nest::with_innermost(&FRAMES, |frame| {
            nest::with_innermost(&CONTEXTS, |around| match (around, frame) {
                (Some((context, at)), _) if ptr::addr_eq(*at, address_of(frame)) => {
                    f(Some(context))
                }
                (_, Some(frame)) => f(frame.about.context()),
                (_, None) => f(None),
            })
        })
    }

    /// The address of a frame. Null if there is none.
    fn address_of(frame: Option<&Frame<'_>>) -> *const () {
        frame.map_or(ptr::null(), |frame| ptr::from_ref(frame).cast())
    }

    /// Returns a clone of the context around this code, if there is one.
    pub(crate) fn context() -> Option<Context> {
        context_around(|context| context.cloned())
    }

    /// Returns whether this code is in no child, body or context.
    #[inline]
    pub(crate) fn is_outermost() -> bool {
        nest::is_empty(&CONTEXTS) && nest::is_empty(&FRAMES)
    }

    /// Asks for the end of the innermost child around this code. Returns whether there is one.
    pub(crate) fn cancel_self() -> bool {
        find(|frame| (!frame.child.is_null()).then(|| frame.about.cancel_self())).unwrap_or(false)
    }

    /// Calls `f` with what is kept of the innermost child around this code, if that is watched.
    pub(crate) fn innermost_member(f: &mut dyn FnMut(&Member<'_>)) {
        find(|frame| (!frame.child.is_null()).then(|| frame.about.with_member(f)));
    }

    pub(super) fn find<R>(f: impl for<'a> FnMut(&'a Frame<'a>) -> Option<R>) -> Option<R> {
        nest::find(&FRAMES, f)
    }

    /// Returns the marks of this thread, the innermost first.
    fn marks() -> Vec<Marked> {
        let mut all = Vec::new();
        nest::find(&MARKS, |&marked| {
            all.push(marked);
            None::<()>
        });
        all
    }

    pub(super) fn is_marked(mark: Mark) -> bool {
        nest::find(&MARKS, |&(here, _)| (here == mark).then_some(())).is_some()
    }

    /// Returns how the running code relates to `scope`.
    pub(crate) fn stance(scope: *const ()) -> Stance {
        let all = marks();
        let mut marks = all.iter().enumerate().peekable();
        let mut outermost = None;
        let mut shielded = false;
        let mut blocked = false;
        let found = find(|frame| {
            // The marks inside this frame.
            while let Some((n, (mark, _))) = marks.next_if(|(_, (_, at))| ptr::addr_eq(*at, frame))
            {
                match mark {
                    Mark::Shield(number) => shielded |= !is_lifted(*number, &all[..n]),
                    Mark::Blocked => blocked = true,
                    Mark::Lifted(_) | Mark::Finalizer(_) => {}
                }
            }
            outermost = Some(!frame.child.is_null() && !frame.scope.is_null());
            ptr::addr_eq(frame.scope, scope).then(|| {
                let kept = shielded && is_shielded(frame);
                if blocked || kept { Stance::Held } else { Stance::Inside }
            })
        });
        found.unwrap_or(match outermost {
            Some(true) => Stance::Unknown,
            _ => Stance::Outside,
        })
    }

    /// Returns whether one of the marks further in lifts the shield of that number.
    fn is_lifted(number: usize, further_in: &[Marked]) -> bool {
        number != 0 && further_in.iter().any(|(mark, _)| *mark == Mark::Lifted(number))
    }

    /// Raises one shield in every frame. Returns those that the caller has to lower.
    pub(crate) fn raise_all() -> Vec<Arc<Shields>> {
        let mut raised = Vec::new();
        find(|frame| {
            frame.about.with_shields(&mut |slot| {
                let shields = shields::in_slot(slot);
                shields.raise();
                raised.push(shields.clone());
            });
            None::<()>
        });
        raised
    }

    /// Returns whether `shields` are those of a frame.
    pub(crate) fn has(shields: &Arc<Shields>) -> bool {
        find(|frame| {
            let mut is_here = false;
            frame.about.with_shields(&mut |slot| {
                is_here = slot.as_ref().is_some_and(|here| Arc::ptr_eq(here, shields));
            });
            is_here.then_some(())
        })
        .is_some()
    }

    fn is_shielded(frame: &Frame<'_>) -> bool {
        let mut is_up = false;
        frame.about.with_shields(&mut |slot| is_up = shields::is_up(slot));
        is_up
    }

    /// Returns the own token of the scope in whose child or body this code runs. None behind a
    /// shield.
    pub(crate) fn token_around() -> Option<CancelToken> {
        // The innermost frame only: a request to an outer frame reaches the innermost scope too.
        find(|frame| Some(if is_shielded(frame) { None } else { frame.about.token() })).flatten()
    }

    /// Returns why the innermost child or body is to end, or one around it, if one is. A shield
    /// hides the frame that it shields, and those around it.
    pub(crate) fn asked_to_end() -> Option<Cancelled> {
        find(
            |frame| {
                if is_shielded(frame) { Some(None) } else { frame.about.asked_to_end().map(Some) }
            },
        )
        .flatten()
    }
}

/// Without thread-locals; or under loom, which runs several threads of a model on one thread.
#[cfg(not(all(feature = "std", not(anyscope_loom))))]
mod imp {
    use super::*;

    pub(crate) fn framed<R>(_: Frame<'_>, poll: impl FnOnce() -> R) -> R {
        poll()
    }

    pub(crate) fn alone<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    pub(crate) fn marked<R>(_: Mark, f: impl FnOnce() -> R) -> R {
        f()
    }

    pub(crate) fn in_context<R>(_: &Context, f: impl FnOnce() -> R) -> R {
        f()
    }

    pub(super) fn find<R>(_: impl for<'a> FnMut(&'a Frame<'a>) -> Option<R>) -> Option<R> {
        None
    }

    pub(super) fn is_marked(_: Mark) -> bool {
        false
    }

    pub(crate) fn stance(_: *const ()) -> Stance {
        Stance::Unknown
    }

    pub(crate) fn token_around() -> Option<CancelToken> {
        None
    }

    pub(crate) fn context() -> Option<Context> {
        None
    }

    pub(crate) fn is_outermost() -> bool {
        true
    }
}
