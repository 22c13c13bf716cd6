//! Retries, breakers, hedges: what is done about work that fails.

mod breaker;
mod budget;
mod fallback;
mod hedge;
mod retry;
mod single_flight;
