//! Who waits for what, in words: the same in the verdict of a tree and in the report of a simulation.

use core::{fmt, panic::Location};

/// What a child is called in messages: its name and where it was spawned.
///
/// # Examples
///
/// ```
/// use anyscope::observe::Called;
/// use std::panic::Location;
///
/// let feed = Called { name: Some("feed"), spawned_at: Location::caller() };
/// assert!(feed.to_string().starts_with("child `feed`, spawned at "));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Called<'a> {
    /// Its name, if it was given one.
    pub name: Option<&'a str>,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
}

impl fmt::Display for Called<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(f, "child `{name}`, spawned at {}", self.spawned_at),
            None => write!(f, "the child spawned at {}", self.spawned_at),
        }
    }
}

/// Who waits, and for what: for executors that explain why a task is stuck, in the words of the library.
///
/// # Examples
///
/// ```
/// use anyscope::observe::WhoWaits;
///
/// let waits = ["room in a scope of 2", "a time"];
/// let line = WhoWaits { who: &"the test itself", waits: &waits };
/// assert_eq!(line.to_string(), "the test itself, which waits for room in a scope of 2 and a time");
/// ```
#[derive(Clone, Copy)]
pub struct WhoWaits<'a, W> {
    /// Who: often a [`Called`].
    pub who: &'a dyn fmt::Display,
    /// For what. Nothing is said of it if it is empty.
    pub waits: &'a [W],
}

impl<W: fmt::Display> fmt::Display for WhoWaits<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.who.fmt(f)?;
        self.waits.iter().enumerate().try_for_each(|(at, wait)| {
            write!(f, "{}{wait}", if at == 0 { ", which waits for " } else { " and " })
        })
    }
}

impl<W: fmt::Display> fmt::Debug for WhoWaits<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WhoWaits({self})")
    }
}
