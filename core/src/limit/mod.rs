//! How much may run at once.

pub mod adaptive;
#[cfg(feature = "alloc")]
mod into;
// The type `Limit` is what one looks for under this name.
#[allow(clippy::module_inception)]
mod limit;
#[cfg(feature = "alloc")]
mod live;
#[cfg(feature = "alloc")]
pub(crate) mod semaphore;

#[cfg(feature = "alloc")]
pub use into::IntoLimit;
pub use limit::{Limit, ZeroLimit};
#[cfg(feature = "alloc")]
pub use live::{Capacity, LiveLimit};
#[cfg(feature = "alloc")]
pub use semaphore::{AcquireError, OwnedPermit, Permit, Semaphore, TryAcquireError};
