//! What an output means.

use core::{convert::Infallible, ops::ControlFlow};

/// The rule of [`join`](super::join()): values are kept until all are there.
#[derive(Clone, Copy, Debug)]
pub struct All(());

/// The rule of [`try_join`](super::try_join()): values are kept, an error decides.
#[derive(Clone, Copy, Debug)]
pub struct AllOk(());

/// The rule of [`race`](super::race()): the first output decides.
#[derive(Clone, Copy, Debug)]
pub struct First(());

/// The rule of [`race_ok`](super::race_ok()): a value decides, errors are kept.
#[derive(Clone, Copy, Debug)]
pub struct FirstOk(());

/// What becomes of an output `T`: it is kept until all members are done, or it decides at once.
/// Sealed.
///
/// A bound for code that is generic over the rule of a [`Group`](super::Group): users of [`join`](super::join()) and its kin do not meet it.
#[diagnostic::on_unimplemented(
    message = "the output `{T}` of this future is not a `Result`",
    label = "a future of it yields `{T}`",
    note = "`try_join` and `race_ok` tell values from errors; for futures of any output there are `join` and `race`"
)]
pub trait Rule<T>: sealed::Sealed {
    /// What is kept.
    type Kept;
    /// What decides.
    type Decided;
    /// Whether anything can decide.
    #[doc(hidden)]
    const DECIDES: bool = true;
    /// Whether anything can be kept.
    #[doc(hidden)]
    const KEEPS: bool = true;

    #[doc(hidden)]
    fn judge(output: T) -> ControlFlow<Self::Decided, Self::Kept>;
}

impl<T> Rule<T> for All {
    type Kept = T;
    type Decided = Infallible;
    const DECIDES: bool = false;

    #[inline(always)]
    fn judge(output: T) -> ControlFlow<Infallible, T> {
        ControlFlow::Continue(output)
    }
}

impl<T, E> Rule<Result<T, E>> for AllOk {
    type Kept = T;
    type Decided = E;

    #[inline(always)]
    fn judge(output: Result<T, E>) -> ControlFlow<E, T> {
        match output {
            Ok(value) => ControlFlow::Continue(value),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

impl<T> Rule<T> for First {
    type Kept = Infallible;
    type Decided = T;
    const KEEPS: bool = false;

    #[inline(always)]
    fn judge(output: T) -> ControlFlow<T, Infallible> {
        ControlFlow::Break(output)
    }
}

impl<T, E> Rule<Result<T, E>> for FirstOk {
    type Kept = E;
    type Decided = T;

    #[inline(always)]
    fn judge(output: Result<T, E>) -> ControlFlow<T, E> {
        match output {
            Ok(value) => ControlFlow::Break(value),
            Err(error) => ControlFlow::Continue(error),
        }
    }
}

/// A rule under which the group waits for its members: one that not all of them have to follow.
/// Sealed.
#[diagnostic::on_unimplemented(
    message = "`maybe` is for members of a `join` or a `try_join`",
    note = "a race drops all but its winner anyway"
)]
#[allow(unnameable_types, reason = "sealed")]
pub trait Waits: sealed::Sealed {}

impl Waits for All {}
impl Waits for AllOk {}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::All {}
    impl Sealed for super::AllOk {}
    impl Sealed for super::First {}
    impl Sealed for super::FirstOk {}
}
