//! How much may run at once, and how often.

mod adaptive;
mod semaphore;
mod hand;
mod rate;
