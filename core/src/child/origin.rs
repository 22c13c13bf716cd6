//! Identifies a child: where it was spawned and its name, in one word, and its number.

use crate::waits::Called;
use alloc::{borrow::Cow, boxed::Box};
use core::{fmt, marker::PhantomData, panic::Location, ptr::NonNull};

/// Set in the pointer if it points to a [`Named`]. Both kinds of pointee are aligned more strictly.
const NAMED: usize = 1;

/// Where a child was spawned, and its name if it has one. A name costs an allocation.
pub(crate) struct Origin {
    /// A `&'static Location<'static>`, or a `Box<Named>` with the lowest bit set.
    pointer: NonNull<()>,
    owned: PhantomData<Named>,
}

struct Named {
    name: Cow<'static, str>,
    spawned_at: &'static Location<'static>,
    own: bool,
}

const _: () = assert!(align_of::<Named>() > NAMED && align_of::<Location<'static>>() > NAMED);

// SAFETY: a reference to something `Sync`, or a box of something `Send`.
unsafe impl Send for Origin {}
// SAFETY: gives out references to things that are `Sync`.
unsafe impl Sync for Origin {}

impl Origin {
    /// Returns the place of the caller's caller, without a name.
    #[track_caller]
    pub(crate) fn here() -> Self {
        Self::at(Location::caller())
    }

    pub(crate) fn at(location: &'static Location<'static>) -> Self {
        Origin { pointer: NonNull::from(location).cast(), owned: PhantomData }
    }

    /// Returns the same place, with a name.
    pub(crate) fn named(self, name: Cow<'static, str>) -> Self {
        self.with(name, false)
    }

    /// Returns the same place, for a child that is the scope's own and not the user's.
    pub(crate) fn own(self, name: &'static str) -> Self {
        self.with(Cow::Borrowed(name), true)
    }

    /// Returns whether there is a name, which has to be freed.
    #[inline]
    pub(super) fn is_named(&self) -> bool {
        self.pointer.addr().get() & NAMED != 0
    }

    /// Returns whether the child is the scope's own.
    pub(crate) fn is_own(&self) -> bool {
        self.as_named().is_some_and(|named| named.own)
    }

    fn with(self, name: Cow<'static, str>, own: bool) -> Self {
        let named = Box::new(Named { name, spawned_at: self.spawned_at(), own });
        let pointer = NonNull::from(Box::leak(named)).cast::<()>();
        Origin { pointer: pointer.map_addr(|addr| addr | NAMED), owned: PhantomData }
    }

    pub(crate) fn spawned_at(&self) -> &'static Location<'static> {
        match self.as_named() {
            Some(named) => named.spawned_at,
            // SAFETY: without the mark, the pointer came from a reference to a location.
            None => unsafe { self.pointer.cast().as_ref() },
        }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.as_named().map(|named| &*named.name)
    }

    /// Returns a name that may outlive the child.
    pub(crate) fn clone_name(&self) -> Option<Cow<'static, str>> {
        self.as_named().map(|named| named.name.clone())
    }

    fn as_named(&self) -> Option<&Named> {
        // SAFETY: with the mark, the pointer came from a box, which only `drop` frees.
        self.named_pointer().map(|named| unsafe { named.as_ref() })
    }

    fn named_pointer(&self) -> Option<NonNull<Named>> {
        let addr = self.pointer.addr().get();
        // Not null without the mark, as the pointer to a box is not.
        let unmarked = self.pointer.as_ptr().map_addr(|addr| addr & !NAMED).cast();
        if addr & NAMED != 0 { NonNull::new(unmarked) } else { None }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        if let Some(named) = self.named_pointer() {
            // SAFETY: the pointer came from a box, which is freed here and only here.
            drop(unsafe { Box::from_raw(named.as_ptr()) });
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("name", &self.name())
            .field("spawned_at", &format_args!("{}", self.spawned_at()))
            .finish()
    }
}

/// `child `name`, spawned at ..` in messages.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Called { name: self.name(), spawned_at: self.spawned_at() }.fmt(f)
    }
}

/// Identifies the child that something is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Info<'a> {
    pub(crate) id: ChildId,
    pub(crate) origin: &'a Origin,
}

/// The number of a child, unique within its scope.
///
/// Daemons are numbered apart from the children that the scope waits for, each in the order of
/// spawning.
///
/// # Examples
///
/// ```
/// use anyscope::concurrent;
///
/// # smol::block_on(async {
/// concurrent(async |s| {
///     let child = s.spawn(async {});
///     let daemon = s.spawn_daemon(std::future::pending::<()>());
///     // Both are the first of their kind.
///     assert_eq!((child.id().number(), daemon.id().number()), (0, 0));
///     assert_ne!(child.id(), daemon.id());
///     assert_eq!(child.id().to_string(), "#0");
/// })
/// .await;
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildId {
    daemon: bool,
    number: usize,
}

impl ChildId {
    pub(crate) fn new(number: usize, daemon: bool) -> Self {
        ChildId { daemon, number }
    }

    /// Returns how many children of the scope were spawned before this one; for a daemon, how many
    /// daemons.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     s.spawn(async {});
    ///     let second = s.spawn(async {});
    ///     assert_eq!(second.id().number(), 1);
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn number(self) -> usize {
        self.number
    }

    /// Returns whether the child is a daemon.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     s.spawn_daemon(std::future::pending::<()>());
    ///     let mut daemons = 0;
    ///     s.each_child(|child| daemons += usize::from(child.id.is_daemon()));
    ///     assert_eq!(daemons, 1);
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn is_daemon(self) -> bool {
        self.daemon
    }
}

impl fmt::Display for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", if self.daemon { "daemon " } else { "" }, self.number)
    }
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn a_name_does_not_hide_the_place() {
        let (line, plain) = (line!(), Origin::here());
        assert_eq!((plain.name(), plain.spawned_at().line()), (None, line));
        let named = plain.named(Cow::Owned(String::from("worker")));
        assert_eq!((named.name(), named.spawned_at().line()), (Some("worker"), line));
    }
}
