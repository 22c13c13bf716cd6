//! Resources that are expensive to make and used by one at a time, such as connections.
//!
//! [`ResourcePool`] lends them: [`get`](ResourcePool::get) waits for a place, first come, first
//! served, and returns a [`Guard`], which gives the resource back when it is dropped, on any thread,
//! without waiting. What a resource is, how it is made, checked and ended, says a [`Manage`].
//!
//! Ends are asynchronous and are not forgotten: each [destroy](Manage::destroy) is a child of a
//! scope that the pool owns, on its executor. [`close`](ResourcePool::close) waits for them, and for
//! the resources that are still lent.
//!
//! | file | what |
//! |---|---|
//! | `manage` | what a user says of a resource |
//! | `builder` | the settings of a pool |
//! | `pool` | the pool: to get a resource, to close |
//! | `keyed`, `keys` | pools by key, and the map of them |
//! | `checkout` | the steps of a get, each with what undoes it |
//! | `guard` | a resource that is lent |
//! | `shared` | what pool, guards and destroys share: who has how many |
//! | `idle` | resources that nobody uses, and when their time is over |
//! | `reaper` | ends those whose time is over |
//! | `destroy` | the child that ends a resource |
//! | `places` | how many may be out, and who waits for it |
//! | `time` | the executor's clock and timer, as one type |

mod builder;
mod checkout;
mod destroy;
mod error;
mod guard;
mod idle;
mod keyed;
mod keys;
mod manage;
mod places;
#[allow(clippy::module_inception)]
mod pool;
mod reaper;
mod report;
mod shared;
mod time;

pub use builder::ResourcePoolBuilder;
pub use error::{GetError, TryGetError};
pub use guard::Guard;
pub use idle::Order;
pub use keyed::KeyedResourcePool;
pub use manage::Manage;
pub use pool::ResourcePool;
pub use report::{CloseReport, Status};
