//! Retries, breakers, hedges: what is done about work that fails.

mod budget;
mod retry;
