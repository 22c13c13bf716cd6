//! Retries, breakers, hedges: what is done about work that fails.

mod breaker;
mod budget;
mod bulkhead;
mod fallback;
mod hedge;
mod repeat;
mod retry;
mod single_flight;
