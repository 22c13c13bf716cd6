//! A second request when the first is slow: [`hedge`](hedge()), and after which time.

// | file | what |
// |---|---|
// | `hedge` | the future |
// | `delay` | after which time the next request is made |
// | `percentile` | a time that so many of the past requests have kept |

mod delay;
#[allow(clippy::module_inception, reason = "the function itself")]
mod hedge;
mod percentile;

pub use delay::HedgeDelay;
pub use hedge::{Hedge, hedge};
pub use percentile::Percentile;
