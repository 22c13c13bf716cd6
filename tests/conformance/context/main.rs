//! Context that follows the work, what runs around polls because of it, and children that end
//! themselves.

mod cancel_self;
mod hooks;
mod hostile;
mod values;
