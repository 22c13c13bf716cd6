//! How much may run at once, and how often.

mod adaptive;
mod hand;
mod limits;
mod rate;
mod semaphore;
