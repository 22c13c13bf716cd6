//! Trying again what has failed: [`retry`](retry()), what its settings are made of, and its error.

// | file | what |
// |---|---|
// | `retry` | the future, and its settings |
// | `driver` | what it does |
// | `rules` | what counts as a failure, and who is told |
// | `attempts` | the error: what was tried, and why it ended |
// | `budget` | how many retries a whole program may make |

mod attempts;
mod budget;
#[cfg(all(test, anyscope_loom))]
mod budget_models;
mod driver;
#[allow(clippy::module_inception, reason = "the function itself")]
mod retry;
mod rules;

pub use attempts::{Attempts, Earlier, Failure, GaveUp};
pub use budget::RetryBudget;
pub use retry::{Attempt, Retry, retry};
pub use rules::{Accepted, Accepts, Chosen, EveryError, EveryValue, Nobody, Retries, Tells, Told};
