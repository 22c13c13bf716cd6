//! Retries, breakers, hedges: what is done about work that fails.

mod budget;
mod fallback;
mod hedge;
mod retry;
mod single_flight;
