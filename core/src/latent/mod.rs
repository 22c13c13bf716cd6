//! An executor around another one, whose children become tasks of it only when they park.
//!
//! | file | contents |
//! |---|---|
//! | [`latent`] | what users see: the executor, and what is done when a child is awaited |
//! | `begin` | polls a child that has not begun, and does what its answer asks for |
//! | `host` | the tasks that begin children which nobody awaits |
//! | `queue` | children that have not begun, and which hosts are awake |
//!
//! What is shared is behind one lock, and no user code runs inside it: no poll, no wake, no spawn, no
//! destructor.

mod begin;
mod host;
// The type `Latent` is what one looks for under this name.
#[allow(clippy::module_inception)]
mod latent;
mod queue;

pub use latent::Latent;
